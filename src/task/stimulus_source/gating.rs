//! Trials of the recurrent-gating tasks.

use rayon::prelude::*;

use super::{StimulusSource, joined};
use crate::{
    dynamics::LabelSet,
    error::{Error, Result},
    rng,
    stimulus::{DIGIT_CLASSES, Image},
    task::{
        Condition, Trials,
        recurrent_gating::{FaceSex, GatingTask, Mode, Timed, Trial, faces::SUBSETS},
        trials::{Decision, Question, stacked, stacked_sets},
    },
};

/// Classes of every task that is prompted: digits, animals and things are ten each.
const N_CLASSES: usize = DIGIT_CLASSES;

impl StimulusSource {
    pub(super) fn gating_trials(
        &self,
        task: &GatingTask,
        mode: Mode,
        noise: Option<f64>,
        numbers: impl IntoParallelIterator<Item = usize, Iter: IndexedParallelIterator>,
        seed: u64,
    ) -> Result<Trials> {
        let Some(materials) = &self.materials else {
            return Err(Error::Unsupported(format!("the task {} was not prepared", task.name())));
        };
        let n_items = materials.n_items(task, mode)?;
        let numbers: Vec<usize> = numbers.into_par_iter().collect();
        let trials: Vec<Trial> = numbers
            .par_iter()
            .map(|&number| {
                let mut rng = rng::stream(seed, task.name(), &[number as u64]);
                task.trial(materials, number % n_items, mode, noise, &mut rng)
            })
            .collect::<Result<_>>()?;
        let answers: Vec<Vec<i64>> = (0..trials[0].labels.len())
            .map(|k| trials.iter().map(|trial| i64::from(trial.labels[k])).collect())
            .collect();
        let groups = task.label_groups();
        let labels = match &task {
            _ if answers.is_empty() || !groups.is_empty() => None,
            task if task.is_per_object() => Some(LabelSet::PerObject(answers.clone())),
            _ => Some(LabelSet::PerTimestep(answers.clone())),
        };
        let questions = groups.iter().zip(&answers).zip(["shape", "colour", "texture"]);
        let questions = questions.map(|((&(from, to), answers), name)| Question {
            name: name.to_owned(),
            outputs: from..to,
            answers: answers.clone(),
        });
        let captions = trials.iter().map(|trial| match &trial.labels[..] {
            labels if task.is_per_object() || !groups.is_empty() => joined(labels),
            labels => labels.last().map_or_else(String::new, u32::to_string),
        });
        let component = |k: usize| trials.iter().map(|trial| &trial.components[k]).collect::<Vec<_>>();
        let n_objects = trials[0].components.len();
        let objects: Vec<Vec<&Image>> = (0..n_objects).map(component).collect();
        // The parts of the arrow task are coloured pictures, not objects.
        let are_objects = objects.iter().flatten().all(|object| object.channels() == 1);
        let decision = match task {
            GatingTask::Curves(_) => {
                Some(Decision { target: stacked(component(2))?, other: stacked(component(5))? })
            }
            _ => None,
        };
        let prompt = task.has_prompt().then(|| {
            ndarray::Array2::from_shape_fn((trials.len(), N_CLASSES), |(trial, class)| {
                f32::from(trials[trial].prompt == Some(class as u32))
            })
        });
        Ok(Trials {
            name: task.name().to_owned(),
            data: materials.identity(task),
            frames: distinct(|trial| &trial.frames, &trials)?,
            frame_index: shared_index(|trial| &trial.frames, &trials),
            labels,
            class_names: materials.class_names(task),
            masks: distinct(|trial| &trial.masks, &trials)?,
            mask_index: shared_index(|trial| &trial.masks, &trials),
            prompt,
            embedding_row: Some(task.embedding_row()),
            targets: None,
            objects: (n_objects > 0 && are_objects).then(|| stacked_sets(&objects)).transpose()?,
            segments: task.segments(),
            scoring: Some(task.scoring()),
            questions: questions.collect(),
            decision,
            captions: captions.collect(),
            goes_off: false,
            conditions: self.subset_of_faces(task, mode, &numbers).into_iter().collect(),
        })
    }
}

impl StimulusSource {
    /// Hair and sex, by which the reference reports accuracies, where all faces are tested.
    fn subset_of_faces(&self, task: &GatingTask, mode: Mode, numbers: &[usize]) -> Option<Condition> {
        let (GatingTask::CelebaSex(FaceSex { which: 0, .. }), Mode::Test) = (task, mode) else { return None };
        let faces = self.materials.as_ref()?.faces.as_ref()?;
        let subset = |&number: &usize| SUBSETS.get(faces.subset_of(number)).copied().unwrap_or_default();
        let values = numbers.iter().map(|number| subset(number).to_owned()).collect();
        Some(Condition { name: "subset".to_owned(), values })
    }
}

/// Are all trials held in the same way? Equal pictures are kept once in some trials and not in others.
fn are_alike(of: fn(&Trial) -> &Timed, trials: &[Trial]) -> bool {
    trials.iter().all(|trial| of(trial).index == of(&trials[0]).index)
}

/// Which picture each timestep shows, in all trials alike.
fn shared_index(of: fn(&Trial) -> &Timed, trials: &[Trial]) -> Vec<usize> {
    match are_alike(of, trials) {
        true => of(&trials[0]).index.clone(),
        false => (0..of(&trials[0]).len()).collect(),
    }
}

/// The pictures that [`shared_index`] counts, each over all trials.
fn distinct(of: fn(&Trial) -> &Timed, trials: &[Trial]) -> Result<Vec<ndarray::Array4<f32>>> {
    match are_alike(of, trials) {
        true => (0..of(&trials[0]).distinct.len())
            .map(|k| stacked(trials.iter().map(|trial| &of(trial).distinct[k])))
            .collect(),
        false => {
            (0..of(&trials[0]).len()).map(|t| stacked(trials.iter().map(|trial| of(trial).at(t)))).collect()
        }
    }
}
