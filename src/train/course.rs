//! How far a run has come: what a checkpoint of it keeps, and what a resumed run takes up again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::optim::OptimiserScalars;
use super::{Evaluation, Optimiser, OptimiserState, RECIPE, Snapshot};
use crate::checkpoint::{self, Description};
use crate::error::{Error, Result};
use crate::files;
use crate::provenance::Provenance;
use crate::stimulus::DataIdentity;
use crate::weights::Weights;

/// Weights alone, opened as any checkpoint.
const WEIGHTS: &str = "weights.safetensors";
/// Weights, optimiser and counts in one file, so that a resume never mixes two checkpoints.
const RESUME: &str = "resume.safetensors";
const OF_WEIGHTS: &str = "weights.";
const OF_OPTIMISER: &str = "optimiser.";

/// Everything of a run that changes while it goes on.
#[derive(Clone, Debug)]
pub struct Course {
    pub weights: Weights,
    pub optimiser: Optimiser,
    /// Updates done.
    pub update: u64,
    /// Highest score of a validation so far.
    pub best_score: Option<f64>,
    /// Update of the last evaluation.
    pub evaluated_at: Option<u64>,
    /// Validations since the one with the highest score.
    pub waited: u64,
    /// Validations without a higher score after which the run ends; 0 for none. A setting, not kept.
    pub patience: u64,
}

/// What [`Course::save`] writes besides the course itself.
pub struct Keeping<'a, S> {
    /// Of the weights file, which opens as any checkpoint.
    pub network: &'a Description,
    /// The network's weights as they are published: the course's own, or under more names.
    pub weights: &'a Weights,
    pub provenance: &'a Provenance,
    /// What else the run is made of: recipe and states of its own.
    pub state: &'a S,
}

/// The part of a course that is not tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved<S> {
    state: S,
    update: u64,
    best_score: Option<f64>,
    evaluated_at: Option<u64>,
    #[serde(default)]
    waited: u64,
    optimiser: OptimiserScalars,
}

impl Course {
    pub fn new(weights: Weights, optimiser: Optimiser) -> Self {
        let (update, best_score, evaluated_at) = (0, None, None);
        Self { weights, optimiser, update, best_score, evaluated_at, waited: 0, patience: 0 }
    }

    /// Does `folder` hold a course to resume?
    pub fn is_in(folder: &Path) -> bool {
        folder.join(RESUME).is_file()
    }

    /// Is an evaluation due every `every` updates, and after the last of `n_updates`, and not yet made?
    pub fn is_due(&self, every: u64, n_updates: u64) -> bool {
        let is_due = self.update >= n_updates || self.update.is_multiple_of(every.max(1));
        is_due && self.evaluated_at != Some(self.update)
    }

    fn is_best(&self, validation: &Evaluation) -> bool {
        self.best_score.is_none_or(|best| validation.score > best)
    }

    /// Takes note of a validation and marks it where it is the best so far.
    pub fn judge(&mut self, validation: &mut Evaluation) {
        validation.is_best = self.is_best(validation);
        self.waited += 1;
        if validation.is_best {
            (self.best_score, self.waited) = (Some(validation.score), 0);
        }
        self.evaluated_at = Some(self.update);
    }

    /// Takes note of a validation, which comes before the evaluations of other sets.
    pub fn judged(&mut self, mut validation: Evaluation, mut others: Vec<Evaluation>) -> Vec<Evaluation> {
        self.judge(&mut validation);
        others.insert(0, validation);
        others
    }

    /// Forgets earlier scores: those to come measure something else.
    pub fn judge_anew(&mut self) {
        (self.best_score, self.waited) = (None, 0);
    }

    /// Have enough validations passed without a higher score?
    pub fn is_out_of_patience(&self) -> bool {
        self.patience > 0 && self.waited >= self.patience
    }

    /// Is this validation, not judged yet, the last of the run?
    pub fn ends_with(&self, validation: &Evaluation, n_updates: u64) -> bool {
        let is_vain = !self.is_best(validation) && self.patience > 0 && self.waited + 1 >= self.patience;
        self.update >= n_updates || is_vain
    }

    /// One update more, with the weights and the optimiser after it.
    ///
    /// # Errors
    /// [`Error::NotFinite`] naming the first weight that is NaN or infinite somewhere; the course then
    /// stays as it is.
    pub fn advance(&mut self, weights: Weights, optimiser: Optimiser) -> Result<()> {
        check_finite(&weights)?;
        (self.weights, self.optimiser) = (weights, optimiser);
        self.update += 1;
        Ok(())
    }

