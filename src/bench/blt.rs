//! Cases of BLT: whole runs of the networks, one training step, two comparisons of responses.

use std::ops::ControlFlow;

use candle_core::{Device, Tensor};

use super::{Build, Call, Case, Origin};
use crate::analysis::matrix::Matrix;
use crate::analysis::rdm::{Dissimilarity, Rdm};
use crate::analysis::similarity::{AngularCka, Kernel, Metric as _};
use crate::dynamics::{Controls, Presentation, ProtocolOptions, Run, rollout};
use crate::error::Result;
use crate::families::blt::{
    BltConfig, Config, LossChoice, LossSettings, Normalisation, Pooling, build, generated_pixels,
    generated_values, generated_weights, update,
};
use crate::train::optim::Decay;
use crate::train::{Optimiser, OptimiserConfig};

const REPEATS: usize = 5;
const SIDE: usize = 224;
/// Of the training step.
const SMALL_SIDE: usize = 64;
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// Name of the network, timesteps, pooling.
const NETWORKS: [(&str, usize, Pooling); 8] = [
    ("blt_b", 1, Pooling::Max),
    ("blt_bl", 10, Pooling::Max),
    ("blt_bl", 10, Pooling::Avg),
    ("blt_bl", 10, Pooling::Blur),
    ("blt_blt", 10, Pooling::Max),
    ("blt_b3lt3", 10, Pooling::Max),
    ("blt_b_pm", 1, Pooling::Max),
    ("blt_bl_top2linear", 15, Pooling::Max),
];
const BASELINES: [&str; 5] = ["cornet_z", "cornet_s", "cornet_r", "cornet_rt", "resnet50"];

pub(super) fn cases(batch: Option<usize>) -> Vec<Case> {
    let n = batch.unwrap_or(1);
    let mut cases = Vec::new();
    for (name, times, pool) in NETWORKS {
        let network = move || {
            let config = BltConfig { pool, normalisation: Normalisation::None, ..BltConfig::named(name)? };
            // A single pass is over before the second timestep.
            let times = if config.is_one_pass() { config.times } else { times };
            Ok(Config::Blt(BltConfig { times, ..config }))
        };
        cases.push(whole_run(format!("{name}.{}.T{times}.224", pool.name()), n, network));
    }
    for name in BASELINES {
        let network = move || {
            let mut config = Config::named(name)?;
            match &mut config {
                Config::Blt(config) => config.normalisation = Normalisation::None,
                Config::Cornet(config) => config.normalisation = Normalisation::None,
                Config::Resnet(config) => config.normalisation = Normalisation::None,
            }
            Ok(config)
        };
        cases.push(whole_run(format!("{name}.224"), n, network));
    }
    cases.push(comparison("rdm_sqeuclid.200x25088", |responses, _| {
        Rdm::of(responses, Dissimilarity::Euclidean).map(|_| ())
    }));
    cases.push(comparison("angular_cka.200x25088", |responses, others| {
        let metric = AngularCka { kernel: Kernel::Linear, is_diagonal_zeroed: true };
        metric.length(&metric.point(responses)?, &metric.point(others)?).map(|_| ())
    }));
    cases.push(training_step(n));
    cases
}

fn case(name: String, batch: usize, build: Build) -> Case {
    Case { name, batch, items: batch, frames: None, repeats: REPEATS, build }
}

/// All timesteps of one batch, the picture's own part included.
fn whole_run(
    name: String,
    batch: usize,
    network: impl Fn() -> Result<Config> + Send + Sync + 'static,
) -> Case {
    let build: Build = Box::new(move |sources| {
        let config = network()?;
        let model = build(&config, &generated_weights(&config, 0)?)?;
        let pictures = pictures(batch, SIDE)?;
        let mut workspace = sources.workspace();
        let call: Call = Box::new(move || {
            // A new frame, so that nothing prepared for the last call is taken.
            let presentation = Presentation::held(pictures.clone());
            let schedule = model.schedule(&presentation, &ProtocolOptions::default())?;
            let controls = Controls::defaults(model.controls());
            let run = Run::plain(model.as_ref(), &schedule, &controls);
            let rest = model.rest(batch)?;
            let go_on = |_: usize, _: &_, _: &_| Ok(ControlFlow::Continue(()));
            rollout(&run, rest, 0..schedule.len(), &mut workspace, go_on)?;
            Ok(())
        });
        Ok((call, Origin::Random))
    });
    case(name, batch, build)
}

fn training_step(batch: usize) -> Case {
    let build: Build = Box::new(move |_| {
        let config = Config::Blt(BltConfig {
            widths: vec![32; 6],
            times: 8,
            n_classes: 12,
            image_size: SMALL_SIDE,
            normalisation: Normalisation::None,
            ..BltConfig::named("blt_blt")?
        });
        let weights = generated_weights(&config, 21)?;
        let pictures = pictures(batch, SMALL_SIDE)?;
        let labels = Tensor::from_iter((0..batch).map(|trial| (trial % 12) as i64), &Device::Cpu)?;
        let settings = LossSettings { choice: LossChoice::Decay, gamma: 0.5, ..LossSettings::default() };
        // As the peer: network and optimiser anew in every call.
        let call: Call = Box::new(move || {
            let mut optimiser = Optimiser::new(OptimiserConfig::Adam {
                learning_rate: 1e-3,
                betas: [0.9, 0.999],
                eps: 1e-8,
                weight_decay: 1e-4,
                decay: Decay::Decoupled,
            });
            update(&config, &weights, &pictures, &labels, &settings, None, &mut optimiser)?;
            Ok(())
        });
        Ok((call, Origin::Random))
    });
    case("train_step.blt_blt.w32.T8.64px".to_owned(), batch, build)
}

/// Work on the responses of 200 stimuli in 25 088 units, and on the same in opposite order.
fn comparison(name: &str, work: fn(&Matrix, &Matrix) -> Result<()>) -> Case {
    const STIMULI: usize = 200;
    const UNITS: usize = 25_088;
    let build: Build = Box::new(move |_| {
        let values = generated_values("rdm", STIMULI * UNITS);
        let responses = Matrix::from_fn(STIMULI, UNITS, |i, j| f64::from(values[i * UNITS + j]));
        let others = Matrix::from_fn(STIMULI, UNITS, |i, j| responses.at(STIMULI - 1 - i, j));
        let call: Call = Box::new(move || work(&responses, &others));
        Ok((call, Origin::Random))
    });
    case(name.to_owned(), 1, build)
}

/// Noise of the peer, normalised; for smaller pictures the corner of the same.
fn pictures(batch: usize, side: usize) -> Result<Tensor> {
    let bytes = generated_pixels("bench", batch * 3 * SIDE * SIDE);
    let values: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
    let pixels = Tensor::from_vec(values, (batch, 3, SIDE, SIDE), &Device::Cpu)?;
    let per_channel = |values: [f32; 3]| Tensor::new(&values, &Device::Cpu)?.reshape((1, 3, 1, 1));
    let whole = pixels.broadcast_sub(&per_channel(MEAN)?)?.broadcast_div(&per_channel(DEVIATION)?)?;
    Ok(whole.narrow(2, 0, side)?.narrow(3, 0, side)?.contiguous()?)
}
