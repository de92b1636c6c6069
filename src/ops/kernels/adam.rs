//! Adam's update in one pass over a weight.

use candle_core::{Device, Result, Tensor};

use super::instruction_set::vectorised;
use super::{Real, by_dtype, each, entries, with_entries};
use crate::ops::adam::AdamStep;

/// Entries of one piece of work.
const PIECE: usize = 16 * 1024;

/// The new weight and moments from the old ones and a gradient, all of one shape and dtype.
pub(in crate::ops) fn adam(
    step: &AdamStep,
    weight: &Tensor,
    gradient: &Tensor,
    moments: [&Tensor; 2],
) -> Result<[Tensor; 3]> {
    with_entries([weight, gradient, moments[0], moments[1]], |[w, g, first, second]| {
        by_dtype!(w.0, T => {
            let found = updated::<T>(step, [entries(w)?, entries(g)?, entries(first)?, entries(second)?]);
            let [w, first, second] = found.map(|found| Tensor::from_vec(found, weight.dims(), &Device::Cpu));
            Ok([w?, first?, second?])
        })
    })
}

fn updated<T: Real>(step: &AdamStep, [w, g, first, second]: [&[T]; 4]) -> [Vec<T>; 3] {
    let mut new = [w.to_vec(), first.to_vec(), second.to_vec()];
    let [new_w, new_first, new_second] = &mut new;
    let pieces = new_w.chunks_mut(PIECE).zip(new_first.chunks_mut(PIECE)).zip(new_second.chunks_mut(PIECE));
    let constants = Constants::<T>::new(step);
    each(pieces.zip(g.chunks(PIECE)).collect(), 16 * g.len(), |(((w, first), second), g)| {
        vectorised(
            #[inline(always)]
            || {
                let entries = w.iter_mut().zip(first).zip(second).zip(g);
                entries.for_each(|(((w, first), second), &g)| constants.apply(w, first, second, g));
            },
        );
    });
    new
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

    #[inline(always)]
    fn apply(&self, w: &mut T, first: &mut T, second: &mut T, g: T) {
        let g = g + self.l2 * *w;
        *first += (g - *first) * self.new_first;
        *second = *second * self.old_second + g * g * self.new_second;
        *w = *w * self.kept - *first / (second.sqrt() * self.correction + self.eps) * self.rate;
    }
}
