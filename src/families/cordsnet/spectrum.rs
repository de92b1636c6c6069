//! Spectra of the recurrence: of an area's convolution alone, and of the dynamics at a state.
//!
//! `analysis/compute_eigenvalues.py` and `compute_eigenvector.py`; the Jacobian at a state is ours.
//! Without feedback between areas, the spectrum of the network is the union of its areas'.

use candle_core::{DType, Device, Tensor};

use super::model::CordsNet;
use super::trunk::SAME;
use crate::dynamics::{Controls, Drive, Dynamics as _, Frame, Pass, Stage, State, StepContext, Taps};
use crate::error::{Error, Result};
use crate::ops::{self, Workspace};
use crate::weights::Weight;

/// The linear map `v -> W v` of a 3 x 3 convolution with zero padding, in double precision. Units are
/// counted channel by channel, row by row.
#[derive(Debug)]
pub struct Recurrence {
    kernel: Weight,
    shape: [usize; 3],
    workspace: Workspace,
}

impl Recurrence {
    /// `kernel` `[channels, channels, 3, 3]` on maps of `side` by `side`.
    ///
    /// # Errors
    /// [`Error::Shape`] for another kernel.
    pub fn new(kernel: &Tensor, side: usize) -> Result<Self> {
        let &[out, channels, 3, 3] = kernel.dims() else {
            return Err(Error::shape("kernel of a recurrence", "[channels, channels, 3, 3]", kernel.dims()));
        };
        if out != channels || side == 0 {
            let expected = "as many inputs as outputs, on maps of 1 or more";
            return Err(Error::shape("kernel of a recurrence", expected, kernel.dims()));
        }
        let kernel = kernel.detach().to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
        let (kernel, workspace) = (Weight::new(kernel), Workspace::new());
        Ok(Self { kernel, shape: [channels, side, side], workspace })
    }

    /// Units of the map.
    pub fn n_units(&self) -> usize {
        self.shape.iter().product()
    }

    /// `W v`.
    ///
    /// # Errors
    /// [`Error::Shape`] if `v` has another length.
    pub fn apply(&mut self, v: &[f64]) -> Result<Vec<f64>> {
        let n = self.n_units();
        if v.len() != n {
            return Err(Error::shape("vector of a recurrence", [n], &[v.len()]));
        }
        self.rows(v, 1)
    }

    /// `W` with one row per output unit, row-major.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn dense(&mut self) -> Result<Vec<f64>> {
        let n = self.n_units();
        let mut units = vec![0.0; n * n];
        units.iter_mut().step_by(n + 1).for_each(|entry| *entry = 1.0);
        let columns = self.rows(&units, n)?;
        let mut dense = vec![0.0; n * n];
        for (i, column) in columns.chunks_exact(n.max(1)).enumerate() {
            dense[i..].iter_mut().step_by(n).zip(column).for_each(|(entry, &value)| *entry = value);
        }
        Ok(dense)
    }

    /// Each of `batch` vectors through `W`.
    fn rows(&mut self, vectors: &[f64], batch: usize) -> Result<Vec<f64>> {
        let [channels, height, width] = self.shape;
        let x = Tensor::from_slice(vectors, (batch, channels, height, width), &Device::Cpu)?;
        let y = ops::conv2d(&x, &self.kernel, None, &SAME, &mut self.workspace)?;
        Ok(y.flatten_all()?.to_vec1()?)
    }

    /// `iterations` of `v <- W v / |W v|` from `start`: the leading eigenvector where it is real and
    /// alone, its sign left open.
    ///
    /// # Errors
    /// As [`Recurrence::apply`].
    pub fn power(&mut self, start: &[f64], iterations: usize) -> Result<Vec<f64>> {
        let mut v = unit(start);
        for _ in 0..iterations {
            v = unit(&self.apply(&v)?);
        }
        Ok(v)
    }

    /// `<v, W v>` of a vector of norm 1.
    ///
    /// # Errors
    /// As [`Recurrence::apply`].
    pub fn rayleigh(&mut self, v: &[f64]) -> Result<f64> {
        Ok(self.apply(v)?.iter().zip(v).map(|(w, v)| w * v).sum())
    }
}

