//! Nearest-neighbour resizing.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::{ENTRY, Operand, Real, by_dtype, computed, each, entries};

/// Resizing by the source row of each row and the source column of each column.
#[derive(Clone, Debug)]
pub(in crate::ops) struct Nearest {
    pub rows: Vec<usize>,
    pub columns: Vec<usize>,
}

impl Nearest {
    fn size(&self) -> usize {
        self.rows.len() * self.columns.len()
    }

    fn compute<T: Real>(&self, x: Operand<'_>) -> Result<(CpuStorage, Shape)> {
        let (batch, channels, h, w) = x.1.shape().dims4()?;
        let x = entries::<T>(x)?;
        let mut y = vec![T::zero(); batch * channels * self.size()];
        let work = ENTRY * y.len();
        let maps: Vec<_> = y.chunks_mut(self.size()).zip(x.chunks(h * w)).collect();
        each(maps, work, |(y, x)| self.spread(x, w, y));
        Ok((T::to_cpu_storage_owned(y), (batch, channels, self.rows.len(), self.columns.len()).into()))
    }

    /// How often each column repeats, if all do equally often.
    fn repeats(&self) -> Option<usize> {
        let repeats = self.columns.iter().take_while(|&&column| column == 0).count();
        let is_even = self.columns.iter().enumerate().all(|(i, &column)| column == i / repeats);
        (is_even && self.columns.len().is_multiple_of(repeats)).then_some(repeats)
    }

    fn spread<T: Real>(&self, x: &[T], w: usize, y: &mut [T]) {
        let (width, repeats) = (self.columns.len(), self.repeats());
        for (i, &row) in self.rows.iter().enumerate() {
            let (done, y) = y.split_at_mut(i * width);
            if i > 0 && self.rows[i - 1] == row {
                y[..width].copy_from_slice(&done[(i - 1) * width..]);
            } else {
                let x = &x[row * w..(row + 1) * w];
                let y = &mut y[..width];
                match repeats {
                    Some(2) => y.as_chunks_mut().0.iter_mut().zip(x).for_each(|(y, &x)| *y = [x, x]),
                    Some(n) => y.chunks_exact_mut(n).zip(x).for_each(|(y, &x)| y.fill(x)),
                    None => y.iter_mut().zip(&self.columns).for_each(|(y, &column)| *y = x[column]),
                }
            }
        }
    }

    fn gradient<T: Real>(&self, of: &[T], (h, w): (usize, usize)) -> Vec<T> {
        let mut gradient = vec![T::zero(); of.len() / self.size() * h * w];
        let maps: Vec<_> = gradient.chunks_mut(h * w).zip(of.chunks(self.size())).collect();
        let repeats = self.repeats();
        each(maps, ENTRY * of.len(), |(gradient, of)| {
            for (&row, of) in self.rows.iter().zip(of.chunks_exact(self.columns.len())) {
                let gradient = &mut gradient[row * w..(row + 1) * w];
                match repeats {
                    Some(2) => {
                        gradient.iter_mut().zip(of.as_chunks().0).for_each(|(sum, &[a, b])| *sum += a + b)
                    }
                    _ => self.columns.iter().zip(of).for_each(|(&column, &of)| gradient[column] += of),
                }
            }
        });
        gradient
    }
}

impl CustomOp1 for Nearest {
    fn name(&self) -> &'static str {
        "nearest neighbour"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        by_dtype!(x, T => self.compute::<T>((x, layout)))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, of: &Tensor) -> Result<Option<Tensor>> {
        let (_, _, h, w) = x.dims4()?;
        computed!([of] as T, x.shape() => self.gradient::<T>(of, (h, w))).map(Some)
    }
}
