//! Cases of CordsNet: single timesteps, whole presentations, training steps, spectra.

use std::ops::ControlFlow;
use std::path::PathBuf;

use candle_core::{Device, Tensor};

use super::{Build, Call, Case, Origin};
use crate::analysis::eigen::{arnoldi, eigenvalues_f32};
use crate::dynamics::{
    Controls, Dynamics as _, Presentation, ProtocolOptions, Run, Schedule, State, onset, rollout,
};
use crate::error::Result;
use crate::families::cordsnet::spectrum::Recurrence;
use crate::families::cordsnet::{
    Batch, Config, CordsNet, Dataset, Stage, generate, loss_gradients, uniform, update,
};
use crate::train::optim::Decay;
use crate::train::{Optimiser, OptimiserConfig};

/// Norm that gradients of the stages with dynamics are clipped to.
const LIMIT: f64 = 1e-4;
/// Of the batched cases that the peer runs at one batch.
const BATCH: usize = 4;

pub(super) fn cases(batch: Option<usize>) -> Vec<Case> {
    let mut cases = Vec::new();
    let batches = batch.map_or_else(|| vec![1, 4], |batch| vec![batch]);
    for (dataset, depth, is_stored) in [
        (Dataset::Mnist, 2, true),
        (Dataset::Mnist, 4, true),
        (Dataset::Mnist, 6, false),
        (Dataset::Imagenet, 8, false),
    ] {
        for &n in &batches {
            let name = format!("r{depth}_{}_224_one_step", dataset.name());
            cases.push(case(name, n, n, 10, one_step(dataset, depth, n, is_stored)));
        }
    }
    let n = batch.unwrap_or(BATCH);
    for depth in [2, 8] {
        let name = format!("tiny_r{depth}_base4_64px_forward_200_steps");
        let config = network(Stage::Final, Dataset::Cifar10, depth, 4, 64);
        cases.push(case(name, n, n * 200, 5, presentation(config, n, Begin::AtRest)));
    }
    if batch.is_none_or(|batch| batch == 1) {
        let config = network(Stage::Final, Dataset::Imagenet, 8, 64, 224);
        let name = "r8_imagenet_224_presentation_200_steps".to_owned();
        cases.push(case(name, 1, 200, 3, presentation(config, 1, Begin::AtOnset)));
    }
    for stage in [Stage::Linear, Stage::Parametric, Stage::Final] {
        let name = format!("tiny_r8_base4_64px_train_step_{}", stage.name());
        cases.push(case(name, n, n, 5, training_step(stage, n)));
    }
    cases.push(case("r2_mnist_224_cnn_forward_backward".to_owned(), n, n, 5, twin_gradients(n)));
    cases.push(case("arnoldi_100_c10_n10".to_owned(), 1, 100, 5, arnoldi_iterations()));
    cases.push(case("dense_conv_eigvals_c10_n10".to_owned(), 1, 1000, 3, dense_eigenvalues()));
    cases
}

fn case(name: String, batch: usize, items: usize, repeats: usize, build: Build) -> Case {
    Case { name, batch, items, frames: None, repeats, build }
}

fn hashed(label: &str, shape: &[usize]) -> Result<Tensor> {
    let values: Vec<f32> = uniform(label, 1, shape.iter().product()).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

/// Pictures of the peer, which are normalised already.
fn images(config: &Config, batch: usize) -> Result<Tensor> {
    hashed("bench", &[batch, config.image_channels, config.image_side, config.image_side])
}

fn network(stage: Stage, dataset: Dataset, depth: usize, base: usize, side: usize) -> Config {
    Config { normalise: false, ..Config::new(stage, dataset, depth, base, side) }
}

fn run_of<'a>(model: &'a CordsNet, schedule: &'a Schedule, controls: &'a Controls) -> Run<'a> {
    Run::plain(model, schedule, controls)
}

/// One timestep of all areas, with the read-out; the picture has been prepared.
fn one_step(dataset: Dataset, depth: usize, batch: usize, is_stored: bool) -> Build {
    Box::new(move |sources| {
        let config = Config { warm_up: 0, ..network(Stage::Final, dataset, depth, 64, 224) };
        let random = || generate(&config, depth as u64);
        let file = format!("cordsnet/cordsnet_{}_r{depth}_random_init.pth", dataset.name());
        let (weights, origin) = match is_stored {
            true => sources.weights(&PathBuf::from(file), random)?,
            false => (random()?, Origin::Random),
        };
        let model = CordsNet::new(&config, &weights)?;
        let shown = Presentation::held(images(&config, batch)?);
        let schedule = model.schedule(&shown, &ProtocolOptions::default())?;
        let controls = Controls::defaults(model.controls());
        let go_on = |_: usize, _: &_, _: &State| Ok(ControlFlow::Continue(()));
        let mut workspace = sources.workspace();
        let run = run_of(&model, &schedule, &controls);
        let start = rollout(&run, model.rest(batch)?, 0..3, &mut workspace, go_on)?;
        let call: Call = Box::new(move || {
            let run = run_of(&model, &schedule, &controls);
            rollout(&run, start.clone(), 3..4, &mut workspace, go_on)?;
            Ok(())
        });
        Ok((call, origin))
    })
}

