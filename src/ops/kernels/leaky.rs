//! What rate units do between convolutions, in one pass over memory: the leaky step, sums of rates.
#![expect(unsafe_code, reason = "results are not cleared before they are written")]

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use super::entrywise::zipped;
use super::fresh::{Room, written};
use super::instruction_set::vectorised;
use super::{
    ENTRY, Gradients, Operand, Real, by_dtype, computed, each, entries, operation_on_two, with_entries,
};

/// Entries of one piece of work.
const PIECE: usize = 16 * 1024;

/// `kept * r + gain * f(z)` with `f(z) = z` above 0 and `slope * z` elsewhere.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Leaky {
    pub kept: f64,
    pub gain: f64,
    pub slope: f64,
}

/// [`Leaky`] in the type of the numbers.
#[derive(Clone, Copy)]
struct Rule<T> {
    kept: T,
    gain: T,
    slope: T,
    /// A slope of 0 gives 0 below 0, even at minus infinity.
    is_flat: bool,
}

impl<T: Real> Rule<T> {
    #[inline(always)]
    fn step(self, r: T, z: T) -> T {
        let below = if self.is_flat { T::zero() } else { self.slope * z };
        self.kept * r + self.gain * if z <= T::zero() { below } else { z }
    }
}

impl Leaky {
    fn rule<T: Real>(self) -> Rule<T> {
        let is_flat = self.slope == 0.0;
        let [kept, gain, slope] = [self.kept, self.gain, self.slope].map(T::from_f64);
        Rule { kept, gain, slope, is_flat }
    }

    /// Gradient of `z`.
    fn gradient<T: Real>(self, z: &[T], of: &[T]) -> Vec<T> {
        let (above, below) = (T::from_f64(self.gain), T::from_f64(self.gain * self.slope));
        zipped(of, z, 4, move |of, z| of * if z > T::zero() { above } else { below })
    }

    fn compute<T: Real>(self, r: Operand<'_>, z: Operand<'_>) -> Result<(CpuStorage, Shape)> {
        let shape = r.1.shape().clone();
        let (r, z, rule) = (entries::<T>(r)?, entries::<T>(z)?, self.rule::<T>());
        let y = zipped(r, z, 4, move |r, z| rule.step(r, z));
        Ok((T::to_cpu_storage_owned(y), shape))
    }

    fn gradients(self, r: &Tensor, z: &Tensor, of: &Tensor) -> Gradients {
        let of_r = r.track_op().then(|| of * self.kept).transpose()?;
        let of_z = || computed!([z, of] as T, z.shape() => self.gradient::<T>(z, of));
        Ok((of_r, z.track_op().then(of_z).transpose()?))
    }
}

operation_on_two!(Leaky, "leaky step");

/// The leaky step of `(r, recurrent, bias)` with `z = recurrent + bias + input`, where `bias` is one
/// trial's map; without a gradient.
#[derive(Clone, Debug)]
pub(in crate::ops) struct FusedLeaky {
    pub rule: Leaky,
    pub input: Option<Tensor>,
}

impl FusedLeaky {
    fn compute<T: Real>(
        &self,
        r: Operand<'_>,
        recurrent: Operand<'_>,
        bias: Operand<'_>,
    ) -> Result<(CpuStorage, Shape)> {
        let shape = r.1.shape().clone();
        let (r, recurrent, bias) = (entries::<T>(r)?, entries::<T>(recurrent)?, entries::<T>(bias)?);
        let y = match &self.input {
            Some(input) => with_entries([input], |[input]| {
                Ok(updated(self.rule.rule::<T>(), r, recurrent, bias, Some(entries::<T>(input)?)))
            })?,
            None => updated(self.rule.rule::<T>(), r, recurrent, bias, None),
        };
        Ok((T::to_cpu_storage_owned(y), shape))
    }
}

fn updated<T: Real>(rule: Rule<T>, r: &[T], recurrent: &[T], bias: &[T], input: Option<&[T]>) -> Vec<T> {
    // SAFETY: the pieces below are all of `y`, and every operand has as many entries as a piece.
    unsafe { written(r.len(), |y| update(rule, [r, recurrent, bias], input, y)) }
}

fn update<T: Real>(rule: Rule<T>, [r, recurrent, bias]: [&[T]; 3], input: Option<&[T]>, y: &mut [Room<T>]) {
    let mut pieces = Vec::new();
    for (trial, y) in y.chunks_mut(bias.len().max(1)).enumerate() {
        for (part, y) in y.chunks_mut(PIECE).enumerate() {
            pieces.push((trial * bias.len() + part * PIECE, part * PIECE, y));
        }
    }
    each(pieces, ENTRY * r.len(), |(at, unit, y)| {
        let n = y.len();
        let (r, recurrent, bias) = (&r[at..at + n], &recurrent[at..at + n], &bias[unit..unit + n]);
        let input = input.map(|input| &input[at..at + n]);
        vectorised(
            #[inline(always)]
            || {
                let units = y.iter_mut().zip(r).zip(recurrent).zip(bias);
                match input {
                    Some(input) => units.zip(input).for_each(|((((y, &r), &a), &b), &c)| {
                        y.write(rule.step(r, a + b + c));
                    }),
                    None => units.for_each(|(((y, &r), &a), &b)| _ = y.write(rule.step(r, a + b))),
                }
            },
        );
    });
}

impl CustomOp3 for FusedLeaky {
    fn name(&self) -> &'static str {
        "leaky update"
    }

    fn cpu_fwd(
        &self,
        r: &CpuStorage,
        lr: &Layout,
        recurrent: &CpuStorage,
        la: &Layout,
        bias: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        by_dtype!(r, T => self.compute::<T>((r, lr), (recurrent, la), (bias, lb)))
    }
}
