//! The tensors a network expects, compared with those a file has.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::glob;
use crate::weights::Weights;

/// A tensor that is there with another shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    pub name: String,
    pub expected: Vec<usize>,
    pub found: Vec<usize>,
}

/// What fits and what does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Tensors of the expected name and shape.
    pub matched: usize,
    pub missing: Vec<String>,
    pub unexpected: Vec<String>,
    pub mismatched: Vec<Mismatch>,
}

/// Compares `weights` with the names and shapes that a network expects.
///
/// Names that one of the globs in `ignored` matches (`*.num_batches_tracked`) may be missing and may
/// be there.
pub fn compare(expected: &[(String, Vec<usize>)], weights: &Weights, ignored: &[&str]) -> Report {
    let is_ignored = |name: &str| ignored.iter().any(|pattern| glob::matches(pattern, name));
    let mut report = Report::default();
    for (name, shape) in expected {
        match weights.find(name) {
            Some(weight) if weight.dims() == shape => report.matched += 1,
            Some(weight) => report.mismatched.push(Mismatch {
                name: name.clone(),
                expected: shape.clone(),
                found: weight.dims().to_vec(),
            }),
            None if is_ignored(name) => {}
            None => report.missing.push(name.clone()),
        }
    }
    let is_expected = |name: &str| expected.iter().any(|(known, _)| known == name);
    report.unexpected =
        weights.names().filter(|name| !is_expected(name) && !is_ignored(name)).map(str::to_owned).collect();
    report
}

impl Report {
    /// Whether every tensor fits.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.mismatched.is_empty()
    }

    /// # Errors
    /// [`Error::Weights`] with the report in one sentence, unless every tensor fits.
    pub fn into_result(self, path: &Path) -> Result<Self> {
        if self.is_complete() {
            return Ok(self);
        }
        let message = format!(
            "the tensors do not fit the configuration ({self}); check the family and its settings, or the file"
        );
        Err(Error::Weights { path: path.to_owned(), message })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} match", self.matched)?;
        let mismatched: Vec<String> = self
            .mismatched
            .iter()
            .map(|Mismatch { name, expected, found }| format!("{name} expected {expected:?} found {found:?}"))
            .collect();
        let parts = [
            ("missing", self.missing.as_slice()),
            ("unexpected", &self.unexpected),
            ("of another shape", &mismatched),
        ];
        for (what, names) in parts {
            if !names.is_empty() {
                write!(f, ", {} {what}: {}", names.len(), some(names))?;
            }
        }
        Ok(())
    }
}

/// The first names, and how many more there are.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let mut text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;

    fn weights(tensors: &[(&str, &[usize])]) -> Weights {
        Weights::from_tensors(
            tensors.iter().map(|&(name, shape)| {
                (name.to_owned(), Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap())
            }),
        )
    }

    fn expected() -> Vec<(String, Vec<usize>)> {
        vec![("conv.weight".to_owned(), vec![2, 1, 3, 3]), ("conv.bias".to_owned(), vec![2])]
    }

    #[test]
    fn what_fits_passes() {
        let weights = weights(&[
            ("conv.weight", &[2, 1, 3, 3]),
            ("conv.bias", &[2]),
            ("norm.num_batches_tracked", &[]),
        ]);
        let report = compare(&expected(), &weights, &["*.num_batches_tracked"]);
        assert_eq!((report.matched, report.is_complete()), (2, true));
        assert!(report.into_result(Path::new("a.pth")).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let weights = weights(&[("conv.weight", &[2, 1, 5, 5]), ("fc.weight", &[3])]);
        let err = compare(&expected(), &weights, &[]).into_result(Path::new("a.pth")).unwrap_err();
        assert_eq!(
            err.to_string(),
            "a.pth: the tensors do not fit the configuration (0 match, 1 missing: conv.bias, 1 unexpected: \
             fc.weight, 1 of another shape: conv.weight expected [2, 1, 3, 3] found [2, 1, 5, 5]); check the \
             family and its settings, or the file"
        );
    }

    #[test]
    fn long_lists_are_cut() {
        let expected: Vec<_> = (0..7).map(|i| (format!("w{i}"), vec![1])).collect();
        let text = compare(&expected, &Weights::default(), &[]).to_string();
        assert_eq!(text, "0 match, 7 missing: w0, w1, w2, w3 and 3 more");
    }
}
