//! Settings of a digit training run: one struct for the form, the file and `--set`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Config, PUBLISHED_PASSES};
use crate::error::{Error, Result};
use crate::settings::{ConfigTable, Field, Overrides, Source};
use crate::task::digit_pairs::DigitPairs;

/// Where the digits come from when no folder is given.
pub const PROCEDURAL: &str = "procedural";

/// Whose defaults: of the README, or of the script.
pub(super) const PRESETS: [&str; 2] = ["documented", "as-coded"];

/// The preset that file and user name, the later one winning.
pub(super) fn preset_of(map: &Map<String, Value>, overrides: &Overrides) -> Result<&'static str> {
    let given = overrides.iter().find(|(key, _)| *key == "preset").map(|(_, value)| value);
    let Some(name) = given.or_else(|| map.get("preset")) else { return Ok(PRESETS[0]) };
    let found = PRESETS.into_iter().find(|preset| name.as_str() == Some(preset));
    found.ok_or_else(|| Error::config("preset", PRESETS.join(", "), name))
}

/// A recipe of before there were presets followed the script.
fn as_coded() -> String {
    PRESETS[1].to_owned()
}

/// Everything a digit training run depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DigitsRecipe {
    #[serde(default = "as_coded")]
    pub preset: String,
    pub objects: usize,
    pub passes: usize,
    pub strength: f64,
    pub noise: f64,
    pub resample: bool,
    pub penalty: f64,
    pub learning_rate: f64,
    pub batch: usize,
    pub updates: u64,
    pub validate_every: u64,
    pub validation_stimuli: usize,
    pub test_stimuli: usize,
    pub save_every: u64,
    pub snapshot_every: u64,
    pub seed: u64,
    pub data: String,
    pub training_digits: usize,
}

/// Updates in an epoch of the reference: 42 000 training digits in batches of 64.
const EPOCH: u64 = 657;

impl DigitsRecipe {
    /// Names, meanings, ranges and documented defaults, in the order of the form.
    pub fn fields() -> Vec<Field> {
        Self::fields_of(PRESETS[0])
    }

    fn fields_of(preset: &str) -> Vec<Field> {
        let train = "train_mnist.py";
        // The README's flags; the script's own defaults are 3 digits and 10 epochs.
        let (objects, epochs) = if preset == PRESETS[1] { (3.0, 10) } else { (2.0, 30) };
        vec![
            Field::choice("preset", "Preset", &PRESETS, "README.md")
                .at_first(preset)
                .means("Whose defaults where the two differ: of the README, or of the script's flags."),
            Field::number("objects", "Objects n", "", 1.0, 5.0, objects, train)
                .means("Digits side by side in one stimulus; as many phases attend them in turn."),
            Field::number("passes", "Passes per phase", "", 1.0, 50.0, PUBLISHED_PASSES as f64, "models/mnist_model.py")
                .means("Bottom-up and top-down passes before the read-out of a phase."),
            Field::number("strength", "Strength s", "×", 0.0, 1.0, 0.2, train)
                .means("A gate g multiplies by 1 − s·g; also how far targets set the attended digit apart."),
            Field::number("penalty", "Mask penalty", "×", 0.0, 10_000.0, 1000.0, train).means(
                "Weight of the squared error between the gated input of the last pass and the attended object alone.",
            ),
            Field::number("learning_rate", "Learning rate", "", 0.0, 1.0, 1e-3, train)
                .means("Step size of Adam (β 0.9 and 0.999, ε 1e-8, no decay).")
                .logarithmic(),
            Field::number("batch", "Batch", "stimuli", 1.0, 4096.0, 64.0, "data/mnist_loader.py")
                .means("Stimuli per update; every batch gives one Adam step per phase."),
            Field::number("noise", "Noise", "", 0.0, 1.0, 0.3, train)
                .means("Upper end of the uniform noise added to exactly black pixels."),
            Field::flag("resample", "Equal digits", true, "data/mnist_loader.py")
                .means("Whether two digits of a stimulus may have the same class."),
            Field::number("updates", "Updates", "", 1.0, 1e9, (epochs * EPOCH) as f64, train)
                .means("Batches to learn from; the default is 30 epochs of the reference (10 as coded)."),
            Field::number("validate_every", "Validate every", "upd.", 1.0, 1e9, 657.0, train)
                .means("Updates between two validations; the default is one epoch of the reference."),
            Field::number("validation_stimuli", "Validation stimuli", "", 1.0, 1e6, 1024.0, "ours")
                .means("Held-out stimuli that pick the best checkpoint; never trained on."),
            Field::number("test_stimuli", "Test stimuli", "", 1.0, 1e6, 2048.0, "ours")
                .means("Stimuli of the test split, run once at the end; they pick nothing."),
            Field::number("save_every", "Checkpoint every", "upd.", 1.0, 1e9, 100.0, "ours")
                .means("Updates between two checkpoints from which the run resumes exactly."),
            Field::number("snapshot_every", "Snapshot every", "upd.", 1.0, 1e9, 10.0, "ours")
                .means("Updates between two snapshots that views open while the network trains."),
            Field::number("seed", "Seed", "", 0.0, 9e15, 100.0, train)
                .means("Of the initial weights, the order of the data and every stimulus."),
            Field::text("data", "Digits", PROCEDURAL, "ours")
                .means("A folder with MNIST or Fashion-MNIST IDX files, or \"procedural\" for the built-in drawn digits."),
            Field::number("training_digits", "Drawn digits", "", 10.0, 1e6, 60_000.0, "ours")
                .means("Size of the built-in set before 30 % are set aside for validation; files use all they hold."),
        ]
    }