/// `v` over its norm.
pub fn unit(v: &[f64]) -> Vec<f64> {
    let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
    v.iter().map(|x| x / norm).collect()
}

/// The Jacobian of one timestep inside one area, `(1 - α) I + α D W`, with `D` the slopes of the
/// nonlinearity at the present drive.
#[derive(Debug)]
pub struct AreaJacobian {
    pub recurrence: Recurrence,
    /// Slope per unit.
    slopes: Vec<f64>,
    alpha: f64,
}

impl AreaJacobian {
    /// The Jacobian times `v`.
    ///
    /// # Errors
    /// As [`Recurrence::apply`].
    pub fn apply(&mut self, v: &[f64]) -> Result<Vec<f64>> {
        let mut y = self.recurrence.apply(v)?;
        for ((y, v), slope) in y.iter_mut().zip(v).zip(&self.slopes) {
            *y = (1.0 - self.alpha) * v + self.alpha * slope * *y;
        }
        Ok(y)
    }

    /// All of it, one row per output unit.
    ///
    /// # Errors
    /// As [`Recurrence::dense`].
    pub fn dense(&mut self) -> Result<Vec<f64>> {
        let n = self.slopes.len();
        let mut dense = self.recurrence.dense()?;
        for (i, (row, slope)) in dense.chunks_exact_mut(n.max(1)).zip(&self.slopes).enumerate() {
            row.iter_mut().for_each(|entry| *entry *= self.alpha * slope);
            row[i] += 1.0 - self.alpha;
        }
        Ok(dense)
    }

    /// Time constant in timesteps of a mode whose eigenvalue has this modulus; infinite from 1 on.
    pub fn time_constant(modulus: f64) -> f64 {
        if modulus < 1.0 { -1.0 / modulus.ln() } else { f64::INFINITY }
    }
}

/// The Jacobians of all areas at `state` of the first trial, while `frame` is shown.
///
/// # Errors
/// As [`CordsNet`]'s step.
pub fn area_jacobians(
    model: &CordsNet,
    frame: &std::sync::Arc<Frame>,
    state: &State,
    controls: &Controls,
) -> Result<Vec<AreaJacobian>> {
    let mut workspace = Workspace::new();
    let prepared = model.prepare(frame, &mut workspace)?;
    let mut drives = Drives { z: vec![None; model.areas().len()] };
    let drive = Drive {
        frame: frame.clone(),
        instruction: None,
        target: None,
        pass: Pass::Sweep,
        phase: 0,
        pass_index: 0,
        n_passes: 1,
        shown: 0,
    };
    let mut context = StepContext { taps: &mut drives, controls, ops: &mut workspace };
    let rule = model.rule(&context);
    model.step(&prepared, &drive, state, &mut context)?;
    let config = model.config();
    let mut jacobians = Vec::with_capacity(config.depth);
    for (area, side) in config.sides().into_iter().enumerate() {
        let Some(z) = &drives.z[area] else { continue };
        let z: Vec<f64> = z.narrow(0, 0, 1)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
        jacobians.push(AreaJacobian {
            recurrence: Recurrence::new(model.recurrence(area).tensor(), side)?,
            slopes: z.iter().map(|&z| if z > 0.0 { 1.0 } else { rule.slope }).collect(),
            alpha: rule.alpha,
        });
    }
    Ok(jacobians)
}

/// Keeps what drives each area.
struct Drives {
    z: Vec<Option<Tensor>>,
}

impl Taps for Drives {
    fn tap(&mut self, area: usize, stage: Stage, value: Tensor) -> Result<Tensor> {
        if stage == Stage::Preactivation {
            self.z[area] = Some(value.clone());
        }
        Ok(value)
    }

    fn touches(&self, _area: usize, stage: Stage) -> bool {
        stage == Stage::Preactivation
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Config, Dataset, Stage as NetworkStage, generate};
    use super::*;
    use crate::analysis::eigen::{arnoldi, eigenvalues};
    use crate::dynamics::NoTaps;
    use crate::nn::init;
    use crate::rng;

