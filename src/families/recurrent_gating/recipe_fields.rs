//! What the settings of a training run mean, for the form and the list of settings.

use super::presets::Preset;
use super::recipe::{GatingRecipe, PROCEDURAL};
use crate::error::{Error, Result};
use crate::settings::Field;
use crate::stimulus::Broken;

impl GatingRecipe {
    /// Names, meanings, ranges and documented defaults of a run's settings, in the order of the form.
    ///
    /// # Errors
    /// [`Error::Unknown`] for another run.
    pub fn fields(variant: &str) -> Result<Vec<Field>> {
        let table = Self::table(variant, Preset::Documented)?;
        let mut fields = documented();
        for field in &mut fields {
            let Some(entry) = table.get(field.key) else {
                return Err(Error::unknown("recipe key", field.key, table.iter().map(|(key, _)| key)));
            };
            field.default = entry.value.clone();
        }
        Ok(fields)
    }
}

fn documented() -> Vec<Field> {
    let (train, tasks, scripts, ours) = ("train_params.json", "tasks.json", "main_*.py", "ours");
    vec![
        Field::choice("preset", "Preset", &["documented", "as-coded"], scripts)
            .means("Whose defaults: of the published parameter files, or of the scripts."),
        Field::text("data", "Folder", PROCEDURAL, ours).means(
            "A folder with the files of MNIST, COCO (with BG-20k in it), STL-10 or CelebA, or \"procedural\"; tasks that draw their stimuli read none.",
        ),
        Field::number("training_digits", "Drawn items", "", 10.0, 1e9, 60_000.0, ours)
            .means("Size of the drawn set of digits, or of schematic pictures in place of photographs."),
        Broken::field(),
        Field::number("n_epochs", "Epochs", "", 1.0, 1e9, 96.0, train)
            .means("Times that every training sample is seen by every task."),
        Field::number("updates", "Updates", "", 0.0, 1e12, 0.0, ours)
            .means("Updates of the whole run; 0 is given by the epochs."),
        Field::number("batch_size", "Batch", "stimuli", 1.0, 1e9, 64.0, train).means("Stimuli per update."),
        Field::number("lr", "Learning rate", "", 0.0, 10.0, 5e-4, train)
            .means("Largest step size.")
            .logarithmic(),
        Field::number("l2", "Weight decay", "", 0.0, 1.0, 1e-5, train)
            .means("L2 term added to the gradients."),
        Field::choice("optimizer", "Optimiser", &["Adam", "SGD"], train)
            .means("Adam, or gradient descent with momentum 0.9."),
        Field::choice(
            "scheduler",
            "Schedule",
            &["MultiStepLR", "OneCycleLR", "CosineAnnealingLR", "ReduceLROnPlateau"],
            train,
        )
        .means("How the learning rate changes, by PyTorch's names."),
        Field::list("milestones", "Milestones", serde_json::json!([32, 64]), train)
            .means("Epochs at which a stepwise schedule falls."),
        Field::number("gamma", "Factor of a fall", "×", 0.0, 1.0, 0.2, train)
            .means("What the learning rate is multiplied by at each fall."),
        Field::number("pct_start", "Rise", "", 0.0, 1.0, 0.25, train)
            .means("Share of a one-cycle schedule that goes upwards."),
        Field::number("total_steps", "Length of a cycle", "upd.", 0.0, 1e12, 0.0, train)
            .means("Updates of a one-cycle schedule; 0 is one epoch more than the run has."),
        Field::number("lr_min", "Lowest rate", "", 0.0, 10.0, 0.0, train)
            .means("Where the cosine and plateau schedules end."),
        Field::number("max_grad_norm", "Gradient clipping", "", 1e-12, 1e12, 1.0, train)
            .means("Largest norm of all gradients together."),
        Field::number("mask_mp", "Attention penalty", "×", 0.0, 1e6, 0.0, train)
            .means("Weight of the mean attention after the last sweep."),
        Field::flag("sequential", "Later sweeps more", false, train)
            .means("Weight later sweeps more in the cross-entropy."),
        Field::number("n_samples", "Samples", "", 0.0, 1e9, 0.0, train)
            .means("Training samples per epoch and task; 0 is every digit, animal, photograph or face."),
        Field::number("n_validation", "Validation stimuli", "", 1.0, 1e9, 1024.0, ours)
            .means("Held-out stimuli of each task that pick the best weights."),
        Field::number("n_test", "Test stimuli", "", 1.0, 1e9, 1024.0, ours)
            .means("Stimuli of each task that are shown once at the end."),
        Field::number("validate_every", "Validate every", "upd.", 0.0, 1e12, 0.0, ours)
            .means("Updates between two validations; 0 is one epoch."),
        Field::number("save_every", "Checkpoint every", "upd.", 1.0, 1e9, 100.0, ours)
            .means("Updates between two checkpoints from which the run resumes exactly."),
        Field::number("snapshot_every", "Snapshot every", "upd.", 1.0, 1e9, 10.0, ours)
            .means("Updates between two snapshots that views open while the network trains."),
        Field::number("seed", "Seed", "", 0.0, 9e15, 0.0, ours)
            .means("Of initial weights, order and stimuli."),
        Field::list("network", "Network", serde_json::json!({}), "model_params.json")
            .means("Keys of the network's parameter file."),
        Field::list("tasks", "Tasks", serde_json::json!({}), tasks)
            .means("The tasks in the order in which they take turns: names to keep, or a whole table."),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::settings::Overrides;

    #[test]
    fn every_setting_of_every_run_is_documented_and_in_range() {
        for variant in GatingRecipe::variants().into_iter().filter(|variant| *variant != "files") {
            let fields = GatingRecipe::fields(variant).unwrap();
            let recipe = GatingRecipe::from_map(variant, &Map::new(), &Overrides::default()).unwrap();
            let values = serde_json::json!(recipe);
            assert_eq!(fields.len(), values.as_object().unwrap().len(), "{variant}");
            for field in fields {
                assert!(!field.definition.is_empty());
                field.check(&values[field.key]).unwrap();
            }
        }
        assert!(GatingRecipe::fields("files").is_err());
    }
}