    /// The network as it is now, outside any graph.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn snapshot(&self, config: &Arc<Value>) -> Result<Snapshot> {
        Ok(Snapshot { weights: self.weights.detached()?, config: Arc::clone(config), update: self.update })
    }

    /// The network of a checkpoint folder with its update; `None` where there is no checkpoint yet.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Io`] if its files cannot be read.
    pub fn snapshot_in(folder: &Path) -> Result<Option<Snapshot>> {
        if !Self::is_in(folder) {
            return Ok(None);
        }
        let file = checkpoint::read(folder.join(WEIGHTS))?;
        let resume = checkpoint::read(folder.join(RESUME))?;
        let update = resume.saved_config().and_then(|saved| saved.get("update").and_then(Value::as_u64));
        let config = Arc::new(Value::Object(file.saved_config().unwrap_or_default()));
        Ok(Some(Snapshot { weights: file.weights, config, update: update.unwrap_or_default() }))
    }

    /// Where the weights come from: what the recipe says, what it was trained on and for how long.
    pub fn provenance(&self, recipe: Value, seed: u64, data: DataIdentity, n_updates: u64) -> Provenance {
        Provenance {
            config: recipe,
            seed: Some(seed),
            data: vec![data],
            notes: vec![format!("update {} of {n_updates}", self.update)],
            ..Provenance::new(format!("gainfield train {RECIPE}"))
        }
    }

    /// Writes weights and course into `folder`, each file whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] if they cannot be written.
    pub fn save<S: Serialize>(&self, folder: &Path, keeping: &Keeping<'_, S>) -> Result<()> {
        let optimiser = self.optimiser.state();
        let saved = Saved {
            state: keeping.state,
            update: self.update,
            best_score: self.best_score,
            evaluated_at: self.evaluated_at,
            waited: self.waited,
            optimiser: optimiser.scalars,
        };
        let named = |prefix: &str, name: &str, tensor: &Tensor| (format!("{prefix}{name}"), tensor.detach());
        let weights = self.weights.iter().map(|(name, weight)| named(OF_WEIGHTS, name, weight.tensor()));
        let moments = optimiser.tensors.iter().map(|(name, tensor)| named(OF_OPTIMISER, name, tensor));
        let all = Weights::from_tensors(weights.chain(moments));
        files::create_folder(folder)?;
        checkpoint::save(folder.join(WEIGHTS), keeping.weights, keeping.network, keeping.provenance)?;
        let state = Description::new("training_run", keeping.network.family.as_str(), &saved)?;
        checkpoint::write_safetensors(&folder.join(RESUME), &all, &state)
    }

    /// The course that was saved in `folder`, and what was kept beside it.
    ///
    /// # Errors
    /// [`Error::File`] if the folder holds another kind of run or half of one, [`Error::Io`].
    pub fn resume<S: DeserializeOwned>(folder: &Path, device: &Device) -> Result<(Self, S)> {
        let path = folder.join(RESUME);
        let file = checkpoint::read(&path)?;
        let unfit = |found: String| {
            let hint = "resume from another checkpoint";
            Error::file(&path, "the state of a training run of this family", found, hint)
        };
        let saved = file.saved_config().unwrap_or_default();
        let saved: Saved<S> = serde_json::from_value(saved.into()).map_err(|err| unfit(err.to_string()))?;
        let part = |prefix: &str| -> Result<BTreeMap<String, Tensor>> {
            let named =
                file.weights.iter().filter_map(|(name, weight)| Some((name.strip_prefix(prefix)?, weight)));
            named.map(|(name, weight)| Ok((name.to_owned(), weight.tensor().to_device(device)?))).collect()
        };
        let optimiser = OptimiserState { tensors: part(OF_OPTIMISER)?, scalars: saved.optimiser };
        let course = Self {
            weights: Weights::from_tensors(part(OF_WEIGHTS)?),
            optimiser: Optimiser::restored(&optimiser).map_err(|err| unfit(err.to_string()))?,
            update: saved.update,
            best_score: saved.best_score,
            evaluated_at: saved.evaluated_at,
            waited: saved.waited,
            patience: 0,
        };
        Ok((course, saved.state))
    }
}

