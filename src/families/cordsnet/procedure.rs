//! The five steps of training as one resumable procedure.
//!
//! Pictures, their changes and their order depend on the seed and the number of the update alone, so a
//! run resumes exactly from weights, optimiser state, stage and a count.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::batches::Preparing;
use super::build;
use super::config::{Config, Stage};
use super::recipe::CordsRecipe;
use super::stages::{FUSED, Leg, Passage, file_name, folding_difference, legs, passed};
use super::training::{Batch, Terms, share_right, update};
use super::weights::initial_weights;
use crate::checkpoint::{self, Description};
use crate::dynamics::{Controls, Presentation, ProtocolOptions, Run, Workspace, rollout};
use crate::error::{Error, Result};
use crate::model::Family;
use crate::provenance::{DataIdentity, Provenance};
use crate::settings::Overrides;
use crate::stimulus::PictureSet;
use crate::stimulus::sets::{Division, Drawn, Portions};
use crate::train::{
    Ahead, Course, EpochOrder, Evaluation, Keeping, Measure, Measures, Metric, Optimiser, Procedure, Rate,
    Scale, Snapshot, UpdateReport,
};
use crate::weights::Weights;

/// Folder of the files of the steps, below that of the run.
const STAGES: &str = "stages";
/// Drawn pictures of the test split.
const DRAWN_TEST: usize = 2_000;
/// Pictures of a batch of an evaluation.
const EVALUATION_BATCH: usize = 50;
/// Pictures that a twin and its folded form are compared on.
const COMPARED: usize = 16;

/// What a checkpoint keeps beside the course.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedState {
    recipe: CordsRecipe,
    config: Config,
}

/// A network of continuous time on its way through the steps of training.
pub struct CordsProcedure {
    recipe: CordsRecipe,
    /// Of the weights as they are.
    config: Config,
    legs: Arc<[Leg]>,
    data: Division,
    batches: Ahead<Batch>,
    course: Course,
    device: Device,
    stages: PathBuf,
}

impl CordsProcedure {
    /// A run from its beginning; `out` is its folder.
    ///
    /// # Errors
    /// [`Error::Config`] for a value out of range, or what reading the data or the checkpoint to start
    /// from gives.
    pub fn new(recipe: CordsRecipe, device: &Device, out: &Path) -> Result<Self> {
        let data = divided(&recipe)?;
        let n_classes = data.training.class_names().len();
        let (config, weights) = match recipe.start.as_str() {
            "" => {
                let config = recipe.config(recipe.stages[0], n_classes);
                let weights = initial_weights(&config, recipe.seed)?;
                (config, weights)
            }
            start => started(&recipe, Path::new(start), n_classes)?,
        };
        Self::assembled(recipe, data, config, weights.to_device(device)?, device, out)
    }

    fn assembled(
        recipe: CordsRecipe,
        data: Division,
        config: Config,
        weights: Weights,
        device: &Device,
        out: &Path,
    ) -> Result<Self> {
        let legs: Arc<[Leg]> = legs(&recipe, data.training.len()).into();
        let Some(first) = legs.first() else {
            return Err(Error::config("stages", "at least one step", "none"));
        };
        let course = Course::new(weights, Optimiser::new(first.optimiser));
        let (device, stages) = (device.clone(), out.join(STAGES));
        let order = Order {
            legs: Arc::clone(&legs),
            set: data.training.clone(),
            config: config.clone(),
            recipe: recipe.clone(),
            device: device.clone(),
        };
        let batches = Ahead::new(move |update| order.batch(update), data.training.reads_files())?;
        Ok(Self { config, legs, data, batches, course, device, stages, recipe })
    }

