//! `gainfield run`: show a model stimuli; write activity, answers and accuracy.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use gainfield::recipe::{self, Accuracy, Execution, RunOutcome, RunRecipe, Share};
use gainfield::{Error, Result};
use serde_json::json;

use super::progress::Shown;
use super::shown::ShownArgs;
use super::{Common, Ending, Failure, Outcome, print};

#[derive(Debug, Args)]
pub struct RunCommand {
    #[command(flatten)]
    shown: ShownArgs,
    /// Timesteps without the read-out pass.
    #[arg(long, value_name = "T")]
    steps: Option<usize>,
    /// Areas to record, or all.
    #[arg(long, value_name = "AREA", value_delimiter = ',')]
    record: Vec<String>,
    /// Record every n-th timestep.
    #[arg(long, value_name = "K")]
    every: Option<NonZeroUsize>,
    /// Folder for the results.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
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
        let written = self.shown.recipe.as_deref().map(recipe::read_toml::<RunRecipe>).transpose()?;
        let mut recipe = self.shown.over(written, common)?;
        recipe.n = self.shown.n.unwrap_or(recipe.n);
        recipe.out = self.out.clone().or(recipe.out);
        if !self.record.is_empty() {
            recipe.record.clone_from(&self.record);
        }
        recipe.steps = self.steps.or(recipe.steps);
        recipe.every = self.every.unwrap_or(recipe.every);
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
