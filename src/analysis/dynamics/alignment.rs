//! The change of coordinates that makes two operators most alike.

use crate::analysis::matrix::Matrix;
use crate::error::{Error, Result};
use crate::rng;

/// Which changes of coordinates are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Rotations.
    Rotations,
    /// Rotations and reflections.
    Orthogonal,
    /// Any invertible map.
    Invertible,
}

/// How long and how fast it is looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlignmentOptions {
    pub group: Group,
    pub iterations: usize,
    pub learning_rate: f64,
}

impl Default for AlignmentOptions {
    fn default() -> Self {
        Self { group: Group::Orthogonal, iterations: 1500, learning_rate: 5e-3 }
    }
}

/// The parameters that the change of coordinates is computed from:
/// `M = tanh(tanh(X L1ᵀ) L2ᵀ) L3ᵀ`, all of them trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// `L1`, `L2`, `L3`; `X` starts at the identity.
    pub layers: [Matrix; 3],
}

impl Start {
    /// Uniform in `±1/sqrt(n)`; the outcome can hang on the draw.
    pub fn random(n: usize, seed: u64) -> Self {
        let bound = 1.0 / (n.max(1) as f64).sqrt();
        let layer = |index: u64| {
            let mut rng = rng::stream(seed, "alignment of dynamics", &[index]);
            Matrix::from_fn(n, n, |_, _| (2.0 * rng::uniform(&mut rng) - 1.0) * bound)
        };
        Self { layers: [layer(0), layer(1), layer(2)] }
    }
}

/// The best change of coordinates that was found.
#[derive(Clone, Debug)]
pub struct Alignment {
    pub change: Matrix,
    /// Squared distance before each update.
    pub losses: Vec<f64>,
    /// Angle between the operators after the change, in radians.
    pub angular: f64,
    /// Frobenius distance between the normalised operators after the change.
    pub euclidean: f64,
}

/// Aligns `b` to `a`: both to norm 1, the smaller padded with zeros.
///
/// # Errors
/// [`Error::Shape`] for operators that are not square or a start of another size,
/// [`Error::Unsupported`] if the change of coordinates stops being invertible.
pub fn align(a: &Matrix, b: &Matrix, start: &Start, options: &AlignmentOptions) -> Result<Alignment> {
    for operator in [a, b] {
        if operator.rows() != operator.columns() {
            let found = [operator.rows(), operator.columns()];
            return Err(Error::shape("operator", [found[0], found[0]], &found));
        }
    }
    let n = a.rows().max(b.rows());
    if start.layers.iter().any(|layer| (layer.rows(), layer.columns()) != (n, n)) {
        return Err(Error::shape("start of an alignment", [n, n], &[start.layers[0].rows()]));
    }
    let (a, b) = (normalised(&a.padded(n, n)), normalised(&b.padded(n, n)));
    if options.group != Group::Orthogonal {
        return minimise(&a, &b, start, options);
    }
    let direct = minimise(&a, &b, start, options)?;
    if n < 2 {
        return Ok(direct);
    }
    // Exchanging two axes leads to the other half of the group.
    let exchange = Matrix::from_fn(n, n, |i, j| {
        let from = match i {
            0 => 1,
            1 => 0,
            other => other,
        };
        if from == j { 1.0 } else { 0.0 }
    });
    let reflected = minimise(&a, &exchange.times(&b).times(&exchange), start, options)?;
    let last = |alignment: &Alignment| alignment.losses.last().copied().unwrap_or(f64::INFINITY);
    if last(&direct) <= last(&reflected) {
        return Ok(direct);
    }
    Ok(Alignment { change: reflected.change.times(&exchange), ..reflected })
}

/// 1 for equal operators, 0 for opposite ones.
pub fn similarity(angular: f64) -> f64 {
    1.0 - angular / std::f64::consts::PI
}

fn normalised(a: &Matrix) -> Matrix {
    let norm = a.norm();
    if norm > 0.0 { a.scaled(1.0 / norm) } else { a.clone() }
}

/// One parameter of Adam with its moments.
struct Parameter {
    value: Matrix,
    moments: [Matrix; 2],
}

impl Parameter {
    fn new(value: Matrix) -> Self {
        let zeros = Matrix::zeros(value.rows(), value.columns());
        Self { value, moments: [zeros.clone(), zeros] }
    }

    fn update(&mut self, gradient: &Matrix, step: i32, learning_rate: f64) {
        const BETAS: [f64; 2] = [0.9, 0.999];
        const EPS: f64 = 1e-8;
        self.moments[0] = self.moments[0].zip(gradient, |m, g| BETAS[0] * m + (1.0 - BETAS[0]) * g);
        self.moments[1] = self.moments[1].zip(gradient, |v, g| BETAS[1] * v + (1.0 - BETAS[1]) * g * g);
        let [first, second] = BETAS.map(|beta| 1.0 - beta.powi(step));
        let change = self.moments[0]
            .zip(&self.moments[1], |m, v| learning_rate * (m / first) / ((v / second).sqrt() + EPS));
        self.value = self.value.minus(&change);
    }
}

/// What the parameters give, with what the gradient needs.
struct Forward {
    hidden: [Matrix; 2],
    change: Matrix,
    inverse: Matrix,
    /// `(I + K)⁻¹` where the change is a rotation.
    cayley: Option<Matrix>,
}

impl Forward {
    fn of([x, l1, l2, l3]: [&Matrix; 4], group: Group) -> Result<Self> {
        let h1 = x.times_transposed(l1).map(f64::tanh);
        let h2 = h1.times_transposed(l2).map(f64::tanh);
        let m = h2.times_transposed(l3);
        if group == Group::Invertible {
            let inverse = inverse(&m)?;
            return Ok(Self { hidden: [h1, h2], change: m, inverse, cayley: None });
        }
        let skew = m.minus(&m.transposed());
        let identity = Matrix::identity(m.rows());
        let cayley = inverse(&identity.plus(&skew))?;
        let change = cayley.times(&identity.minus(&skew));
        Ok(Self { hidden: [h1, h2], inverse: change.transposed(), change, cayley: Some(cayley) })
    }

