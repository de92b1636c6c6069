//! Flags of the commands that show a model stimuli: which model, shown what, under which settings.

use std::path::PathBuf;

use clap::Args;
use gainfield::dynamics::{InterventionFile, Setting};
use gainfield::ops::Numerics;
use gainfield::recipe::{self, RunRecipe};
use gainfield::settings::Overrides;
use gainfield::task::StimulusSpec;
use gainfield::{Error, Result};

use super::{Common, Settings};

#[derive(Debug, Args)]
pub struct ShownArgs {
    /// Checkpoint: .pth, .pt, .tar or .safetensors.
    #[arg(required_unless_present = "recipe")]
    pub path: Option<PathBuf>,
    /// TOML file with what the flags say; flags go before it.
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// What is shown: digits, digits:n=3,noise=0.1, recognition, image:FILE, set:cifar10, trials:FILE, …
    #[arg(long, value_name = "SPEC")]
    pub stimulus: Option<StimulusSpec>,
    /// Folder with the data that the stimulus is made of.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A control of the model: a number or one of its choices, for example alpha=0.1 or task=Search;
    /// may be repeated.
    #[arg(long = "control", value_name = "NAME=VALUE")]
    pub controls: Vec<String>,
    /// Number of trials.
    #[arg(long, value_name = "N")]
    pub n: Option<usize>,
    /// Timesteps without a stimulus before its onset, for models in continuous time.
    #[arg(long, value_name = "T")]
    pub warm_up: Option<usize>,
    /// TOML file with [[intervention]] tables.
    #[arg(long, value_name = "FILE")]
    pub interventions: Option<PathBuf>,
    /// How convolutions on the CPU arrange their sums: exact, or fast with a little more rounding.
    #[arg(long)]
    pub numerics: Option<Numerics>,
    /// Seed of stimuli and noise.
    #[arg(long)]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub settings: Settings,
}

impl ShownArgs {
    /// These flags over what was `written` in a recipe file; the number of trials is left to the command.
    pub fn over(&self, written: Option<RunRecipe>, common: &Common) -> Result<RunRecipe> {
        let mut recipe = match (written, &self.path) {
            (Some(written), _) => written,
            (None, Some(path)) => RunRecipe::new(path),
            (None, None) => return Err(Error::config("PATH", "a checkpoint, or --recipe FILE", "nothing")),
        };
        if let Some(path) = &self.path {
            recipe.model.clone_from(path);
        }
        recipe.config = self.settings.config.clone().or(recipe.config);
        recipe.data = self.data.clone().or(recipe.data);
        recipe.numerics = self.numerics.unwrap_or(recipe.numerics);
        for (key, value) in Overrides::read(None, &self.settings.sets)?.iter() {
            recipe.set.insert(key.to_owned(), value.clone());
        }
        for control in &self.controls {
            let (name, value) = control
                .split_once('=')
                .ok_or_else(|| Error::config("--control", "name=value, for example alpha=0.1", control))?;
            let Ok(setting) = value.trim().parse::<Setting>();
            recipe.controls.insert(name.trim().to_owned(), setting);
        }
        recipe.stimulus = self.stimulus.clone().or(recipe.stimulus);
        if let Some(file) = &self.interventions {
            recipe.interventions = recipe::read_toml::<InterventionFile>(file)?.intervention;
        }
        recipe.warm_up = self.warm_up.or(recipe.warm_up);
        recipe.seed = self.seed.unwrap_or(recipe.seed);
        recipe.device = common.device.unwrap_or(recipe.device);
        Ok(recipe)
    }
}
