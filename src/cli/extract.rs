//! `gainfield extract`: activity for many stimuli, as one NumPy archive.

use std::path::PathBuf;

use clap::Args;
use gainfield::recipe::{self, ExtractRecipe, Pool, Steps};
use gainfield::{Error, Result};
use serde_json::json;

use super::progress::Shown;
use super::shown::ShownArgs;
use super::{Common, Ending, Failure, Outcome, print};

/// Without --n every different stimulus is shown once. Called again after it was broken off, it goes on
/// where it stood.
#[derive(Debug, Args)]
pub struct Extract {
    #[command(flatten)]
    shown: ShownArgs,
    /// What is shown, by where it lies: a picture, a folder of pictures, folders by class, a data set, a
    /// trials.csv.
    #[arg(long, value_name = "DIR", conflicts_with = "stimulus")]
    images: Option<PathBuf>,
    /// Areas, all, and readout for the class scores.
    #[arg(long, value_name = "AREA", value_delimiter = ',')]
    areas: Vec<String>,
    /// Timesteps that are kept: all, last, or such as 0,5,10..20.
    #[arg(long, value_name = "STEPS")]
    steps: Option<Steps>,
    /// What is kept of the space of an area: none (all of it), mean or max.
    #[arg(long, value_name = "POOL")]
    pool: Option<Pool>,
    /// Timesteps of the run without the read-out pass.
    #[arg(long, value_name = "T")]
    length: Option<usize>,
    /// The archive; features.npz without it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Extract {
    pub fn execute(&self, common: &Common) -> Outcome {
        let recipe = self.recipe(common).map_err(Failure::usage)?;
        let mut shown = Shown::new(common.quiet);
        let finished = recipe::extract(&recipe, &mut shown);
        shown.finish();
        let (model, found) = finished?;
        if common.json {
            print::json(&json!({
                "config": {"recipe": found.recipe, "model": model.info.config},
                "seed": found.recipe.run.seed,
                "files": found.files,
                "results": {
                    "trials": found.trials,
                    "resumed_from": found.resumed_from,
                    "timesteps": found.timesteps,
                    "arrays": found.arrays,
                    "data": found.data,
                },
            }))?;
            return Ok(Ending::Done);
        }
        if found.resumed_from > 0 {
            print::line(format_args!("went on from stimulus {}", found.resumed_from))?;
        }
        for (name, shape) in &found.arrays {
            print::line(format_args!("{name} {shape:?}"))?;
        }
        for file in &found.files {
            print::line(format_args!("wrote {}", file.display()))?;
        }
        Ok(Ending::Done)
    }

    fn recipe(&self, common: &Common) -> Result<ExtractRecipe> {
        let written = self.shown.recipe.as_deref().map(recipe::read_toml::<ExtractRecipe>).transpose()?;
        let own = |written: &Option<ExtractRecipe>| match written {
            Some(written) => written.clone(),
            None => ExtractRecipe {
                areas: vec!["all".to_owned()],
                steps: Steps::default(),
                pool: Pool::default(),
                n: None,
                out: PathBuf::from("features.npz"),
                run: recipe::RunRecipe::new(""),
            },
        };
        let base = own(&written);
        let mut run = self.shown.over(written.map(|written| written.run), common)?;
        if let Some(images) = &self.images {
            run.stimulus = Some(recipe::stimulus_at(images)?);
        }
        run.steps = self.length.or(run.steps);
        run.n = self.shown.n.unwrap_or(1);
        run.validate()?;
        let out = self.out.clone().unwrap_or(base.out);
        if out.file_name().is_none() {
            return Err(Error::config("--out", "the name of a file", out.display()));
        }
        Ok(ExtractRecipe {
            areas: if self.areas.is_empty() { base.areas } else { self.areas.clone() },
            steps: self.steps.clone().unwrap_or(base.steps),
            pool: self.pool.unwrap_or(base.pool),
            n: self.shown.n.or(base.n),
            out,
            run,
        })
    }
}