    fn difference(&self, a: &Matrix, b: &Matrix) -> Matrix {
        a.minus(&self.change.times(b).times(&self.inverse))
    }

    /// Gradients of the squared difference with respect to `X`, `L1`, `L2`, `L3`.
    fn gradients(&self, [x, l1, l2, l3]: [&Matrix; 4], b: &Matrix, difference: &Matrix) -> [Matrix; 4] {
        let d_m = match &self.cayley {
            Some(cayley) => {
                let c = &self.change;
                let one = difference.times(c).times_transposed(b);
                let other = difference.transposed_times(c).times(b);
                let d_c = one.plus(&other).scaled(-2.0);
                let identity = Matrix::identity(c.rows());
                let d_skew = cayley.transposed_times(&d_c).times_transposed(&identity.plus(c)).scaled(-1.0);
                d_skew.minus(&d_skew.transposed())
            }
            None => {
                let moved = self.change.times(b).times(&self.inverse);
                let one = difference.times_transposed(&b.times(&self.inverse)).scaled(-2.0);
                let other = moved.transposed_times(difference).times_transposed(&self.inverse).scaled(2.0);
                one.plus(&other)
            }
        };
        let [h1, h2] = &self.hidden;
        let through = |d: &Matrix, h: &Matrix| d.zip(h, |d, h| d * (1.0 - h * h));
        let d_2 = through(&d_m.times(l3), h2);
        let d_1 = through(&d_2.times(l2), h1);
        [d_1.times(l1), d_1.transposed_times(x), d_2.transposed_times(h1), d_m.transposed_times(h2)]
    }
}

fn inverse(a: &Matrix) -> Result<Matrix> {
    let singular = || Error::Unsupported("a change of coordinates that cannot be inverted".to_owned());
    a.inverse().ok_or_else(singular)
}

fn minimise(a: &Matrix, b: &Matrix, start: &Start, options: &AlignmentOptions) -> Result<Alignment> {
    let n = a.rows();
    let [l1, l2, l3] = start.layers.clone();
    let mut parameters = [Matrix::identity(n), l1, l2, l3].map(Parameter::new);
    let mut losses = Vec::with_capacity(options.iterations);
    for step in 1..=options.iterations {
        let values = parameters.each_ref().map(|parameter| &parameter.value);
        let forward = Forward::of(values, options.group)?;
        let difference = forward.difference(a, b);
        losses.push(difference.dot(&difference));
        let gradients = forward.gradients(values, b, &difference);
        let step = i32::try_from(step).unwrap_or(i32::MAX);
        for (parameter, gradient) in parameters.iter_mut().zip(&gradients) {
            parameter.update(gradient, step, options.learning_rate);
        }
    }
    let last = Forward::of(parameters.each_ref().map(|parameter| &parameter.value), options.group)?;
    let moved = last.change.times(b).times(&last.inverse);
    let cosine = a.dot(&moved) / (a.norm() * b.norm());
    let angular = match cosine.acos() {
        angle if !angle.is_nan() => angle,
        _ if cosine < 0.0 => std::f64::consts::PI,
        _ => 0.0,
    };
    Ok(Alignment { euclidean: a.minus(&moved).norm(), change: last.change, losses, angular })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(n: usize, seed: u64) -> Matrix {
        let mut rng = rng::stream(seed, "operators", &[]);
        Matrix::from_fn(n, n, |_, _| rng::normal(&mut rng))
    }

    #[test]
    fn gradients_agree_with_differences() {
        let (a, b) = (normalised(&random(3, 1)), normalised(&random(3, 2)));
        let values = [random(3, 3), random(3, 4), random(3, 5), random(3, 6)];
        for group in [Group::Rotations, Group::Invertible] {
            let loss = |values: &[Matrix; 4]| {
                let difference = Forward::of(values.each_ref(), group).unwrap().difference(&a, &b);
                difference.dot(&difference)
            };
            let forward = Forward::of(values.each_ref(), group).unwrap();
            let gradients = forward.gradients(values.each_ref(), &b, &forward.difference(&a, &b));
            for (index, gradient) in gradients.iter().enumerate() {
                for (row, column) in [(0, 0), (1, 2), (2, 1)] {
                    let moved = |by: f64| {
                        let mut values = values.clone();
                        let entry = values[index].at(row, column);
                        values[index].set(row, column, entry + by);
                        loss(&values)
                    };
                    let expected = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                    let found = gradient.at(row, column);
                    let scale = expected.abs().max(1e-2);
                    assert!((found - expected).abs() < 1e-4 * scale, "{group:?} {index}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn turned_operators_are_found_alike() {
        let a = random(2, 7);
        let turn = Matrix::new(2, 2, vec![0.6, 0.8, -0.8, 0.6]).unwrap();
        let b = turn.times(&a).times(&turn.transposed());
        let found = align(&a, &b, &Start::random(2, 1), &AlignmentOptions::default()).unwrap();
        assert!(found.angular < 0.02, "{}", found.angular);
        assert!((similarity(0.0), similarity(std::f64::consts::PI)) == (1.0, 0.0));
        let empty = Matrix::zeros(0, 0);
        let none = align(
            &empty,
            &b,
            &Start::random(2, 1),
            &AlignmentOptions { iterations: 2, ..Default::default() },
        );
        assert_eq!(none.unwrap().angular, 0.0);
    }
}