    #[test]
    fn dense_and_applied_recurrence_agree() {
        let kernel = init::normal(&mut rng::stream(1, "k", &[]), &[3, 3, 3, 3], 0.3).unwrap();
        let mut recurrence = Recurrence::new(&kernel, 4).unwrap();
        let n = recurrence.n_units();
        let v: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
        let dense = recurrence.dense().unwrap();
        let applied = recurrence.apply(&v).unwrap();
        for (row, applied) in dense.chunks(n).zip(&applied) {
            let product: f64 = row.iter().zip(&v).map(|(a, v)| a * v).sum();
            assert!((product - applied).abs() < 1e-12);
        }
        let all = eigenvalues(&dense, n).unwrap();
        let found = arnoldi(|v| recurrence.apply(v), &v, n).unwrap().ritz_values().unwrap();
        assert!((found[0].abs() - all[0].abs()).abs() < 1e-8);
        assert!(recurrence.apply(&v[1..]).is_err() && Recurrence::new(&kernel, 0).is_err());
    }

    #[test]
    fn the_jacobian_is_the_change_of_a_step() {
        for stage in [NetworkStage::Final, NetworkStage::Parametric, NetworkStage::Linear] {
            let config = Config::new(stage, Dataset::Cifar10, 4, 2, 32);
            let weights = generate(&config, 3)
                .unwrap()
                .with([("prelu.weight".to_owned(), Tensor::new(&[0.4f32], &Device::Cpu).unwrap())]);
            let weights = weights.to_dtype(DType::F64).unwrap();
            let model = CordsNet::new(&config, &weights).unwrap();
            let controls = Controls::defaults(model.controls());
            let mut rng = rng::stream(2, "picture", &[]);
            let frame = Arc::new(Frame::new(init::normal(&mut rng, &[1, 3, 32, 32], 1.0).unwrap()));
            let mut state = model.rest(1).unwrap();
            for area in &mut state.areas {
                let rates = init::normal(&mut rng, area.dims(), 1.0).unwrap();
                *area = rates.to_dtype(DType::F64).unwrap();
            }
            let mut ws = Workspace::new();
            let prepared = model.prepare(&frame, &mut ws).unwrap();
            let drive = Drive {
                frame: frame.clone(),
                instruction: None,
                target: None,
                pass: Pass::Sweep,
                phase: 0,
                pass_index: 0,
                n_passes: 1,
                shown: 0,
            };
            let mut step = |state: &State| {
                let mut context = StepContext { taps: &mut NoTaps, controls: &controls, ops: &mut ws };
                model.step(&prepared, &drive, state, &mut context).unwrap()
            };
            let before = step(&state);
            let mut jacobians = area_jacobians(&model, &frame, &state, &controls).unwrap();
            for (area, jacobian) in jacobians.iter_mut().enumerate() {
                let n = jacobian.slopes.len();
                let v: Vec<f64> = (0..n).map(|i| 1e-7 * (i as f64 * 0.7).cos()).collect();
                let mut moved = state.clone();
                let by = Tensor::from_slice(&v, moved.areas[area].shape(), &Device::Cpu).unwrap();
                moved.areas[area] = (&moved.areas[area] + by).unwrap();
                let after = step(&moved);
                let change = (&after.areas[area] - &before.areas[area]).unwrap();
                let change: Vec<f64> = change.flatten_all().unwrap().to_vec1().unwrap();
                let expected = jacobian.apply(&v).unwrap();
                assert!(change.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-13), "{stage:?} {area}");
                let dense = jacobian.dense().unwrap();
                let product: f64 = dense[..n].iter().zip(&v).map(|(a, v)| a * v).sum();
                assert!((product - expected[0]).abs() < 1e-18);
            }
        }
        assert!((AreaJacobian::time_constant(0.8) - 4.48).abs() < 0.01);
        assert!(AreaJacobian::time_constant(1.0).is_infinite());
    }
}
