//! How closely a quantity must be met, as a golden's header says.

use serde::Deserialize;

/// One entry of `tolerances`.
#[derive(Clone, Debug)]
pub struct Tolerance {
    pub abs: f64,
    pub rel: f64,
    pub rule: Rule,
    /// The entry as it stands in the header.
    pub source: serde_json::Value,
}

/// Own tolerance of the entries `from..to` along an axis: `[from, to, abs, rel]`, `to` null to the end.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Range(pub usize, pub Option<usize>, pub f64, pub f64);

impl Range {
    pub fn holds(&self, index: usize) -> bool {
        index >= self.0 && self.1.is_none_or(|to| index < to)
    }
}

/// The word `rule` with its own parameters. The words are those of the goldens' README.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Rule {
    Default,
    Exact,
    Plus,
    MaxRel,
    Ranges {
        axis: isize,
        ranges: Vec<Range>,
    },
    Sorted {
        ranges: Vec<Range>,
    },
    Fraction {
        min: f64,
        loose: Option<f64>,
    },
    Flips {
        axis: isize,
        max_flips: Vec<u64>,
    },
    FirstStep(FirstStep),
    AdamwDelta(AdamwDelta),
    Stat4,
    Stats,
    UpToSign {
        axis: Option<isize>,
        ranges: Option<Vec<Range>>,
    },
    ComplexSet {
        partner: Option<String>,
        segments: Option<Vec<usize>>,
    },
    Spectrum,
    Curve(Curve),
    Statistical {
        axis: Option<isize>,
    },
    Anchor,
    Reuse,
    Ordered {
        #[serde(default)]
        numbers: Vec<String>,
    },
    NotCompared {
        covered_by: Option<String>,
    },
}

/// Weights after the first Adam-like steps: loose where the deciding gradient is small.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct FirstStep {
    pub loose: f64,
    pub threshold: Option<f64>,
    pub threshold_max_rel: Option<f64>,
    /// Names of the stored gradients that decide; `{}` stands for the parameter.
    pub grads: Option<String>,
}

/// `(w_end - w_start) / lr`, compared where the gradient is large enough.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct AdamwDelta {
    pub grads: String,
    pub norm: String,
    pub limit: f64,
    pub threshold: f64,
    pub outlier: f64,
    pub max_outliers: f64,
}

/// Training curves: rows are epochs, the first ones exact, later ones loose, the rest free.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Curve {
    pub exact_to_epoch: usize,
    pub compare_to_epoch: usize,
    pub accuracy_columns: Option<Vec<usize>>,
    pub loss_columns: Option<Vec<usize>>,
    pub loose_accuracy: f64,
    pub loose_loss: Option<f64>,
}

impl Tolerance {
    /// Reads one entry; the error is a sentence without the place.
    pub fn parse(source: &serde_json::Value) -> Result<Self, String> {
        let Some(entry) = source.as_object() else {
            return Err(format!("expected an object with abs and rel, found {source}"));
        };
        let number = |key: &str| {
            entry
                .get(key)
                .and_then(serde_json::Value::as_f64)
                .filter(|value| *value >= 0.0)
                .ok_or_else(|| format!("expected a number of at least 0 under {key:?} in {source}"))
        };
        let (abs, rel) = (number("abs")?, number("rel")?);
        let mut rule = entry.clone();
        rule.entry("rule").or_insert_with(|| "default".into());
        let rule = serde_json::from_value(rule.into()).map_err(|err| format!("{err} in {source}"))?;
        Ok(Self { abs, rel, rule, source: source.clone() })
    }

    /// The rule's word.
    pub fn word(&self) -> &str {
        self.source.get("rule").and_then(serde_json::Value::as_str).unwrap_or("default")
    }

    /// Allowed deviation of an entry whose expected value is `w`, by the default.
    pub fn allowed(&self, w: f64) -> f64 {
        allowed(self.abs, self.rel, w)
    }
}

/// `max(abs, rel * |w|)`.
pub fn allowed(abs: f64, rel: f64, w: f64) -> f64 {
    abs.max(rel * w.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn remarks_are_ignored_and_unknown_words_refused() {
        let read = |value: serde_json::Value| Tolerance::parse(&value);
        let fraction = read(json!({"abs": 1e-3, "rel": 0.0, "rule": "fraction", "min": 0.98, "why": "ties"}));
        assert_eq!(fraction.unwrap().rule, Rule::Fraction { min: 0.98, loose: None });
        assert_eq!(read(json!({"abs": 0.0, "rel": 1e-3})).unwrap().rule, Rule::Default);
        assert!(read(json!({"abs": 0.0, "rel": 0.0, "rule": "exatc"})).unwrap_err().contains("exatc"));
        assert!(read(json!({"abs": 0.0})).unwrap_err().contains("\"rel\""));
    }

    #[test]
    fn an_open_range_reaches_the_end() {
        let range: Range = serde_json::from_value(json!([4, null, 0.0, 1e-3])).unwrap();
        assert!(!range.holds(3) && range.holds(4) && range.holds(400));
    }
}
