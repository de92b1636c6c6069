//! `gainfield evaluate`: how often a network is right, over time, phases, classes and conditions.

use std::path::PathBuf;

use clap::Args;
use gainfield::Result;
use gainfield::dynamics::TimeUnit;
use gainfield::recipe::evaluation::Estimate;
use gainfield::recipe::{self, EvaluateRecipe, Evaluation, Share, evaluation};
use serde_json::json;

use super::progress::Shown;
use super::shown::ShownArgs;
use super::{Common, Ending, Failure, Outcome, print};

/// Lines of a group that are printed; the table has all.
const MOST_LINES: usize = 40;

/// Without --n every different stimulus is shown once; --data alone is the data set, list of trials or
/// folder that lies there.
#[derive(Debug, Args)]
pub struct Evaluate {
    #[command(flatten)]
    shown: ShownArgs,
    /// Timesteps without the read-out pass.
    #[arg(long, value_name = "T")]
    steps: Option<usize>,
    /// Folder for the table, its provenance, the recipe and a figure.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Evaluate {
    pub fn execute(&self, common: &Common) -> Outcome {
        let recipe = self.recipe(common).map_err(Failure::usage)?;
        let mut shown = Shown::new(common.quiet);
        let finished = recipe::evaluate(&recipe, &mut shown);
        shown.finish();
        let (model, found) = finished?;
        let files = match &self.out {
            Some(out) => evaluation::write(&model, &found, out)?,
            None => Vec::new(),
        };
        if common.json {
            print::json(&json!({
                "config": {"recipe": found.again(), "model": model.info.config},
                "seed": found.recipe.seed,
                "files": files,
                "results": found.results(),
            }))?;
        } else {
            print_text(&found)?;
            for file in files {
                print::line(format_args!("wrote {}", file.display()))?;
            }
        }
        Ok(Ending::Done)
    }

    fn recipe(&self, common: &Common) -> Result<EvaluateRecipe> {
        let written = self.shown.recipe.as_deref().map(recipe::read_toml::<EvaluateRecipe>).transpose()?;
        let n = written.as_ref().and_then(|written| written.n);
        let mut run = self.shown.over(written.map(|written| written.run), common)?;
        run.steps = self.steps.or(run.steps);
        run.n = self.shown.n.unwrap_or(1);
        run.validate()?;
        Ok(EvaluateRecipe { n: self.shown.n.or(n), run })
    }
}

fn print_text(found: &Evaluation) -> Result<()> {
    print::line(format_args!(
        "{} trials of {}, {} timesteps",
        found.recipe.n, found.data.name, found.n_timesteps
    ))?;
    for departure in &found.departures {
        print::line(format_args!("note: off the trained protocol in {departure}"))?;
    }
    let widest = found.rows.iter().map(|row| name_of(found, row).chars().count()).max().unwrap_or(0).max(8);
    let has_top5 = found.rows.iter().any(|row| row.top5.is_some());
    let has_masks = found.rows.iter().any(|row| row.mask_loss.is_some());
    let mut titles = vec!["accuracy (95 %)"];
    titles.extend(has_top5.then_some("top-5 (95 %)"));
    titles.push("cross-entropy (95 %)");
    titles.extend(has_masks.then_some("mask loss (95 %)"));
    let titles: String = titles.iter().map(|title| format!("  {title:<25}")).collect();
    print::line(format!("{:<widest$}  {:>8}{titles}", "", "n").trim_end())?;
    let share = |share: &Share| {
        let [low, high] = share.interval;
        format!("{:.4} ({low:.4} to {high:.4})", share.accuracy)
    };
    let (mut group, mut lines) = (None, 0);
    for row in &found.rows {
        let now = (row.moment, row.group.as_str());
        if group != Some(now) {
            (group, lines) = (Some(now), 0);
        }
        lines += 1;
        if lines > MOST_LINES {
            if lines == MOST_LINES + 1 {
                print::line("… the others are in the table (--out) and in --json")?;
            }
            continue;
        }
        let estimate = |loss: &Option<Estimate>| match loss {
            Some(Estimate { mean, interval: [low, high], .. }) if low.is_finite() => {
                format!("{mean:.4} ({low:.4} to {high:.4})")
            }
            Some(loss) => format!("{:.4}", loss.mean),
            None => String::new(),
        };
        let optional = |found: &Option<Share>| found.as_ref().map_or_else(String::new, &share);
        let mut cells = vec![optional(&row.share)];
        if has_top5 {
            cells.push(optional(&row.top5));
        }
        cells.push(estimate(&row.loss));
        if has_masks {
            cells.push(estimate(&row.mask_loss));
        }
        let cells: String = cells.iter().map(|cell| format!("  {cell:<25}")).collect();
        print::line(format!("{:<widest$}  {:>8}{cells}", name_of(found, row), row.n()).trim_end())?;
    }
    if let Some(decision) = &found.decision {
        print::line(format_args!("{:<widest$}  {:>8}  {}", "decision", decision.n, share(decision)))?;
    }
    Ok(())
}

/// `timestep 3`, `phase 1`, `final, side left`.
fn name_of(found: &Evaluation, row: &evaluation::Row) -> String {
    let moment = match (row.t, row.phase, found.time_unit) {
        (Some(t), _, TimeUnit::Ms { dt_ms }) => format!("timestep {t} ({} ms)", t as f64 * dt_ms),
        (Some(t), ..) => format!("timestep {t}"),
        (None, Some(phase), _) => format!("phase {}", phase + 1),
        (None, None, _) => row.moment.to_owned(),
    };
    match row.group.as_str() {
        "all" => moment,
        group => format!("{moment}, {group} {}", row.value),
    }
}
