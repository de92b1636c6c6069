//! `gainfield run`: show a model stimuli; write activity, answers and accuracy.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use gainfield::dynamics::{InterventionFile, Setting};
use gainfield::ops::Numerics;
use gainfield::recipe::{self, Accuracy, Execution, RunOutcome, RunRecipe, Share};
use gainfield::settings::Overrides;
use gainfield::task::StimulusSpec;
use gainfield::{Error, Result};
use serde_json::json;

use super::progress::Shown;
use super::{Common, Ending, Failure, Outcome, Settings, print};

#[derive(Debug, Args)]
pub struct RunCommand {
    /// Checkpoint: .pth, .pt, .tar or .safetensors.
    #[arg(required_unless_present = "recipe")]
    path: Option<PathBuf>,
    /// TOML file with what the flags say; flags go before it.
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// What is shown: digits, digits:n=3,noise=0.1, recognition, image:FILE, grating, …
    #[arg(long, value_name = "SPEC")]
    stimulus: Option<StimulusSpec>,
    /// Folder with the data that the stimulus is made of.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A control of the model: a number or one of its choices, for example alpha=0.1 or task=Search;
    /// may be repeated.
    #[arg(long = "control", value_name = "NAME=VALUE")]
    controls: Vec<String>,
    /// Number of trials.
    #[arg(long, value_name = "N")]
    n: Option<usize>,
    /// Timesteps without the read-out pass.
    #[arg(long, value_name = "T")]
    steps: Option<usize>,
    /// Timesteps without a stimulus before its onset, for models in continuous time.
    #[arg(long, value_name = "T")]
    warm_up: Option<usize>,
    /// Areas to record, or all.
    #[arg(long, value_name = "AREA", value_delimiter = ',')]
    record: Vec<String>,
    /// Record every n-th timestep.
    #[arg(long, value_name = "K")]
    every: Option<NonZeroUsize>,
    /// TOML file with [[intervention]] tables.
    #[arg(long, value_name = "FILE")]
    interventions: Option<PathBuf>,
    /// How convolutions on the CPU arrange their sums: exact, or fast with a little more rounding.
    #[arg(long)]
    numerics: Option<Numerics>,
    /// Seed of stimuli and noise.
    #[arg(long)]
    seed: Option<u64>,
    /// Folder for the results.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl RunCommand {
    pub fn execute(&self, common: &Common) -> Outcome {
        let recipe = self.recipe(common).map_err(Failure::usage)?;
        let Some(out) = recipe.out.clone() else {
            return Err(Failure::usage(Error::config("--out", "the folder for the results", "nothing")));
        };
        let mut shown = Shown::new(common.quiet);
        let finished = recipe::execute(&recipe, &Execution::default(), &mut shown);
        shown.finish();
        let (model, outcome) = finished?;
        let files = recipe::write(&model, &outcome, &out)?;
        if common.json {
            print::json(&json!({
                "config": {"recipe": outcome.recipe, "model": model.info.config},
                "seed": outcome.recipe.seed,
                "files": files,
                "results": recipe::results(&outcome),
            }))?;
        } else {
            print_text(&outcome)?;
            for file in files {
                print::line(format_args!("wrote {}", file.display()))?;
            }
        }
        Ok(Ending::Done)
    }

    /// The recipe file, if any, with the flags over it.
    fn recipe(&self, common: &Common) -> Result<RunRecipe> {
        let mut recipe = match (&self.recipe, &self.path) {
            (Some(file), _) => recipe::read_toml::<RunRecipe>(file)?,
            (None, Some(path)) => RunRecipe::new(path),
            (None, None) => return Err(Error::config("PATH", "a checkpoint, or --recipe FILE", "nothing")),
        };
        if let Some(path) = &self.path {
            recipe.model.clone_from(path);
        }
        recipe.config = self.settings.config.clone().or(recipe.config);
        recipe.data = self.data.clone().or(recipe.data);
        recipe.out = self.out.clone().or(recipe.out);
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
        if !self.record.is_empty() {
            recipe.record.clone_from(&self.record);
        }
        recipe.steps = self.steps.or(recipe.steps);
        recipe.warm_up = self.warm_up.or(recipe.warm_up);
        recipe.n = self.n.unwrap_or(recipe.n);
        recipe.every = self.every.unwrap_or(recipe.every);
        recipe.seed = self.seed.unwrap_or(recipe.seed);
        recipe.device = common.device.unwrap_or(recipe.device);
        recipe.validate()?;
        Ok(recipe)
    }
}

fn print_text(outcome: &RunOutcome) -> Result<()> {
    print::line(format_args!("{} trials, {} timesteps", outcome.recipe.n, outcome.n_timesteps))?;
    for departure in &outcome.departures {
        print::line(format_args!("note: off the trained protocol in {departure}"))?;
    }
    let Some(Accuracy { phases, mean, sweeps, read_out, questions, decision }) = &outcome.accuracy else {
        return Ok(());
    };
    let line = |what: &str, share: &Share| {
        let [low, high] = share.interval;
        print::line(format_args!(
            "{what:<10} {:.4} correct (95 %: {low:.4} to {high:.4}, n = {})",
            share.accuracy, share.n
        ))
    };
    for (name, list) in [("phase", phases), ("sweep", sweeps)] {
        for scored in list {
            line(&format!("{name} {}", scored.index + 1), &scored.share)?;
        }
    }
    if let Some(mean) = mean {
        line("mean", mean)?;
    }
    if let Some(read_out) = read_out {
        line("read-out", read_out)?;
    }
    for question in questions {
        for scored in &question.sweeps {
            line(&format!("{}, sweep {}", question.name, scored.index + 1), &scored.share)?;
        }
        if let Some(read_out) = &question.read_out {
            line(&format!("{}, read-out", question.name), read_out)?;
        }
    }
    if let Some(decision) = decision {
        line("decision", decision)?;
    }
    Ok(())
}
