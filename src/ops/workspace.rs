//! What operations keep between calls: packed copies of weights and the chosen path.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Weak};

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::kernels::{self, Scratch};
use crate::error::{Error, Result};
use crate::weights::Weight;

/// Which implementation an operation takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Path {
    /// The fastest one for the device and dtype.
    #[default]
    Auto,
    /// The composition of tensor primitives, valid on every device.
    Composite,
    /// The CPU kernels; an error where there is none for the device or dtype.
    Kernel,
}

impl Path {
    /// Whether to take the kernels for `x`.
    pub(crate) fn takes_kernel(self, x: &Tensor) -> Result<bool> {
        match self {
            Self::Auto => Ok(kernels::serve(x)),
            Self::Composite => Ok(false),
            Self::Kernel if kernels::serve(x) => Ok(true),
            Self::Kernel => Err(Error::Unsupported(format!(
                "kernels compute f32 and f64 on the CPU, found {:?} on {:?}",
                x.dtype(),
                x.device().location()
            ))),
        }
    }
}

/// How a convolution arranges its sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Numerics {
    /// Products of single entries: what parity and training use.
    #[default]
    Exact,
    /// Where it pays, tiles with fewer products, which round more: about 1e-5 of the largest value.
    /// For stepping by hand, on the CPU, outside any graph.
    Fast,
}

impl Numerics {
    pub const ALL: [Self; 2] = [Self::Exact, Self::Fast];

    /// What it means; the tooltip.
    pub fn definition(self) -> &'static str {
        match self {
            Self::Exact => "Convolutions sum the products of single entries, as in parity and training",
            Self::Fast => {
                "Convolutions with 3 × 3 kernels are computed by tiles with fewer products, which rounds \
                 more: about 1e-5 of the largest value"
            }
        }
    }

    /// In files, on the command line and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Fast => "fast",
        }
    }
}

impl fmt::Display for Numerics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Numerics {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|numerics| numerics.name() == text);
        found.ok_or_else(|| Error::unknown("numerics", text, Self::ALL.map(Self::name)))
    }
}

/// A derived form of a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Packing {
    /// `[in, out, kh, kw]` turned by 180 degrees and transposed to `[out, in, kh, kw]`.
    FlippedTransposed,
    /// As the kernel of a convolution reads it.
    Windows { groups: usize },
    /// As the kernel of a convolution by tiles of so many positions a side reads it.
    Tiles { groups: usize, side: Option<usize> },
    /// As the kernel of a transposed convolution reads it.
    Spread { stride: usize, padding: usize },
}

/// Scratch that one thread of computation carries along; it never changes a result.
#[derive(Debug, Default)]
pub struct Workspace {
    path: Path,
    numerics: Numerics,
    packed: BTreeMap<(u64, Packing), Packed>,
    scratch: Arc<Scratch>,
}

#[derive(Debug)]
struct Packed {
    tensor: Tensor,
    /// Of the weight.
    life: Weak<u64>,
}

impl Workspace {
    pub fn new() -> Self {
        Self::default()
    }

    /// A workspace that takes the given path, for tests and comparisons.
    pub fn with_path(path: Path) -> Self {
        Self { path, ..Self::default() }
    }

    pub fn with_numerics(numerics: Numerics) -> Self {
        Self { numerics, ..Self::default() }
    }

    pub fn set_numerics(&mut self, numerics: Numerics) {
        self.numerics = numerics;
    }

    pub fn numerics(&self) -> Numerics {
        self.numerics
    }

    pub fn path(&self) -> Path {
        self.path
    }

    pub(super) fn scratch(&self) -> Arc<Scratch> {
        Arc::clone(&self.scratch)
    }

    #[cfg(test)]
    pub(crate) fn n_packed(&self) -> usize {
        self.packed.len()
    }

    /// The packed form of `weight`, made by `pack` if this generation was not seen before.
    ///
    /// A weight that is being differentiated is packed anew, so that the packing is in its graph.
    pub(crate) fn packed(
        &mut self,
        weight: &Weight,
        packing: Packing,
        pack: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        if weight.tensor().track_op() {
            return pack(weight.tensor());
        }
        let key = (weight.generation(), packing);
        if let Some(found) = self.packed.get(&key) {
            return Ok(found.tensor.clone());
        }
        self.packed.retain(|_, packed| packed.life.strong_count() > 0);
        let tensor = pack(weight.tensor())?;
        self.packed.insert(key, Packed { tensor: tensor.clone(), life: weight.life() });
        Ok(tensor)
    }
}
