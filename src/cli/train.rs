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
    /// TOML file; FAMILY/RUN for the reference's settings (--runs lists them); the folder of a published
    /// recurrent-gating network; a configuration file of the Counter-Hebb reference.
    #[arg(required_unless_present_any = ["resume", "runs"])]
    recipe: Option<String>,
    /// List the runs that can be started by name, or the settings of the one that is named.
    #[arg(long)]
    runs: bool,
    /// Run folder: recipe, manifest, metrics, evaluations, checkpoints.
    #[arg(long, value_name = "DIR", required_unless_present = "runs")]
    out: Option<PathBuf>,
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
        let out = match &self.out {
            Some(out) if !self.runs => out,
            _ => return self.list(common),
        };
        let target = TrainTarget {
            device: common.target()?.device,
            threads: compute::threads(false),
            beside_window: false,
        };
        let job = if self.resume {
            resume(out.clone(), &target, || {})?
        } else {
            let recipe = self.recipe().map_err(Failure::usage)?;
            start(recipe, out.clone(), &target, || {})?
        };
        let mut shown = Shown::new(common.quiet);
        let mut total = 0;
        let mut ending = None;
        for event in &job.events {
            match event {
                JobEvent::Started { n_updates, .. } => total = n_updates as usize,
                JobEvent::Update(report) => {
                    let done = report.update as usize;
                    shown.report("training", done, total.max(done));
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
        let history = RunHistory::read(out)?;
        let last = history.updates.last();
        if common.json {
            print::json(&json!({
                "out": out,
                "updates": last.map_or(0, |report| report.update),
                "completed": matches!(ending, Some(StopReason::Completed | StopReason::OutOfPatience)),
                "evaluations": history.evaluations,
            }))?;
        } else {
            print::line(format_args!(
                "{} updates in {}",
                last.map_or(0, |report| report.update),
                out.display()
            ))?;
        }
        Ok(Ending::Done)
    }

    /// Names of runs, or settings of one.
    fn list(&self, common: &Common) -> Outcome {
        let Some((family, run)) = self.recipe.as_deref().and_then(|name| name.split_once('/')) else {
            let names = AnyRecipe::names();
            if common.json {
                print::json(&names)?;
            } else {
                names.iter().try_for_each(print::line)?;
            }
            return Ok(Ending::Done);
        };
        let fields = AnyRecipe::fields(family, run).map_err(Failure::usage)?;
        let presets = AnyRecipe::presets(family, run).map_err(Failure::usage)?;
        let of_field = |field: &gainfield::settings::Field| {
            let inner = format!("{}.", field.key);
            let own = presets.iter().filter(move |(key, ..)| *key == field.key || key.starts_with(&inner));
            own.collect::<Vec<_>>()
        };
        if common.json {
            let documented = |field: &gainfield::settings::Field| {
                let range = field.range;
                let differing = of_field(field).into_iter().map(
                    |(key, documented, coded)| json!({"key": key, "documented": documented, "as_coded": coded}),
                );
                json!({
                    "key": field.key, "default": field.default, "range": range, "choices": field.choices,
                    "unit": field.unit, "definition": field.definition, "source": field.source,
                    "presets": differing.collect::<Vec<_>>(),
                })
            };
            print::json(&fields.iter().map(documented).collect::<Vec<_>>())?;
        } else {
            for field in &fields {
                print::line(format_args!("{} = {}", field.key, field.default))?;
                print::line(format_args!("    {} ({})", field.definition, field.source))?;
                for (key, documented, coded) in of_field(field) {
                    print::line(format_args!("    {key}: {documented} documented, {coded} as coded"))?;
                }
            }
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
