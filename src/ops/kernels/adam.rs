//! Adam's update in one pass over a weight.
#![expect(unsafe_code, reason = "results are not cleared before they are written")]

use candle_core::{Device, Result, Tensor, Var};

use super::fresh::all_written;
use super::instruction_set::vectorised;
use super::{ENTRY, Real, by_dtype, each, entries, with_entries};
use crate::ops::adam::AdamStep;

/// Entries of one piece of work.
const PIECE: usize = 16 * 1024;

/// The new weight and moments from the old ones and a gradient, all of one shape and dtype; the weight is
/// a variable where it was one.
pub(in crate::ops) fn adam(
    step: &AdamStep,
    weight: &Tensor,
    gradient: &Tensor,
    moments: [&Tensor; 2],
) -> Result<[Tensor; 3]> {
    with_entries([weight, gradient, moments[0], moments[1]], |[w, g, first, second]| {
        by_dtype!(w.0, T => {
            let found = updated::<T>(step, [entries(w)?, entries(g)?, entries(first)?, entries(second)?]);
            let tensor = |entries: Vec<T>| Tensor::from_vec(entries, weight.dims(), &Device::Cpu);
            let [new, first, second] = found;
            let new = if weight.is_variable() {
                Var::from_vec(new, weight.dims(), &Device::Cpu)?.into_inner()
            } else {
                tensor(new)?
            };
            Ok([new, tensor(first)?, tensor(second)?])
        })
    })
}

fn updated<T: Real>(step: &AdamStep, [w, g, first, second]: [&[T]; 4]) -> [Vec<T>; 3] {
    let (n, constants) = (g.len(), Constants::<T>::new(step));
    // SAFETY: pieces of all seven have the same lengths, those of tensors of one shape.
    unsafe {
        all_written(n, |[new_w, new_first, new_second]| {
            let new = new_w.chunks_mut(PIECE).zip(new_first.chunks_mut(PIECE));
            let new = new.zip(new_second.chunks_mut(PIECE));
            let old = w.chunks(PIECE).zip(first.chunks(PIECE)).zip(second.chunks(PIECE));
            let pieces = new.zip(old.zip(g.chunks(PIECE))).collect();
            each(pieces, 4 * ENTRY * n, |(((new_w, new_first), new_second), (((w, first), second), g))| {
                let new = new_w.iter_mut().zip(new_first).zip(new_second);
                let entries = new.zip(w.iter().zip(first).zip(second).zip(g));
                vectorised(
                    #[inline(always)]
                    || {
                        for (((new_w, new_first), new_second), (((&w, &first), &second), &g)) in entries {
                            let [w, first, second] = constants.apply(w, first, second, g);
                            new_w.write(w);
                            new_first.write(first);
                            new_second.write(second);
                        }
                    },
                );
            });
        })
    }
}

struct Constants<T> {
    kept: T,
    l2: T,
    new_first: T,
    old_second: T,
    new_second: T,
    correction: T,
    eps: T,
    rate: T,
}

impl<T: Real> Constants<T> {
    fn new(step: &AdamStep) -> Self {
        let [beta1, beta2] = step.betas;
        let [first, second] = step.corrections();
        Self {
            kept: T::from_f64(step.kept),
            l2: T::from_f64(step.l2),
            new_first: T::from_f64(1.0 - beta1),
            old_second: T::from_f64(beta2),
            new_second: T::from_f64(1.0 - beta2),
            correction: T::from_f64(1.0 / second.sqrt()),
            eps: T::from_f64(step.eps),
            rate: T::from_f64(step.rate / first),
        }
    }

    /// The new weight and moments.
    #[inline(always)]
    fn apply(&self, w: T, first: T, second: T, g: T) -> [T; 3] {
        let g = g + self.l2 * w;
        let first = first + (g - first) * self.new_first;
        let second = second * self.old_second + g * g * self.new_second;
        [w * self.kept - first / (second.sqrt() * self.correction + self.eps) * self.rate, first, second]
    }
}
