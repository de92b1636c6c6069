//! Rules for paths of a JSON file.

use serde_json::Value;

use super::{Verdict, deviation};
use crate::parity::{Rule, Tolerance};

/// Compares two pieces of JSON: texts and structure must be equal, numbers as the rule says.
pub(in crate::parity) fn judge_json(stored: &Value, got: &Value, tolerance: &Tolerance) -> Verdict {
    let mut verdict = Verdict::default();
    let scope = match &tolerance.rule {
        Rule::Default | Rule::Reuse | Rule::Anchor | Rule::NotCompared { .. } => Numbers::Default,
        Rule::Exact => Numbers::Exact,
        Rule::Ordered { numbers } => {
            if !stored.is_array() {
                return Verdict::failed("the rule \"ordered\" judges lists");
            }
            Numbers::Fields(numbers)
        }
        _ => return Verdict::failed(format!("the rule {:?} judges arrays, not JSON", tolerance.word())),
    };
    compare(stored, got, "", &scope, tolerance, &mut verdict);
    verdict
}

/// Which numbers have a tolerance.
enum Numbers<'a> {
    Default,
    Exact,
    /// Those in fields of these names; all others are exact.
    Fields(&'a [String]),
}

fn compare(
    stored: &Value,
    got: &Value,
    field: &str,
    scope: &Numbers<'_>,
    tolerance: &Tolerance,
    verdict: &mut Verdict,
) {
    match (stored, got) {
        (Value::Number(w), Value::Number(g)) => {
            if w == g {
                return;
            }
            let (w, g) = (w.as_f64().unwrap_or(f64::NAN), g.as_f64().unwrap_or(f64::NAN));
            let allowed = match scope {
                Numbers::Default => tolerance.allowed(w),
                Numbers::Exact => 0.0,
                Numbers::Fields(names) if names.iter().any(|name| name == field) => tolerance.abs,
                Numbers::Fields(_) => 0.0,
            };
            verdict.push(deviation(w, g), allowed);
        }
        (Value::Array(w), Value::Array(g)) => {
            if w.len() != g.len() {
                *verdict = Verdict::failed(format!("expected {} entries, recomputed {}", w.len(), g.len()));
                return;
            }
            for (w, g) in w.iter().zip(g) {
                compare(w, g, field, scope, tolerance, verdict);
            }
        }
        (Value::Object(w), Value::Object(g)) => {
            if w.len() != g.len() || w.keys().any(|key| !g.contains_key(key)) {
                *verdict = Verdict::failed("the fields differ");
                return;
            }
            for (key, w) in w {
                compare(w, &g[key], key, scope, tolerance, verdict);
            }
        }
        _ if stored == got => {}
        _ => *verdict = Verdict::failed(format!("expected {stored}, recomputed {got}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn named_fields_of_an_ordered_list_have_a_tolerance() {
        let rule = json!({"abs": 0.1, "rel": 0.0, "rule": "ordered", "numbers": ["x_cm"]});
        let tolerance = Tolerance::parse(&rule).unwrap();
        let node = |id: &str, x: f64| json!([{"id": id, "x_cm": x}]);
        let judge = |g: &Value| judge_json(&node("V1", 1.0), g, &tolerance).excess;
        assert!((judge(&node("V1", 1.05)) - 0.5).abs() < 1e-9);
        assert!(judge(&node("V2", 1.0)) > 1.0);
        assert!(judge(&json!([])) > 1.0);
    }

    #[test]
    fn exact_lists_differ_in_any_number() {
        let tolerance = Tolerance::parse(&json!({"abs": 0.0, "rel": 0.0, "rule": "exact"})).unwrap();
        assert_eq!(judge_json(&json!([[1, 2]]), &json!([[1, 2]]), &tolerance).excess, 0.0);
        assert!(judge_json(&json!([[1, 2]]), &json!([[1, 3]]), &tolerance).excess > 1.0);
        assert!(judge_json(&json!(["a"]), &json!(["b"]), &tolerance).excess > 1.0);
    }
}
