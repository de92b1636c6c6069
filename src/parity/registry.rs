//! Which function recomputes which kind of golden.

use super::{GoldenInputs, Recomputed};
use crate::error::Result;

/// Recomputes every output of one file from what is given in it.
pub type Recompute = fn(&GoldenInputs) -> Result<Recomputed>;

/// One supported kind of golden file.
#[derive(Clone, Copy, Debug)]
pub struct GoldenKind {
    /// As in the header: `brg`, `oba`, …
    pub family: &'static str,
    pub kind: &'static str,
    pub recompute: Recompute,
}

/// All supported kinds; families list theirs.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    kinds: Vec<GoldenKind>,
}

impl Registry {
    pub fn new(kinds: impl IntoIterator<Item = GoldenKind>) -> Self {
        Self { kinds: kinds.into_iter().collect() }
    }

    pub fn find(&self, family: &str, kind: &str) -> Option<&GoldenKind> {
        self.kinds.iter().find(|known| known.family == family && known.kind == kind)
    }

    pub fn iter(&self) -> impl Iterator<Item = &GoldenKind> {
        self.kinds.iter()
    }
}
