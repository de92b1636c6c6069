//! The rule for training curves.

use super::{Verdict, deviation};
use crate::parity::tolerance::Curve;
use crate::parity::{Array, Tolerance};

/// Rows are epochs: exact at first, then loose by column, later rows free.
pub(super) fn curve(stored: &Array, got: &Array, tolerance: &Tolerance, curve: &Curve) -> Verdict {
    let Some((_, row)) = stored.dims().split_first() else {
        return Verdict::failed("expected rows of epochs");
    };
    let n_columns = row.iter().product::<usize>();
    let columns_are_named = curve.accuracy_columns.is_some() || curve.loss_columns.is_some();
    let names = |columns: &Option<Vec<usize>>, column| columns.as_ref().is_some_and(|c| c.contains(&column));
    let mut verdict = Verdict::default();
    for (i, (w, g)) in stored.to_f64().into_iter().zip(got.to_f64()).enumerate() {
        let (epoch, column) = (i / n_columns.max(1), i % n_columns.max(1));
        let allowed = if epoch <= curve.exact_to_epoch {
            tolerance.allowed(w)
        } else if epoch > curve.compare_to_epoch {
            continue;
        } else if !columns_are_named || names(&curve.accuracy_columns, column) {
            curve.loose_accuracy
        } else if names(&curve.loss_columns, column) {
            curve.loose_loss.unwrap_or(0.0)
        } else {
            continue;
        };
        verdict.push(deviation(w, g), allowed);
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn early_epochs_are_exact_and_later_ones_loose_by_column() {
        let tolerance = Tolerance::parse(&json!({"abs": 1e-5, "rel": 0.0})).unwrap();
        let rule = Curve {
            exact_to_epoch: 0,
            compare_to_epoch: 1,
            accuracy_columns: Some(vec![1]),
            loss_columns: Some(vec![0]),
            loose_accuracy: 0.02,
            loose_loss: Some(0.1),
        };
        let w = Array::f64(&[3, 2], vec![0.0; 6]).unwrap();
        let judge = |values: [f64; 6]| {
            curve(&w, &Array::f64(&[3, 2], values.to_vec()).unwrap(), &tolerance, &rule).excess
        };
        assert!(judge([0.0, 0.0, 0.1, 0.02, 5.0, 5.0]) <= 1.0);
        assert!(judge([1e-4, 0.0, 0.0, 0.0, 0.0, 0.0]) > 1.0);
        assert!(judge([0.0, 0.0, 0.0, 0.1, 0.0, 0.0]) > 1.0);
    }
}