    /// Goes on from a checkpoint folder written by [`Procedure::save`], `checkpoints/last` or
    /// `checkpoints/best` of a run.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Io`] if the folder is incomplete.
    pub fn resume(folder: &Path, device: &Device) -> Result<Self> {
        let (course, SavedState { recipe, config }): (Course, SavedState) = Course::resume(folder, device)?;
        let data = divided(&recipe)?;
        // A network builds only around weights of its own.
        build(&config, &course.weights)?;
        let out = folder.ancestors().nth(2).unwrap_or(folder);
        let weights = course.weights.clone();
        Ok(Self { course, ..Self::assembled(recipe, data, config, weights, device, out)? })
    }

    /// What it learns from.
    pub fn data(&self) -> &DataIdentity {
        self.data.training.identity()
    }

    fn place(&self, update: u64) -> Option<(usize, &Leg, u64)> {
        place(&self.legs, update)
    }

    fn order(&self, leg: &Leg) -> EpochOrder {
        order(self.data.training.len(), leg)
    }

    /// Pictures as in the test.
    fn preparing(&self) -> Preparing<'_> {
        Preparing { config: &self.config, augments: false, mixes: false, seed: self.recipe.seed }
    }

    /// Brings weights and optimiser to the beginning of a leg.
    fn enter(&mut self, index: usize) -> Result<()> {
        let leg = self.legs[index].clone();
        let is_new = index == 0 || self.legs[index - 1].stage != leg.stage;
        let seed = self.recipe.seed.wrapping_add(1);
        let Passage { config, weights, folded } =
            passed(&self.config, &self.course.weights, leg.stage, seed)?;
        if let Some(folded) = folded {
            let n = COMPARED.min(self.data.validation.len());
            let items: Vec<usize> = (0..n).collect();
            let shown = self.preparing().batch(&self.data.validation, &items, 0, &self.device)?;
            let twin = (&self.config, &self.course.weights);
            let difference = folding_difference(twin, &folded, &shown.images)?;
            let note = format!("logits of the folded twin differ by at most {difference:e} on {n} pictures");
            self.write(FUSED, &folded.0, &folded.1, Some(note))?;
        }
        self.config = config;
        self.course.weights = weights.to_device(&self.device)?;
        if let Some(slope) = leg.slope {
            let tensor = Tensor::full(slope as f32, 1, &self.device)?;
            if is_new {
                self.write(&file_name(&leg, 0), &self.config, &self.course.weights, None)?;
            }
            self.course.weights = self.course.weights.with([("prelu.weight".to_owned(), tensor)]);
        } else if is_new {
            self.write(&file_name(&leg, 0), &self.config, &self.course.weights, None)?;
        }
        self.course.optimiser = self.course.optimiser.restarted(leg.optimiser);
        if is_new {
            // Scores of different steps are not compared.
            self.course.judge_anew();
        }
        Ok(())
    }

    /// Is the last step under way?
    fn is_last_stage(&self) -> bool {
        self.legs.last().is_some_and(|leg| leg.stage == self.config.stage)
    }

    fn advanced(&mut self) -> Result<UpdateReport> {
        let done = self.course.update;
        let Some((index, _, within)) = self.place(done) else {
            return Err(Error::config("updates", format!("below {}", self.n_updates()), done));
        };
        if within == 0 {
            self.enter(index)?;
        }
        let leg = self.legs[index].clone();
        let n_updates = self.n_updates();
        let batch = self.batches.take(done, n_updates)?;
        let rate = leg.schedule.rate(leg.optimiser.learning_rate(), within);
        // A divergence must not leave the optimiser half-way.
        let mut optimiser = self.course.optimiser.clone();
        optimiser.set_rate(Rate { momentum: None, ..rate });
        let step = update(&self.config, &self.course.weights, &batch, &mut optimiser, leg.clip)?;
        self.course.advance(step.weights, optimiser)?;
        let (within, per_epoch) = (within + 1, self.order(&leg).batches());
        let is_end = within == leg.updates;
        if is_end || (self.recipe.stage_files == "epochs" && within.is_multiple_of(per_epoch)) {
            let name = file_name(&leg, within.div_ceil(per_epoch));
            self.write(&name, &self.config, &self.course.weights, None)?;
        }
        Ok(UpdateReport {
            update: self.course.update,
            metrics: metrics(&leg, step.loss, &step.terms, &batch.labels)?,
            learning_rate: rate.learning_rate,
            gradient_norm: step.norm,
            n_stimuli: batch.labels.dims()[0],
        })
    }

    fn provenance(&self) -> Provenance {
        let (recipe, data) = (json!(self.recipe), self.data().clone());
        let mut provenance = self.course.provenance(recipe, self.recipe.seed, data, self.n_updates());
        provenance.notes.push(format!("step {}", self.config.stage.name()));
        provenance
    }

    /// Writes a file of the steps.
    fn write(&self, name: &str, config: &Config, weights: &Weights, note: Option<String>) -> Result<()> {
        let mut provenance = self.provenance();
        provenance.notes.extend(note);
        checkpoint::save(self.stages.join(name), weights, &description(config)?, &provenance)?;
        Ok(())
    }

    /// Share of right answers after every timestep with the picture.
    fn evaluate_on(
        &self,
        split: &str,
        set: &PictureSet,
        n: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Evaluation> {
        let n = if n == 0 { set.len() } else { n.min(set.len()) };
        let items: Vec<usize> = (0..n).collect();
        let preparing = self.preparing();
        // Pictures come normalised.
        let config = Config { normalise: false, ..self.config.clone() };
        let model = build(&config, &self.course.weights.detached()?)?;
        let mut right = vec![0.0; self.config.timesteps];
        for chunk in items.chunks(EVALUATION_BATCH) {
            if cancelled() {
                return Err(Error::Cancelled);
            }
            let batch = preparing.batch(set, chunk, 0, &self.device)?;
            let presentation = Presentation::held(batch.images.clone());
            let schedule = model.schedule(&presentation, &ProtocolOptions::default())?;
            let controls = Controls::defaults(model.controls());
            let run = Run::plain(model.as_ref(), &schedule, &controls);
            let rest = model.rest(chunk.len())?;
            let onset = self.config.warm_up;
            rollout(&run, rest, 0..schedule.len(), &mut Workspace::new(), |t, _, state| {
                if let (Some(logits), Some(at)) = (&state.readout, t.checked_sub(onset)) {
                    right[at] += share_right(logits, &batch.labels)? * chunk.len() as f64;
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        let accuracy: Vec<f64> = right.iter().map(|count| count.round() / n.max(1) as f64).collect();
        Ok(Evaluation {
            update: self.course.update,
            split: split.to_owned(),
            n_stimuli: n,
            score: accuracy.last().copied().unwrap_or_default(),
            accuracy: vec![accuracy],
            is_best: false,
            metrics: vec![Metric { name: "step".to_owned(), value: step_number(self.config.stage) }],
        })
    }
}

/// The leg of update `update` (from 0), its position, and the updates done in it before.
fn place(legs: &[Leg], update: u64) -> Option<(usize, &Leg, u64)> {
    let mut before = update;
    for (index, leg) in legs.iter().enumerate() {
        if before < leg.updates {
            return Some((index, leg, before));
        }
        before -= leg.updates;
    }
    None
}

fn order(n: usize, leg: &Leg) -> EpochOrder {
    EpochOrder { n, batch: leg.batch, drops_rest: false }
}

/// What updates are shown, by their number alone.
struct Order {
    legs: Arc<[Leg]>,
    set: PictureSet,
    /// Of any step: all take the same pictures.
    config: Config,
    recipe: CordsRecipe,
    device: Device,
}

impl Order {
    fn batch(&self, update: u64) -> Result<Batch> {
        let Some((index, leg, within)) = place(&self.legs, update) else {
            let n: u64 = self.legs.iter().map(|leg| leg.updates).sum();
            return Err(Error::config("updates", format!("below {n}"), update));
        };
        let (recipe, name) = (&self.recipe, format!("pictures of leg {index}"));
        let visit = order(self.set.len(), leg).visit(recipe.seed, &name, within);
        let preparing = Preparing {
            config: &self.config,
            augments: recipe.augment,
            mixes: recipe.mix,
            seed: recipe.seed,
        };
        preparing.batch(&self.set, &visit.items, update, &self.device)
    }
}

fn divided(recipe: &CordsRecipe) -> Result<Division> {
    let portions = Portions {
        data: &recipe.data,
        split: recipe.split,
        items: recipe.items,
        held_out: recipe.held_out,
        test: recipe.test_stimuli,
        drawn: Drawn { seed: recipe.seed, n: [recipe.drawn, DRAWN_TEST] },
        shuffled: true,
        broken: recipe.broken,
    };
    portions.divided(recipe.kind())
}

/// The network of a checkpoint, which must be that of the recipe.
fn started(recipe: &CordsRecipe, path: &Path, n_classes: usize) -> Result<(Config, Weights)> {
    let file = checkpoint::read(path)?;
    let model = super::open(&file, &Overrides::default(), &crate::model::Target::default())?;
    let found: Config = model.info.config.parse()?;
    let expected = recipe.config(found.stage, n_classes);
    let sizes =
        |config: &Config| (config.widths.clone(), config.image_side, config.image_channels, config.n_classes);
    if sizes(&found) != sizes(&expected) {
        let told = format!("widths, side, channels and classes {:?} of this recipe", sizes(&expected));
        let hint = "set depth, base, image_side and dataset to those of the checkpoint";
        return Err(Error::file(path, told, format!("{:?}", sizes(&found)), hint));
    }
    Ok((expected, model.weights))
}

fn description(config: &Config) -> Result<Description> {
    Description::new(Family::CordsNet.name(), config.variant(), config)
}

/// Of the source's five.
fn step_number(stage: Stage) -> f64 {
    match stage {
        Stage::Cnn | Stage::Folded => 1.0,
        Stage::Inverse => 2.0,
        Stage::Linear => 3.0,
        Stage::Parametric => 4.0,
        Stage::Final => 5.0,
    }
}

/// The same names in every step, so that they share a table; what a step does not have is not a number.
fn metrics(leg: &Leg, loss: f64, terms: &Terms, labels: &Tensor) -> Result<Vec<Metric>> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let none = f64::NAN;
    let (accuracy, error, eigen, spontaneous) = match terms {
        Terms::Twin { logits, .. } => (share_right(logits, labels)?, none, none, none),
        Terms::Inverse { errors, eigens, .. } => (none, mean(errors), mean(eigens), none),
        Terms::Dynamic { accuracy, spontaneous, .. } => {
            (accuracy.last().copied().unwrap_or(none), none, none, *spontaneous)
        }
    };
    let slope = leg.slope.unwrap_or_else(|| leg.stage.slope());
    let named = [
        ("loss", loss),
        ("accuracy", accuracy),
        ("step", step_number(leg.stage)),
        ("error", error),
        ("eigen", eigen),
        ("spontaneous", spontaneous),
        ("slope", slope),
    ];
    Ok(named.map(|(name, value)| Metric { name: name.to_owned(), value }).into())
}

impl Procedure for CordsProcedure {
    fn n_updates(&self) -> u64 {
        self.legs.iter().map(|leg| leg.updates).sum()
    }

    fn course(&self) -> &Course {
        &self.course
    }

    fn course_mut(&mut self) -> &mut Course {
        &mut self.course
    }

    fn measures(&self) -> Measures {
        let metrics = vec![
            Measure::new("loss", "Loss", "The objective of the step under way; steps are not compared."),
            Measure::new(
                "accuracy",
                "Training accuracy",
                "Share right in the batch, after the last timestep.",
            )
            .scaled(Scale::Share),
            Measure::new("step", "Step", "1 twin, 2 inverse, 3 linear, 4 parametric, 5 final."),
            Measure::new("error", "Error", "Mean squared error of the inverse step, mean over areas.")
                .scaled(Scale::Logarithmic),
            Measure::new("eigen", "Eigenvalue term", "What keeps the series of the inverse step short."),
            Measure::new(
                "spontaneous",
                "Spontaneous term",
                "Squared distance to the spontaneous state after offset.",
            )
            .scaled(Scale::Logarithmic),
            Measure::new("slope", "Slope", "Of the nonlinearity below 0: 1 is linear, 0 rectifies."),
        ];
        Measures::one_row(metrics, "Answers", self.data.training.class_names().len(), "timestep")
    }

    fn is_over(&self) -> bool {
        // A step that no longer improves is not the end of those to come.
        let is_within = self.place(self.course.update).is_some_and(|(_, _, within)| within > 0);
        self.update() >= self.n_updates()
            || (is_within && self.is_last_stage() && self.course.is_out_of_patience())
    }

    fn advance(&mut self) -> Result<UpdateReport> {
        // Entering a step changes network and weights, which a failed update must not leave behind.
        let before = (self.config.clone(), self.course.clone());
        let report = self.advanced();
        if report.is_err() {
            (self.config, self.course) = before;
        }
        report
    }

    fn is_evaluation_due(&self) -> bool {
        let is_begin = self.course.update == 0;
        let is_leg_end = self.place(self.course.update).is_none_or(|(_, _, within)| within == 0);
        let every = self.recipe.validate_every;
        let is_due = is_leg_end || (every > 0 && self.course.update.is_multiple_of(every));
        is_due && !is_begin && self.course.evaluated_at != Some(self.course.update)
    }

    fn evaluate(&mut self, cancelled: &dyn Fn() -> bool) -> Result<Vec<Evaluation>> {
        let n = self.recipe.validation_stimuli;
        let validation = self.evaluate_on("validation", &self.data.validation, n, cancelled)?;
        let mut others = Vec::new();
        let is_last = match self.is_last_stage() {
            true => self.course.ends_with(&validation, self.n_updates()),
            false => self.update() >= self.n_updates(),
        };
        if let (true, Some(test)) = (is_last, &self.data.test) {
            others.push(self.evaluate_on("test", test, 0, cancelled)?);
        }
        Ok(self.course.judged(validation, others))
    }

    fn snapshot(&self) -> Result<Snapshot> {
        self.course.snapshot(&Arc::new(json!(self.config)))
    }

    fn save(&self, folder: &Path) -> Result<()> {
        let keeping = Keeping {
            network: &description(&self.config)?,
            weights: &self.course.weights,
            provenance: &self.provenance(),
            state: &SavedState { recipe: self.recipe.clone(), config: self.config.clone() },
        };
        self.course.save(folder, &keeping)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    const SMALL: [&str; 12] = [
        "drawn=40",
        "held_out=6",
        "base=2",
        "test_stimuli=4",
        "cnn={updates=2, batch=4, learning_rates=[0.1, 0.01]}",
        "inverse={updates=2, batch=4}",
        "linear={updates=1, batch=2}",
        "parametric={updates=1, epochs=2, batch=2}",
        "final={updates=1, batch=2}",
        "slope_fall=0.5",
        "validation_stimuli=4",
        "seed=5",
    ];

    fn procedure(out: &Path, sets: &[&str]) -> Result<CordsProcedure> {
        let sets: Vec<String> = SMALL.iter().chain(sets).map(|&set| set.to_owned()).collect();
        let overrides = Overrides::read(None, &sets).unwrap();
        let recipe = CordsRecipe::from_map("small", &Map::new(), &overrides)?;
        CordsProcedure::new(recipe, &Device::Cpu, out)
    }

    fn run(procedure: &mut CordsProcedure, to: u64) -> (Vec<UpdateReport>, Vec<Evaluation>) {
        let (mut reports, mut evaluations) = (Vec::new(), Vec::new());
        while procedure.update() < to {
            reports.push(procedure.advance().unwrap());
            if procedure.is_evaluation_due() {
                evaluations.extend(procedure.evaluate(&|| false).unwrap());
            }
        }
        (reports, evaluations)
    }

    fn bits(weights: &Weights) -> Vec<u32> {
        let floats = weights.iter().filter(|(name, _)| !name.ends_with("num_batches_tracked"));
        let values = |tensor: &Tensor| crate::dynamics::flat(tensor).unwrap();
        floats.flat_map(|(_, weight)| values(weight.tensor())).map(f32::to_bits).collect()
    }

    #[test]
    fn the_five_steps_follow_one_another_and_resume_anywhere() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("whole");
        let mut whole = procedure(&out, &[]).unwrap();
        let n = whole.n_updates();
        assert_eq!(n, 4 + 2 + 1 + 2 + 1);
        let (reports, evaluations) = run(&mut whole, n);
        let text = |reports: &[UpdateReport]| format!("{reports:?}");
        let steps: Vec<f64> = reports.iter().map(|report| report.metrics[2].value).collect();
        assert_eq!(steps, [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0]);
        assert_eq!([6, 7, 8, 9].map(|at| reports[at].metrics[6].value), [1.0, 0.5, 0.0, 0.0]);
        let splits: Vec<(u64, &str)> = evaluations.iter().map(|e| (e.update, e.split.as_str())).collect();
        let validations = [2, 4, 6, 7, 8, 9, 10].map(|update| (update, "validation"));
        assert_eq!(splits, [&validations[..], &[(10, "test")]].concat());
        assert_eq!([0, 2, 3].map(|at: usize| evaluations[at].accuracy[0].len()), [1, 100, 100]);
        assert!(evaluations[2].is_best, "scores of the twin are not those of a network in time");
        let mut files: Vec<String> = std::fs::read_dir(out.join(STAGES))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".safetensors"))
            .collect();
        files.sort();
        assert_eq!(
            files,
            [
                "1_compatibility_0.safetensors",
                "1_compatibility_1_1.safetensors",
                "1_compatibility_2_1.safetensors",
                "1_compatibility_fused.safetensors",
                "2_inverse_0.safetensors",
                "2_inverse_1.safetensors",
                "3_linear_0.safetensors",
                "3_linear_1.safetensors",
                "4_parametric_0.safetensors",
                "4_parametric_1.safetensors",
                "4_parametric_2.safetensors",
                "5_finetune_0.safetensors",
                "5_finetune_1.safetensors"
            ]
        );
        for stop in [3, 4, 6, 8] {
            let out = folder.path().join(format!("halved-{stop}"));
            let last = out.join("checkpoints").join("last");
            let mut halved = procedure(&out, &[]).unwrap();
            run(&mut halved, stop);
            halved.save(&last).unwrap();
            let mut resumed = CordsProcedure::resume(&last, &Device::Cpu).unwrap();
            assert_eq!(text(&run(&mut resumed, n).0), text(&reports[stop as usize..]), "after {stop}");
            assert!(bits(&resumed.course.weights) == bits(&whole.course.weights), "after {stop}");
            assert!(out.join(STAGES).join("5_finetune_1.safetensors").is_file());
        }
        let start = out.join(STAGES).join("2_inverse_1.safetensors");
        let start = format!("start={:?}", start.to_string_lossy());
        let later = procedure(&folder.path().join("later"), &[&start, "stages=[\"linear\"]"]);
        assert_eq!(run(&mut later.unwrap(), 1).0.len(), 1);
        let other = procedure(&folder.path().join("other"), &[&start, "base=4", "stages=[\"linear\"]"]);
        assert!(other.err().unwrap().to_string().contains("2_inverse_1"));
    }

    #[test]
    fn training_from_random_weights_is_the_last_step_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut direct = procedure(folder.path(), &["stages=[\"final\"]"]).unwrap();
        let (reports, _) = run(&mut direct, 1);
        assert_eq!((direct.n_updates(), reports[0].metrics[2].value), (1, 5.0));
        assert!(reports[0].metrics[0].value.is_finite() && reports[0].gradient_norm > 0.0);
    }
}
