//! The comparer: the only place that reads expected outputs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::golden::Expected;
use super::rules::{self, DeltaVerdict, Verdict};
use super::tolerance::{AdamwDelta, FirstStep};
use super::{Array, Golden, Header, Recomputed, Rule, Stored, Tolerance, Value};
use crate::glob;

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Name within the checked folder.
    pub file: String,
    pub kind: String,
    /// Name of the tensor or path; `*` is the whole file.
    pub quantity: String,
    pub rule: String,
    /// Largest deviation (for `flips`: pixels); null if it is not finite or the shape differs.
    pub worst: Option<f64>,
    /// As in the header.
    pub tolerance: serde_json::Value,
    /// Deviation over what is allowed; null where `worst` is. The largest double where nothing is allowed.
    pub excess: Option<f64>,
    pub ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Row {
    /// A row about a whole file that could not be judged.
    pub(super) fn whole(file: &str, kind: &str, reason: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            kind: kind.to_owned(),
            quantity: "*".to_owned(),
            rule: "*".to_owned(),
            worst: None,
            tolerance: serde_json::Value::Null,
            excess: None,
            ok: false,
            reason: Some(reason.into()),
        }
    }
}

/// Judges every expected output of one file; `file` is its name in the report.
pub fn compare(file: &str, header: &Header, stored: &Stored, recomputed: &Recomputed) -> Vec<Row> {
    let comparer = Comparer { header, stored, recomputed };
    let mut rows = comparer.rows(file);
    rows.sort_by(|a, b| a.quantity.cmp(&b.quantity));
    rows
}

impl Golden {
    /// Judges what was recomputed from this file's inputs.
    pub fn compare(&self, file: &str, recomputed: &Recomputed) -> Vec<Row> {
        compare(file, self.inputs.header(), &self.stored, recomputed)
    }
}

struct Comparer<'a> {
    header: &'a Header,
    stored: &'a Stored,
    recomputed: &'a Recomputed,
}

