//! Settings of a training run on photographs with two objects: one struct for the form, the file and `--set`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::recipe::{PRESETS, PROCEDURAL};
use super::{Config, PUBLISHED_PASSES};
use crate::error::{Error, Result};
use crate::settings::{ConfigTable, Field, Overrides};
use crate::stimulus::Broken;

/// Everything a training run on photographs depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhotographsRecipe {
    pub preset: String,
    pub data: String,
    pub broken: Broken,
    pub drawn: usize,
    pub strength: f64,
    pub passes: usize,
    pub penalty: f64,
    pub class_weights: bool,
    pub learning_rate: f64,
    pub batch: usize,
    pub epochs: u64,
    pub updates: u64,
    pub validate_every: u64,
    pub validation_stimuli: usize,
    pub test_stimuli: usize,
    pub save_every: u64,
    pub snapshot_every: u64,
    pub seed: u64,
}

impl PhotographsRecipe {
    /// Names, meanings, ranges and defaults of a preset, in the order of the form.
    pub fn fields(preset: &str) -> Vec<Field> {
        let (train, loader) = ("train_coco.py", "data/coco_loader.py");
        // The README's strength; the script's flag says 0.3.
        let strength = if preset == PRESETS[1] { 0.3 } else { 0.9 };
        vec![
            Field::choice("preset", "Preset", &PRESETS, "README.md")
                .at_first(preset)
                .means("Whose defaults where the two differ: of the README, or of the script's flags."),
            Field::text("data", "Photographs", PROCEDURAL, "ours").means(
                "The folder of COCO (annotations, train2017, val2017), or \"procedural\" for drawn pairs of things.",
            ),
            Broken::field(),
            Field::number("drawn", "Drawn pictures", "", 40.0, 1e6, 4000.0, "ours")
                .means("Size of the drawn set before 30 % are set aside for validation; files use all they hold."),
            Field::number("strength", "Strength s", "×", 0.0, 1.0, strength, train)
                .means("A gate g multiplies by 1 − s·g; also how far targets set the attended object apart."),
            Field::number("passes", "Passes per phase", "", 1.0, 50.0, PUBLISHED_PASSES as f64, "models/coco_model.py")
                .means("Bottom-up and top-down passes before the read-out of a phase."),
            Field::number("penalty", "Mask penalty", "×", 0.0, 100_000.0, 5000.0, train).means(
                "Weight of the squared error between the gated input of the last pass and the attended object alone.",
            ),
            Field::flag("class_weights", "Weighted classes", true, train)
                .means("Weigh each super-category by the inverse of how often it occurs among the training objects."),
            Field::number("learning_rate", "Learning rate", "", 0.0, 1.0, 1e-4, train)
                .means("Step size of Adam (β 0.9 and 0.999, ε 1e-8, no decay).")
                .logarithmic(),
            Field::number("batch", "Batch", "stimuli", 1.0, 4096.0, 32.0, loader)
                .means("Pictures per update; every batch gives one Adam step per phase."),
            Field::number("epochs", "Epochs", "", 1.0, 1e6, 100.0, train)
                .means("Times that every training picture is seen."),
            Field::number("updates", "Updates", "", 0.0, 1e9, 0.0, "ours")
                .means("Batches to learn from; 0 is given by the epochs."),
            Field::number("validate_every", "Validate every", "upd.", 0.0, 1e9, 0.0, train)
                .means("Updates between two validations; 0 is one epoch."),
            Field::number("validation_stimuli", "Validation stimuli", "", 0.0, 1e6, 0.0, "ours")
                .means("Held-out pictures that pick the best checkpoint; 0 is all."),
            Field::number("test_stimuli", "Test stimuli", "", 0.0, 1e6, 0.0, "ours")
                .means("Pictures of the test split, run once at the end; they pick nothing; 0 is all."),
            Field::number("save_every", "Checkpoint every", "upd.", 1.0, 1e9, 100.0, "ours")
                .means("Updates between two checkpoints from which the run resumes exactly."),
            Field::number("snapshot_every", "Snapshot every", "upd.", 1.0, 1e9, 10.0, "ours")
                .means("Updates between two snapshots that views open while the network trains."),
            Field::number("seed", "Seed", "", 0.0, 9e15, 100.0, train)
                .means("Of the initial weights, the division and the order of the pictures."),
        ]
    }

    /// The values of a file and of the user over the defaults of their preset.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a key that does not exist, [`Error::Config`] for a value that does not fit.
    pub fn from_map(map: &Map<String, Value>, overrides: &Overrides) -> Result<Self> {
        let preset = super::recipe::preset_of(map, overrides)?;
        let recipe: Self = ConfigTable::of_fields(&Self::fields(preset)).given(map, overrides)?.parse()?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// # Errors
    /// [`Error::Config`] naming the field that is out of its range.
    pub fn validate(&self) -> Result<()> {
        let values =
            serde_json::to_value(self).map_err(|err| Error::config("recipe", "made of plain values", err))?;
        for field in Self::fields(&self.preset) {
            field.check(&values[field.key])?;
        }
        self.config().validate()
    }

    /// The network to train.
    pub fn config(&self) -> Config {
        Config { strength: self.strength, passes: self.passes, ..Config::photographs() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_differ_where_readme_and_script_do() {
        let with = |sets: &[&str]| {
            let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
            PhotographsRecipe::from_map(&Map::new(), &Overrides::read(None, &sets).unwrap())
        };
        let (documented, coded) = (with(&[]).unwrap(), with(&["preset=as-coded"]).unwrap());
        assert_eq!((documented.strength, coded.strength), (0.9, 0.3));
        assert_eq!((coded.penalty, coded.learning_rate, coded.batch, coded.epochs), (5000.0, 1e-4, 32, 100));
        let text = toml::to_string(&coded).unwrap();
        assert_eq!(toml::from_str::<PhotographsRecipe>(&text).unwrap(), coded);
        assert!(with(&["strength=1.5"]).unwrap_err().to_string().contains("strength must be 0 to 1"));
        assert!(with(&["preset=coded"]).unwrap_err().to_string().contains("documented, as-coded"));
        let fields = PhotographsRecipe::fields(PRESETS[0]);
        assert_eq!(fields.len(), serde_json::json!(coded).as_object().unwrap().len());
    }
}
