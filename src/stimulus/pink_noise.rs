//! Pink noise: random phases divided by a power of spatial frequency.

use super::Image;

/// The picture `Re(ifft2(amplitude * phases * (1 + i) / f^exponent))`, `[1, height, width]`.
///
/// `uniforms`: `[height * width]` in `[0, 1)`, phases are `2 pi (u - 0.5)`. The frequency of
/// coefficient (i, j) is the mean of `linspace(1/H, 1, H)[i]` and `linspace(1/W, 1, W)[j]`.
///
/// Source: `composer.py` of the bidirectional gating reference.
pub fn pink_noise(uniforms: &[f32], height: usize, width: usize, exponent: f64, amplitude: f64) -> Image {
    let frequency = |index: usize, n: usize| {
        let lowest = 1.0 / n as f64;
        lowest + (1.0 - lowest) * index as f64 / (n.max(2) - 1) as f64
    };
    let spectrum: Vec<f64> = uniforms
        .iter()
        .enumerate()
        .map(|(at, &u)| {
            let phase = std::f64::consts::TAU * (f64::from(u) - 0.5);
            let f = (frequency(at / width, height) + frequency(at % width, width)) / 2.0;
            amplitude * phase / f.powf(exponent)
        })
        .collect();
    // For a real spectrum P, Re((1 + i) ifft2(P)) is the sum of P (cos(a + b) - sin(a + b)), with a
    // from the rows and b from the columns: two matrix products per axis instead of a complex transform.
    let columns = Waves::new(width);
    let minus = product(&spectrum, width, &columns.table(|cos, sin| cos - sin), width);
    let plus = product(&spectrum, width, &columns.table(|cos, sin| cos + sin), width);
    let rows = Waves::new(height);
    let even = product(&rows.table(|cos, _| cos), height, &minus, width);
    let odd = product(&rows.table(|_, sin| sin), height, &plus, width);
    let scale = 1.0 / (height * width) as f64;
    Image::from_fn(height, width, |row, column| {
        let at = row * width + column;
        ((even[at] - odd[at]) * scale) as f32
    })
}

/// One period of cosine and sine at `n` points.
struct Waves(Vec<[f64; 2]>);

impl Waves {
    fn new(n: usize) -> Self {
        let at = |k: usize| (std::f64::consts::TAU * k as f64 / n as f64).sin_cos();
        Self((0..n).map(at).map(|(sin, cos)| [cos, sin]).collect())
    }

    /// The matrix `f(cos, sin)` of `2 pi i j / n`, row-major.
    fn table(&self, f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        let n = self.0.len();
        (0..n * n)
            .map(|at| {
                let [cos, sin] = self.0[(at / n) * (at % n) % n];
                f(cos, sin)
            })
            .collect()
    }
}

/// The matrix product of `a` (`inner` columns) and `b` (`columns` columns), both row-major.
fn product(a: &[f64], inner: usize, b: &[f64], columns: usize) -> Vec<f64> {
    let mut out = vec![0.0; a.len() / inner * columns];
    for (row, out) in a.chunks_exact(inner).zip(out.chunks_exact_mut(columns)) {
        for (&factor, b) in row.iter().zip(b.chunks_exact(columns)) {
            for (sum, &value) in out.iter_mut().zip(b) {
                *sum += factor * value;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_is_the_real_part_of_the_inverse_dft() {
        let (height, width) = (3, 4);
        let uniforms: Vec<f32> = (0..12).map(|k| ((k * 7 + 3) % 12) as f32 / 12.0).collect();
        let found = pink_noise(&uniforms, height, width, 0.0, 1.0);
        for h in 0..height {
            for w in 0..width {
                let mut sum = 0.0;
                for k in 0..height {
                    for l in 0..width {
                        let p = std::f64::consts::TAU * (f64::from(uniforms[k * width + l]) - 0.5);
                        let turn = (h * k) as f64 / height as f64 + (w * l) as f64 / width as f64;
                        let (sin, cos) = (std::f64::consts::TAU * turn).sin_cos();
                        sum += p * (cos - sin);
                    }
                }
                assert!((f64::from(found.at(0, h, w)) - sum / 12.0).abs() < 1e-6);
            }
        }
    }
}
