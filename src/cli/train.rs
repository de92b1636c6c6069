//! `gainfield train`: train a network from a recipe, or go on with a run.

use std::path::PathBuf;

use clap::Args;
use gainfield::compute;
use gainfield::progress::Progress as _;
use gainfield::recipe::train::{AnyRecipe, TrainTarget, resume, start};
use gainfield::train::{JobEvent, RunHistory, StopReason};
use gainfield::{Error, Result};
use serde_json::json;

use super::progress::Shown;
use super::{Common, Ending, Failure, Outcome, Settings, print};

#[derive(Debug, Args)]
pub struct TrainCommand {
    /// TOML file; object_attention/digits or recurrent_gating/RUN for the reference's settings; the
    /// folder of a published recurrent-gating network. RUN: digits, recognition, curves, contrast,
    /// discrimination, change, shapes.
    #[arg(required_unless_present = "resume")]
    recipe: Option<String>,
    /// Run folder: recipe, manifest, metrics, evaluations, checkpoints.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on with the run in --out from its last checkpoint.
    #[arg(long)]
    resume: bool,
    #[arg(long)]
    seed: Option<u64>,
    /// Which defaults where the reference's parameter files and scripts disagree: documented, as-coded.
    #[arg(long, value_name = "PRESET")]
    preset: Option<String>,
    #[command(flatten)]
    settings: Settings,
}

impl TrainCommand {
    pub fn execute(&self, common: &Common) -> Outcome {
        let target = TrainTarget {
            device: common.target()?.device,
            threads: compute::threads(false),
            beside_window: false,
        };
        let job = if self.resume {
            resume(self.out.clone(), &target, || {})?
        } else {
            let recipe = self.recipe().map_err(Failure::usage)?;
            start(recipe, self.out.clone(), &target, || {})?
        };
        let mut shown = Shown::new(common.quiet);
        let mut n_updates = None;
        let mut ending = None;
        for event in &job.events {
            match event {
                JobEvent::Update(report) => {
                    if n_updates.is_none() {
                        let recipe =
                            AnyRecipe::read(&self.out.join(gainfield::train::RECIPE), &Default::default())?;
                        n_updates = Some(recipe.n_updates().unwrap_or_default());
                    }
                    let done = report.update as usize;
                    let total = n_updates.unwrap_or_default() as usize;
                    shown.report("training", done, total.max(done + 1));
                }
                JobEvent::Evaluated(evaluation) if !common.quiet => print::remark(format_args!(
                    "update {}: {} accuracy {:.4} on {} stimuli{}",
                    evaluation.update,
                    evaluation.split,
                    evaluation.score,
                    evaluation.n_stimuli,
                    if evaluation.is_best { ", the best so far" } else { "" }
                )),
                JobEvent::Failed(why) => {
                    shown.finish();
                    return Err(Error::Unsupported(why).into());
                }
                JobEvent::Finished(reason) => ending = Some(reason),
                JobEvent::Evaluated(_) | JobEvent::Saved { .. } | JobEvent::Paused | JobEvent::Resumed => {}
            }
        }
        shown.finish();
        let history = RunHistory::read(&self.out)?;
        let last = history.updates.last();
        if common.json {
            print::json(&json!({
                "out": self.out,
                "updates": last.map_or(0, |report| report.update),
                "completed": ending == Some(StopReason::Completed),
                "evaluations": history.evaluations,
            }))?;
        } else {
            print::line(format_args!(
                "{} updates in {}",
                last.map_or(0, |report| report.update),
                self.out.display()
            ))?;
        }
        Ok(Ending::Done)
    }

    fn recipe(&self) -> Result<AnyRecipe> {
        let mut overrides = self.settings.overrides()?;
        if let Some(seed) = self.seed {
            overrides.push("seed", seed);
        }
        if let Some(preset) = &self.preset {
            overrides.push("preset", preset.as_str());
        }
        AnyRecipe::named(self.recipe.as_deref().unwrap_or_default(), &overrides)
    }
}
