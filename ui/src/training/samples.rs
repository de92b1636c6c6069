//! Sample stimuli run through the newest snapshot of a network in training.

use std::ops::ControlFlow;
use std::sync::Arc;

use crossbeam_channel::{Sender, unbounded};
use gainfield::compute::{self, Interactive};
use gainfield::dynamics::{Controls, ProtocolOptions, Run, Workspace, flat, rollout};
use gainfield::families::object_attention::{Batch, Config, DigitsRecipe, build};
use gainfield::model::Target;
use gainfield::ops::compute_pool;
use gainfield::recipe::train::AnyRecipe;
use gainfield::stimulus::Split;
use gainfield::stimulus::procedural_digits::procedural_digits;
use gainfield::train::{LatestReceiver, Snapshot, latest};
use gainfield::{Error, Result};

/// Stimuli that are run; the view shows as many rows of them as fit.
const N_STIMULI: usize = 12;

/// Stimuli with the multiplier of the image gate after every pass.
#[derive(Clone, Debug)]
pub struct Samples {
    pub update: u64,
    /// Rows and columns of a picture.
    pub height: usize,
    pub width: usize,
    pub phases: usize,
    pub passes: usize,
    pub strength: f64,
    /// `[stimulus]`, each `[height × width]`.
    pub inputs: Vec<Arc<[f32]>>,
    /// `[stimulus][timestep]`, each `[height × width]`: 1 − s·gate.
    pub gains: Vec<Vec<Arc<[f32]>>>,
}

/// A worker that runs the samples of one training run; only the newest snapshot is shown.
pub struct Sampler {
    requests: Sender<(u64, Arc<Snapshot>)>,
    results: LatestReceiver<Arc<Samples>>,
    /// Which set of stimuli.
    set: u64,
}

impl Sampler {
    /// `None` for a family without gain maps, or if no thread can be started; the run goes on without
    /// samples.
    pub fn start(recipe: &AnyRecipe, wake: impl Fn() + Send + 'static) -> Option<Self> {
        let (requests, incoming) = unbounded::<(u64, Arc<Snapshot>)>();
        let (outgoing, results) = latest();
        if recipe.family() != "object_attention" {
            return None;
        }
        let recipe: DigitsRecipe = serde_json::from_value(recipe.family_values()).ok()?;
        let work = move || {
            let pool = compute_pool(compute::threads(true));
            let mut workspace = Workspace::new();
            while let Ok(first) = incoming.recv() {
                let (set, snapshot) = incoming.try_iter().last().unwrap_or(first);
                let interactive = Interactive::begin();
                let mut run = || samples(&recipe, set, &snapshot, &mut workspace);
                let result = match &pool {
                    Ok(pool) => pool.install(run),
                    Err(_) => run(),
                };
                drop(interactive);
                match result {
                    Ok(samples) => {
                        outgoing.publish(Arc::new(samples));
                        wake();
                    }
                    Err(err) => tracing::warn!("samples of update {}: {err}", snapshot.update),
                }
            }
        };
        std::thread::Builder::new().name("samples".to_owned()).spawn(work).ok()?;
        Some(Self { requests, results, set: 0 })
    }

    /// Runs the samples through this snapshot, unless a newer one comes first.
    pub fn show(&mut self, snapshot: Arc<Snapshot>) {
        // Without its worker a run has no samples; the reason is in the log.
        let _ = self.requests.send((self.set, snapshot));
    }

    /// The same with other stimuli.
    pub fn other(&mut self, snapshot: Arc<Snapshot>) {
        self.set += 1;
        self.show(snapshot);
    }

    pub fn latest(&self) -> Option<Arc<Samples>> {
        self.results.take()
    }
}

fn samples(
    recipe: &DigitsRecipe,
    set: u64,
    snapshot: &Snapshot,
    workspace: &mut Workspace,
) -> Result<Samples> {
    let config: Config = serde_json::from_value((*snapshot.config).clone())
        .map_err(|err| Error::config("the snapshot's configuration", "that of object attention", err))?;
    let model = build(&config, &snapshot.weights)?;
    let digits = procedural_digits(recipe.seed, Split::Test, 200);
    let first: Vec<usize> =
        (0..N_STIMULI).map(|i| (set as usize * N_STIMULI + i) * 7 % digits.len()).collect();
    let composed = recipe.composer().batch(&digits, &first, recipe.seed, set)?;
    let batch = Batch::from_digits(&composed, recipe.strength, &Target::default().device)?;
    let schedule = model.schedule(&batch.presentation(), &ProtocolOptions::default())?;
    let controls = Controls::defaults(model.controls());
    let run = Run {
        model: model.as_ref(),
        schedule: &schedule,
        controls: &controls,
        interventions: &[],
        seed: recipe.seed,
        first_trial: 0,
    };
    let gate = model.areas().iter().position(|area| area.is_gain()).unwrap_or(0);
    let (height, width) = (config.image_height, config.image_width);
    let plane = height * width;
    let split = |values: &[f32]| -> Vec<Arc<[f32]>> { values.chunks(plane).map(Arc::from).collect() };
    let mut gains = vec![Vec::new(); first.len()];
    rollout(&run, model.rest(first.len())?, 0..schedule.len(), workspace, |_, _, state| {
        let strength = recipe.strength as f32;
        let multipliers: Vec<f32> = state.values(gate)?.iter().map(|gate| 1.0 - strength * gate).collect();
        for (stimulus, map) in gains.iter_mut().zip(split(&multipliers)) {
            stimulus.push(map);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(Samples {
        update: snapshot.update,
        height,
        width,
        phases: config.phases,
        passes: config.passes,
        strength: recipe.strength,
        inputs: split(&flat(&batch.x)?),
        gains,
    })
}