/// Where a presentation begins.
#[derive(Clone, Copy)]
enum Begin {
    AtRest,
    /// With what earlier presentations came to at onset, as in a series of pictures.
    AtOnset,
}

/// 100 timesteps without and 100 with a new picture.
fn presentation(config: Config, batch: usize, begin: Begin) -> Build {
    Box::new(move |sources| {
        let model = CordsNet::new(&config, &generate(&config, config.depth as u64)?)?;
        let images = images(&config, batch)?;
        let controls = Controls::defaults(model.controls());
        let mut workspace = sources.workspace();
        let call: Call = Box::new(move || {
            let shown = Presentation::held(images.clone());
            let schedule = model.schedule(&shown, &ProtocolOptions::default())?;
            let run = run_of(&model, &schedule, &controls);
            let start = match begin {
                Begin::AtRest => model.rest(batch)?,
                Begin::AtOnset => onset(&run, &mut workspace, |_| Ok(()))?.state,
            };
            let go_on = |_: usize, _: &_, _: &State| Ok(ControlFlow::Continue(()));
            let steps = start.t..schedule.len();
            rollout(&run, start, steps, &mut workspace, go_on)?;
            Ok(())
        });
        Ok((call, Origin::Random))
    })
}

/// Pictures with the classes 0, 1, 2, ….
fn labelled(config: &Config, batch: usize) -> Result<Batch> {
    let mut labels = vec![0f32; batch * config.n_classes];
    for (trial, row) in labels.chunks_mut(config.n_classes).enumerate() {
        row[trial % config.n_classes] = 1.0;
    }
    let labels = Tensor::from_vec(labels, (batch, config.n_classes), &Device::Cpu)?;
    Ok(Batch { images: images(config, batch)?, labels })
}

fn training_step(stage: Stage, batch: usize) -> Build {
    Box::new(move |_| {
        let config = network(stage, Dataset::Cifar10, 8, 4, 64);
        let slope = ("prelu.weight".to_owned(), Tensor::new(&[0.5f32], &Device::Cpu)?);
        let mut weights = generate(&config, 5)?;
        if stage == Stage::Parametric {
            weights = weights.with([slope]);
        }
        let batch = labelled(&config, batch)?;
        let mut optimiser = Optimiser::new(OptimiserConfig::Adam {
            learning_rate: 1e-5,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.01,
            decay: Decay::Decoupled,
        });
        let call: Call = Box::new(move || {
            weights = update(&config, &weights, &batch, &mut optimiser, LIMIT)?.weights;
            Ok(())
        });
        Ok((call, Origin::Random))
    })
}

fn twin_gradients(batch: usize) -> Build {
    Box::new(move |_| {
        let config = network(Stage::Cnn, Dataset::Mnist, 2, 64, 224);
        let weights = generate(&config, 2)?;
        let batch = labelled(&config, batch)?;
        let call: Call = Box::new(move || {
            loss_gradients(&config, &weights, &batch)?;
            Ok(())
        });
        Ok((call, Origin::Random))
    })
}

/// The peer's recurrence: 10 channels on maps of 10 by 10.
fn recurrence() -> Result<Recurrence> {
    Recurrence::new(&(hashed("eig", &[10, 10, 3, 3])? / 90f64.sqrt())?, 10)
}

fn arnoldi_iterations() -> Build {
    Box::new(|_| {
        let mut recurrence = recurrence()?;
        let start: Vec<f64> = uniform("eigv", 1, 1000).map(f64::from).collect();
        let call: Call = Box::new(move || {
            arnoldi(|v| recurrence.apply(v), &start, 100)?;
            Ok(())
        });
        Ok((call, Origin::Random))
    })
}

/// In the peer's precision.
fn dense_eigenvalues() -> Build {
    Box::new(|_| {
        let mut recurrence = recurrence()?;
        let call: Call = Box::new(move || {
            let dense: Vec<f32> = recurrence.dense()?.into_iter().map(|entry| entry as f32).collect();
            eigenvalues_f32(&dense, recurrence.n_units())?;
            Ok(())
        });
        Ok((call, Origin::Random))
    })
}
