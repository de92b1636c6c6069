//! Recomputation of the family's goldens, for the self-test.

use crate::parity::GoldenKind;

/// Kinds of golden files with `family` = `butd`.
pub const GOLDEN_KINDS: &[GoldenKind] = &[];