impl Comparer<'_> {
    fn rows(&self, file: &str) -> Vec<Row> {
        let mut verdicts: BTreeMap<&str, Verdict> = BTreeMap::new();
        // The gradient rules come last, because a gradient decides only if it passed itself.
        let mut by_gradient = Vec::new();
        for (name, Expected { value, judge }) in &self.stored.outputs {
            let (pattern, tolerance) = self.header.judge(*judge);
            match &tolerance.rule {
                Rule::FirstStep(_) | Rule::AdamwDelta(_) => {
                    by_gradient.push((name, value, pattern, tolerance))
                }
                _ => {
                    verdicts.insert(name, self.plain(name, value, tolerance));
                }
            }
        }
        let trusted: Vec<&str> =
            verdicts.iter().filter(|(_, verdict)| verdict.excess <= 1.0).map(|(name, _)| *name).collect();
        let mut deltas: Vec<(&str, &AdamwDelta, DeltaVerdict)> = Vec::new();
        for (name, value, pattern, tolerance) in by_gradient {
            let (Some(Value::Array(got)), Value::Array(stored)) = (self.recomputed.get(name), value) else {
                verdicts.insert(name, Verdict::failed("expected an array that was not recomputed"));
                continue;
            };
            let parameter = captured(pattern, name);
            match &tolerance.rule {
                Rule::FirstStep(rule) => {
                    let gradients = self.step_gradients(name, parameter, rule, &trusted);
                    let small = (!gradients.is_empty())
                        .then(|| rules::small_entries(&gradients, rule, stored.len()))
                        .flatten();
                    let verdict = rules::first_step(stored, got, tolerance, rule, small.as_deref());
                    verdicts.insert(name, verdict);
                }
                Rule::AdamwDelta(rule) => {
                    let gradient = self.deciding_array(&rule.grads.replace("{}", parameter), &trusted);
                    let norm = self
                        .deciding_array(&rule.norm.replace("{}", parameter), &trusted)
                        .and_then(|norm| norm.to_f64().first().copied());
                    deltas.push((
                        name,
                        rule,
                        rules::adamw_delta(stored, got, tolerance, rule, gradient, norm),
                    ));
                }
                _ => {}
            }
        }
        // "Among all such entries of all these tensors of the file": one pool per limit.
        let limits: Vec<f64> = deltas.iter().map(|(_, rule, _)| rule.max_outliers).collect();
        for (i, limit) in limits.iter().enumerate() {
            if limits[..i].contains(limit) {
                continue;
            }
            let mut pool: Vec<&mut DeltaVerdict> = deltas
                .iter_mut()
                .filter(|(_, rule, _)| rule.max_outliers == *limit)
                .map(|(_, _, delta)| delta)
                .collect();
            rules::pool_outliers(&mut pool, *limit);
        }
        verdicts.extend(deltas.into_iter().map(|(name, _, delta)| (name, delta.verdict)));

        let mut rows: Vec<Row> = verdicts
            .into_iter()
            .map(|(name, verdict)| self.row(file, name, self.stored.outputs[name].judge, verdict))
            .collect();
        rows.extend(self.not_stored().into_iter().map(|(name, judge)| {
            let verdict = Verdict::failed("expected in a file of this kind, but not stored in it");
            self.row(file, &name, judge, verdict)
        }));
        for (name, reason) in &self.stored.unclear {
            rows.push(Row { quantity: name.clone(), ..Row::whole(file, &self.header.kind, reason) });
        }
        rows
    }

    fn plain(&self, name: &str, stored: &Value, tolerance: &Tolerance) -> Verdict {
        let Some(got) = self.recomputed.get(name) else {
            return Verdict::failed("stored, but not recomputed");
        };
        if let Rule::ComplexSet { partner: Some(partner), .. } = &tolerance.rule {
            // The pair is judged once, at the real part, which comes with the partner that holds "im".
            if is_imaginary(name, partner) {
                return match (stored, got) {
                    (Value::Array(stored), Value::Array(got)) if stored.dims() == got.dims() => {
                        Verdict::default().because(format!("judged at its real part {partner}"))
                    }
                    _ => Verdict::failed("expected an array of the shape of its real part"),
                };
            }
        }
        let partner = match &tolerance.rule {
            Rule::ComplexSet { partner: Some(partner), .. } => {
                match (self.stored.get(partner), self.recomputed.get(partner)) {
                    (Some(Value::Array(stored)), Some(Value::Array(got))) => Some((stored, got)),
                    _ => None,
                }
            }
            _ => None,
        };
        rules::judge(name, stored, got, tolerance, partner, self.recomputed)
    }

    /// The gradients that decide where a first step may differ: the named ones, or our own.
    fn step_gradients<'a>(
        &'a self,
        name: &str,
        parameter: &str,
        rule: &FirstStep,
        trusted: &[&str],
    ) -> Vec<&'a Array> {
        if let Some(pattern) = &rule.grads {
            let pattern = pattern.replace("{}", parameter);
            let known: BTreeSet<&str> = self.stored.names().chain(self.recomputed.names()).collect();
            let named = known.into_iter().filter(|name| glob::matches(&pattern, name));
            let named: Vec<&Array> = named.filter_map(|name| self.deciding_array(name, trusted)).collect();
            if !named.is_empty() {
                return named;
            }
        }
        self.recomputed.deciding(name).map(|own| own.iter().collect()).unwrap_or_default()
    }

    /// An array that judges others: the stored one if it passed itself or ours is unusable.
    fn deciding_array<'a>(&'a self, name: &str, trusted: &[&str]) -> Option<&'a Array> {
        let is_usable = |array: &&Array| array.to_f64().iter().all(|value| value.is_finite());
        let stored = match self.stored.get(name) {
            Some(Value::Array(array)) => Some(array),
            _ => None,
        };
        stored
            .filter(|_| trusted.contains(&name))
            .or_else(|| self.recomputed.array(name).filter(is_usable))
            .or_else(|| stored.filter(is_usable))
    }

    /// Outputs the file lacks: those the recomputation expects, and tolerances that judge nothing.
    fn not_stored(&self) -> Vec<(String, usize)> {
        let names = self.recomputed.not_stored(
            |name| self.stored.outputs.contains_key(name),
            |name| self.header.find_judge(name).is_some(),
        );
        let mut missing: Vec<(String, usize)> = names
            .into_iter()
            .filter_map(|name| self.header.find_judge(&name).map(|judge| (name, judge)))
            .collect();
        for (index, (pattern, _)) in self.header.tolerances().enumerate() {
            let is_used = self.stored.outputs.values().any(|expected| expected.judge == index)
                || missing.iter().any(|(_, judge)| *judge == index);
            if !is_used {
                missing.push((pattern.to_owned(), index));
            }
        }
        missing
    }

    fn row(&self, file: &str, name: &str, judge: usize, verdict: Verdict) -> Row {
        let (_, tolerance) = self.header.judge(judge);
        let worst = verdict.worst.is_finite().then_some(verdict.worst);
        let mut row = Row {
            file: file.to_owned(),
            kind: self.header.kind.clone(),
            quantity: name.to_owned(),
            rule: tolerance.word().to_owned(),
            worst,
            tolerance: tolerance.source.clone(),
            excess: worst.map(|_| verdict.excess.min(f64::MAX)),
            ok: verdict.excess <= 1.0,
            reason: verdict.reason,
        };
        match &tolerance.rule {
            Rule::Anchor => {
                row.ok = true;
                let side = if verdict.excess <= 1.0 { "within" } else { "beyond" };
                let note =
                    format!("a value from elsewhere, reported and not judged; {side} the expected distance");
                row.reason = Some(join(row.reason, &note));
            }
            Rule::NotCompared { covered_by } => {
                row.ok = true;
                let cover = covered_by.as_deref().unwrap_or("nothing");
                row.reason = Some(join(row.reason, &format!("not compared; covered by {cover}")));
            }
            _ => {}
        }
        row
    }
}

fn join(before: Option<String>, note: &str) -> String {
    before.map_or_else(|| note.to_owned(), |before| format!("{before}; {note}"))
}

/// Of a pair of parts that name each other, the later name holds `im`, or is simply the second.
fn is_imaginary(name: &str, partner: &str) -> bool {
    let differs = |part: &str| name.contains(part) && !partner.contains(part);
    if differs("_im") || partner.contains("_re") && !name.contains("_re") {
        return true;
    }
    if differs("_re") || partner.contains("_im") && !name.contains("_im") {
        return false;
    }
    name > partner
}

/// The part of `name` that the wildcards of `pattern` stand for, from the first to the last.
fn captured<'a>(pattern: &str, name: &'a str) -> &'a str {
    let is_wild = |c| c == '*' || c == '?';
    let prefix = pattern.find(is_wild).unwrap_or(pattern.len());
    let suffix = pattern.rfind(is_wild).map_or(0, |last| pattern.len() - last - 1);
    name.get(prefix..name.len().saturating_sub(suffix)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_is_what_the_wildcards_stand_for() {
        assert_eq!(captured("after.*", "after.conv1.weight"), "conv1.weight");
        assert_eq!(captured("train.new.*.sub", "train.new.fc.bias.sub"), "fc.bias");
        assert_eq!(captured("logits", "logits"), "");
    }

    #[test]
    fn the_real_part_is_told_from_the_imaginary_one() {
        assert!(!is_imaginary("out.dense_re", "out.dense_im"));
        assert!(is_imaginary("out.dense_im", "out.dense_re"));
    }
}
