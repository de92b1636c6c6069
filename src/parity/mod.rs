//! Parity with reference outputs: files that describe themselves are recomputed and compared.
//!
//! A golden file names its family and kind, the parameters, which tensors are given and how closely
//! every other one must be met. A family registers one function per kind: it sees a [`GoldenInputs`],
//! which holds no expected output, and returns a [`Recomputed`]. Only the comparer reads the
//! expected values.
//!
//! A family lists its kinds and recomputes each from what is given:
//!
//! ```
//! use gainfield::parity::{Array, GoldenInputs, GoldenKind, Recomputed};
//!
//! pub const GOLDEN_KINDS: &[GoldenKind] =
//!     &[GoldenKind { family: "mine", kind: "double", recompute: double }];
//!
//! fn double(inputs: &GoldenInputs) -> gainfield::Result<Recomputed> {
//!     let x = inputs.tensor("x")?;
//!     let mut recomputed = Recomputed::new();
//!     recomputed.insert("y", Array::from_tensor(&(x * 2.0)?)?);
//!     Ok(recomputed)
//! }
//! ```

mod array;
mod compare;
mod golden;
mod header;
mod recomputed;
mod registry;
mod rules;
mod run;
mod spectrum;
mod summary;
mod tolerance;

pub use array::{Array, Numbers, Value};
pub use compare::{Row, compare};
pub use golden::{CheckpointFolders, Golden, GoldenInputs, Stored};
pub use header::Header;
pub use recomputed::Recomputed;
pub use registry::{GoldenKind, Recompute, Registry};
pub use run::{Options, Outcome, run};
pub use summary::summary;
pub use tolerance::{Rule, Tolerance};
