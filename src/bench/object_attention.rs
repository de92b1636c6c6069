//! Cases of object attention: one pass, two phases of five, the same with training.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::{Build, Call, Case};
use crate::dynamics::{Controls, Dynamics as _, ProtocolOptions, Run, Schedule, State, Workspace, rollout};
use crate::error::Result;
use crate::families::object_attention::{
    Batch, Config, LossSettings, ObjectAttention, initial_weights, train_batch,
};
use crate::rng;
use crate::train::{Optimiser, OptimiserConfig};

/// A network with its own batches and repeats.
struct Setup {
    name: &'static str,
    file: &'static str,
    config: fn() -> Config,
    batches: [usize; 2],
    repeats: usize,
}

const SETUPS: [Setup; 2] = [
    Setup {
        name: "mnist",
        file: "oba/paper_mnist_model.pt",
        config: || Config::digits(2),
        batches: [1, 16],
        repeats: 15,
    },
    Setup {
        name: "coco",
        file: "oba/paper_coco_model.pt",
        config: Config::photographs,
        batches: [1, 4],
        repeats: 5,
    },
];

#[derive(Clone, Copy)]
enum Work {
    Step,
    Attend,
    Train,
}

pub(super) fn cases(batch: Option<usize>) -> Vec<Case> {
    let mut cases = Vec::new();
    for setup in &SETUPS {
        let batches = batch.map_or_else(|| setup.batches.to_vec(), |batch| vec![batch]);
        for n in batches {
            let few = (setup.repeats / 3).max(3);
            cases.push(case(setup, "step", n, setup.repeats, Work::Step));
            cases.push(case(setup, "attend_2x5", n, few, Work::Attend));
            // Training on photographs takes long: at one batch size, unless asked for another.
            if setup.name == "mnist" || n == 1 || batch.is_some() {
                cases.push(case(setup, "train_batch_2x5", n, few, Work::Train));
            }
        }
    }
    cases
}

fn case(setup: &'static Setup, name: &str, batch: usize, repeats: usize, work: Work) -> Case {
    let build: Build = Box::new(move |sources| {
        let config = (setup.config)();
        let random = || initial_weights(&config, 0);
        let (weights, origin) = sources.weights(Path::new(setup.file), random)?;
        let stimuli = stimuli(&config, batch)?;
        let call: Call = match work {
            Work::Train => {
                let mut weights = weights.trainable()?;
                let mut optimiser = Optimiser::new(OptimiserConfig::adam(1e-3));
                let settings = LossSettings { penalty: 1e3, class_weights: None };
                let mut workspace = sources.workspace();
                Box::new(move || {
                    let update =
                        train_batch(&config, &weights, &mut optimiser, &stimuli, &settings, &mut workspace)?;
                    weights = update.weights;
                    Ok(())
                })
            }
            Work::Step | Work::Attend => {
                let model = ObjectAttention::new(&config, &weights)?;
                let schedule = model.schedule(&stimuli.presentation(), &ProtocolOptions::default())?;
                let n_steps = if matches!(work, Work::Step) { 1 } else { schedule.len() };
                runner(model, schedule, n_steps, sources.workspace())?
            }
        };
        Ok((call, origin))
    });
    Case { name: format!("{}_{name}", setup.name), batch, items: batch, frames: None, repeats, build }
}

/// Runs the first timesteps of a schedule from rest.
fn runner(
    model: ObjectAttention,
    schedule: Schedule,
    n_steps: usize,
    mut workspace: Workspace,
) -> Result<Call> {
    let (model, schedule) = (Arc::new(model), Arc::new(schedule));
    let controls = Controls::defaults(model.controls());
    let rest: State = model.rest(schedule.batch())?;
    Ok(Box::new(move || {
        let run = Run::plain(model.as_ref(), &schedule, &controls);
        rollout(&run, rest.clone(), 0..n_steps, &mut workspace, |_, _, _| Ok(ControlFlow::Continue(())))?;
        Ok(())
    }))
}

/// Uniform noise, its objects as in the peer, and drawn labels.
fn stimuli(config: &Config, batch: usize) -> Result<Batch> {
    let mut rng = rng::stream(0, "bench", &[batch as u64]);
    let dims = [batch, config.channels[0], config.image_height, config.image_width];
    let values: Vec<f32> = (0..dims.iter().product()).map(|_| rng::uniform(&mut rng) as f32).collect();
    let x = Tensor::from_vec(values, dims.as_slice(), &Device::Cpu)?;
    let targets = Tensor::stack(&[(&x * 0.8)?, (&x * 0.9)?], 0)?;
    let labels = (0..2).map(|_| (0..batch).map(|_| rng::index(&mut rng, 0, 10) as i64).collect()).collect();
    Batch::new(x, targets, labels, config.strength)
}