    /// The values of a file and of the user over the defaults of their preset.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a key that does not exist, [`Error::Config`] for a value that does not fit.
    pub fn from_map(map: &Map<String, Value>, overrides: &Overrides) -> Result<Self> {
        let fields = Self::fields_of(preset_of(map, overrides)?);
        let recipe: Self = ConfigTable::of_fields(&fields).given(map, overrides)?.parse()?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// The documented defaults as a table, to be overridden by a file and `--set`.
    pub fn table() -> ConfigTable {
        let mut table = ConfigTable::default();
        for field in Self::fields() {
            table.set(field.key, field.default, Source::Default);
        }
        table
    }

    /// # Errors
    /// [`Error::Config`] naming the field that is out of its range.
    pub fn validate(&self) -> Result<()> {
        let values =
            serde_json::to_value(self).map_err(|err| Error::config("recipe", "made of plain values", err))?;
        for field in Self::fields() {
            field.check(&values[field.key])?;
        }
        self.composer().validate()?;
        self.config().validate()
    }

    /// The network to train.
    pub fn config(&self) -> Config {
        Config { strength: self.strength, passes: self.passes, ..Config::digits(self.objects) }
    }

    /// How its stimuli are composed.
    pub fn composer(&self) -> DigitPairs {
        DigitPairs { n: self.objects, noise: self.noise, strength: self.strength, resample: self.resample }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_a_valid_recipe_and_every_field_is_documented() {
        let recipe: DigitsRecipe = DigitsRecipe::table().parse().unwrap();
        recipe.validate().unwrap();
        assert_eq!(
            DigitsRecipe::fields().len(),
            serde_json::to_value(&recipe).unwrap().as_object().unwrap().len()
        );
        assert!(DigitsRecipe::fields().iter().all(|field| !field.definition.is_empty()));
    }

    #[test]
    fn presets_differ_where_readme_and_script_do() {
        let preset = Overrides::read(None, &["preset=as-coded".to_owned()]).unwrap();
        let coded = DigitsRecipe::from_map(&Map::new(), &preset).unwrap();
        let documented = DigitsRecipe::from_map(&Map::new(), &Overrides::default()).unwrap();
        assert_eq!((documented.objects, coded.objects), (2, 3));
        assert_eq!((documented.updates, coded.updates), (19_710, 6570));
        let mut old = serde_json::to_value(&coded).unwrap();
        old.as_object_mut().unwrap().remove("preset");
        assert_eq!(serde_json::from_value::<DigitsRecipe>(old).unwrap(), coded);
    }

    #[test]
    fn a_value_out_of_range_names_its_field() {
        let recipe = DigitsRecipe { strength: 1.5, ..DigitsRecipe::table().parse().unwrap() };
        assert!(recipe.validate().unwrap_err().to_string().starts_with("strength must be 0 to 1"));
    }
}