fn check_finite(weights: &Weights) -> Result<()> {
    for (name, weight) in weights.iter() {
        let tensor = weight.tensor();
        if !tensor.dtype().is_float() {
            continue;
        }
        // Infinite or NaN where any summand is.
        let sum: f32 = tensor.detach().to_dtype(DType::F32)?.flatten_all()?.abs()?.sum_all()?.to_scalar()?;
        if !sum.is_finite() {
            return Err(Error::NotFinite { what: format!("the weight {name}") });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{Gradients, OptimiserConfig};

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::new(values, &Device::Cpu).unwrap()
    }

    #[test]
    fn what_is_saved_is_resumed_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let mut optimiser = Optimiser::new(OptimiserConfig::adam(0.1));
        let weights = Weights::from_tensors([("a".to_owned(), tensor(&[0.1, 0.7]))]);
        let gradients = Gradients::from([("a".to_owned(), tensor(&[0.3, -0.2]))]);
        let weights = optimiser.update(&weights, &gradients).unwrap();
        let mut course = Course::new(weights, optimiser);
        (course.update, course.best_score) = (7, Some(0.1 + 0.2));
        let network = Description::new("family", "variant", &serde_json::json!({"a": 1})).unwrap();
        let state = vec![1.5, 2.5];
        let keeping = Keeping {
            network: &network,
            weights: &course.weights,
            provenance: &Provenance::new("test"),
            state: &state,
        };
        course.save(folder.path(), &keeping).unwrap();
        assert_eq!(Course::snapshot_in(folder.path()).unwrap().unwrap().update, 7);
        assert!(Course::snapshot_in(&folder.path().join("none")).unwrap().is_none());
        let (mut resumed, kept): (Course, Vec<f64>) = Course::resume(folder.path(), &Device::Cpu).unwrap();
        assert_eq!((kept, resumed.update, resumed.best_score), (state, 7, Some(0.1 + 0.2)));
        let next = |course: &mut Course| {
            let weights = course.optimiser.update(&course.weights, &gradients).unwrap();
            weights.get("a").unwrap().tensor().to_vec1::<f32>().unwrap()
        };
        assert_eq!(next(&mut resumed), next(&mut course));
        let other = Course::resume::<bool>(folder.path(), &Device::Cpu).unwrap_err().to_string();
        assert!(other.contains("resume.safetensors") && other.contains("another checkpoint"), "{other}");
    }

    #[test]
    fn an_evaluation_is_due_once_and_the_best_is_marked() {
        let mut course = Course::new(Weights::default(), Optimiser::new(OptimiserConfig::adam(0.1)));
        let evaluation = |course: &mut Course, score| {
            let mut evaluation = Evaluation {
                update: course.update,
                split: "validation".to_owned(),
                n_stimuli: 1,
                accuracy: Vec::new(),
                score,
                is_best: false,
                metrics: Vec::new(),
            };
            course.judge(&mut evaluation);
            evaluation.is_best
        };
        assert!(course.is_due(4, 10) && evaluation(&mut course, 0.5) && !course.is_due(4, 10));
        course.update = 3;
        assert!(!course.is_due(4, 10));
        course.update = 10;
        assert!(course.is_due(4, 10) && !evaluation(&mut course, 0.5));
    }

    #[test]
    fn patience_ends_after_validations_in_vain() {
        let mut course = Course::new(Weights::default(), Optimiser::new(OptimiserConfig::adam(0.1)));
        course.patience = 2;
        let mut validate = |score: f64| {
            course.update += 1;
            let mut evaluation = Evaluation {
                update: course.update,
                split: "validation".to_owned(),
                n_stimuli: 1,
                accuracy: Vec::new(),
                score,
                is_best: false,
                metrics: Vec::new(),
            };
            let is_last = course.ends_with(&evaluation, 100);
            course.judge(&mut evaluation);
            assert_eq!(is_last, course.is_out_of_patience());
            is_last
        };
        assert_eq!([0.5, 0.4, 0.6, 0.6, 0.5].map(&mut validate), [false, false, false, false, true]);
    }

    #[test]
    fn a_weight_that_is_not_finite_is_named() {
        let optimiser = Optimiser::new(OptimiserConfig::adam(0.1));
        let weights = [("a".to_owned(), tensor(&[0.1])), ("b".to_owned(), tensor(&[0.1, f32::NAN]))];
        let mut course = Course::new(Weights::default(), optimiser.clone());
        let message = course.advance(Weights::from_tensors(weights), optimiser).unwrap_err();
        assert!(message.to_string().contains("the weight b"), "{message}");
        assert_eq!((course.update, course.weights.iter().count()), (0, 0));
    }
}
