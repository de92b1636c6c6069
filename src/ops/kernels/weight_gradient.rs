//! Gradients of a convolution's weight and bias.

use std::ops::Range;

use super::gemm::{Matrix, Tile, multiply};
use super::geometry::Geometry;
use super::product::{gather_rows, group_of, row_parts};
use super::scratch::Scratch;
use super::{Real, each};

/// Partial sums over the batch that can be computed side by side.
const PARTS: usize = 8;

/// Products per weight from which adding one more partial sum costs little.
const WORTH_A_PART: usize = 512;

/// Fewer rows than this make poor use of the matrix product.
const LEAST_HEIGHT: usize = 64;

/// Gradient `[out, channels / groups, kh, kw]` of the weight from the input `x` and the gradient
/// `y` of the output.
pub(super) fn weight_gradient<T: Real>(g: &Geometry, x: &[T], y: &[T], scratch: &Scratch) -> Vec<T> {
    if g.batch == 0 {
        return vec![T::zero(); g.out * g.group_channels() * g.taps()];
    }
    let parts = (g.batch * g.positions() / WORTH_A_PART).clamp(1, PARTS.min(g.batch));
    let (out, height) = (g.group_out(), g.group_channels() * g.taps());
    let channels = block_channels(g, parts);
    let size = g.groups * height * out;
    let mut sums = scratch.take::<T>(parts * size);

    let mut jobs = Vec::new();
    for (part, sums) in sums.chunks_mut(size).enumerate() {
        let samples = part * g.batch / parts..(part + 1) * g.batch / parts;
        for (group, sums) in sums.chunks_mut(height * out).enumerate() {
            let blocks = sums.chunks_mut(channels * g.taps() * out).enumerate();
            jobs.extend(blocks.map(|(block, sum)| (samples.clone(), group, block * channels, sum)));
        }
    }
    let gradient = WeightGradient { g, x, y, scratch };
    each(jobs, g.multiplications(), |(samples, group, channel, sum)| {
        gradient.block(samples, group, channel, sum);
    });

    // Always in this order, so that the sum does not depend on who was first.
    let (first, rest) = sums.split_at_mut(size);
    for part in rest.chunks(size) {
        first.iter_mut().zip(part).for_each(|(sum, &part)| *sum += part);
    }
    first.chunks(height * out).flat_map(|group| transposed(group, out)).collect()
}

/// Channels of one block: several blocks only where the batch gives too few parts.
fn block_channels(g: &Geometry, parts: usize) -> usize {
    let wanted = PARTS.div_ceil(parts * g.groups);
    let least = LEAST_HEIGHT.div_ceil(g.taps());
    g.group_channels().div_ceil(wanted).max(least).min(g.group_channels()).max(1)
}

/// `[height, width]` as `[width, height]`.
fn transposed<T: Real>(entries: &[T], width: usize) -> impl Iterator<Item = T> {
    (0..width).flat_map(move |column| entries[column..].iter().step_by(width).copied())
}

struct WeightGradient<'a, T: Real> {
    g: &'a Geometry,
    x: &'a [T],
    y: &'a [T],
    scratch: &'a Scratch,
}

impl<T: Real> WeightGradient<'_, T> {
    /// Adds up `samples` for the channels of `group` from `channel` on that `sum`
    /// (`[channels * taps, out]`) holds. That way round, gemm packs the smaller operand.
    fn block(&self, samples: Range<usize>, group: usize, channel: usize, sum: &mut [T]) {
        let (g, n, out) = (self.g, self.g.positions(), self.g.group_out());
        let height = sum.len() / out;
        let mut sum = Tile::whole(sum, height, out);
        let maps = |sample| {
            let maps = group_of(g, self.x, sample, group);
            &maps[channel * g.h * g.w..][..height / g.taps() * g.h * g.w]
        };
        let together = g.samples_together().min(samples.len());
        let mut accumulate = false;
        if together > 1 {
            let mut columns = self.scratch.take(height * together * n);
            let mut joined = self.scratch.take(out * together * n);
            for samples in samples.clone().step_by(together).map(|s| s..(s + together).min(samples.end)) {
                let width = samples.len() * n;
                for (s, sample) in samples.enumerate() {
                    let columns = &mut columns[..height * width];
                    gather_rows(g, maps(sample), 0..g.oh, columns, (s * n, width), self.scratch);
                    for o in 0..out {
                        joined[o * width + s * n..][..n].copy_from_slice(self.map(sample, group, o));
                    }
                }
                let columns = Matrix { data: &columns[..], row_stride: width, column_stride: 1 };
                let y = Matrix { data: &joined[..], row_stride: 1, column_stride: width };
                multiply(&mut sum, accumulate, columns, y, width);
                accumulate = true;
            }
            return;
        }
        for sample in samples {
            for rows in row_parts(g.oh, g.rows_together(height)) {
                let (from, width) = (rows.start * g.ow, rows.len() * g.ow);
                let mut columns = self.scratch.take(height * width);
                gather_rows(g, maps(sample), rows, &mut columns, (0, width), self.scratch);
                let first = (sample * g.groups + group) * out * n + from;
                let columns = Matrix { data: &columns, row_stride: width, column_stride: 1 };
                let y = Matrix { data: &self.y[first..], row_stride: 1, column_stride: n };
                multiply(&mut sum, accumulate, columns, y, width);
                accumulate = true;
            }
        }
    }

    fn map(&self, sample: usize, group: usize, o: usize) -> &[T] {
        let n = self.g.positions();
        let map = sample * self.g.out + group * self.g.group_out() + o;
        &self.y[map * n..(map + 1) * n]
    }
}

/// Sum of each channel of `y` (`[batch, channels, n]`).
pub(super) fn channel_sums<T: Real>(y: &[T], channels: usize, n: usize) -> Vec<T> {
    let mut sums = vec![0.0; channels];
    for (i, map) in y.chunks_exact(n.max(1)).enumerate() {
        sums[i % channels] += super::sum(map);
    }
    sums.into_iter().map(T::from_f64).collect()
}
