//! `gainfield sweep`: a run for every combination of settings, and a table of what they came to.

use std::path::{Path, PathBuf};

use clap::Args;
use gainfield::progress::Progress as _;
use gainfield::recipe::train::{AnyRecipe, TrainTarget, resume, start};
use gainfield::settings::{Overrides, toml_value};
use gainfield::train::{Evaluation, JobEvent, RECIPE, RunHistory};
use gainfield::{Error, Result, compute, files};
use serde_json::{Value, json};

use super::progress::Shown;
use super::{Common, Ending, Failure, Outcome, Settings, print};

/// Name of the table below the folder of a sweep.
const SUMMARY: &str = "summary.csv";

#[derive(Debug, Args)]
pub struct SweepCommand {
    /// As for train: a TOML file or FAMILY/RUN.
    recipe: String,
    /// A setting and its values, for example seed=[1,2,3]; several make a grid.
    #[arg(long = "over", value_name = "KEY=[VALUES]", required = true)]
    over: Vec<String>,
    /// Folder of the runs; one that is there goes on or is left as it is.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    settings: Settings,
}

/// One setting with the values that it takes.
type Axis = (String, Vec<Value>);

impl SweepCommand {
    pub fn execute(&self, common: &Common) -> Outcome {
        let overrides = self.settings.overrides().map_err(Failure::usage)?;
        let axes =
            self.over.iter().map(|text| axis(text)).collect::<Result<Vec<_>>>().map_err(Failure::usage)?;
        let mut runs = Vec::new();
        for combination in grid(&axes) {
            let mut overrides = overrides.clone();
            for (key, value) in &combination {
                overrides.push(key.clone(), value.clone());
            }
            // A wrong value stops before hours of training.
            let recipe = AnyRecipe::named(&self.recipe, &overrides).map_err(Failure::usage)?;
            runs.push((folder_name(&combination), combination, recipe));
        }
        let target = TrainTarget {
            device: common.target()?.device,
            threads: compute::threads(false),
            beside_window: false,
        };
        let n = runs.len();
        let mut shown = Shown::new(common.quiet);
        let mut rows = Vec::new();
        for (done, (name, combination, recipe)) in runs.into_iter().enumerate() {
            shown.report(&format!("run {name}"), done, n);
            let out = self.out.join(&name);
            train(recipe, &out, &target).map_err(|err| {
                Error::Unsupported(format!("the run {name} failed, the others before it are kept: {err}"))
            })?;
            rows.push(Row::of(&name, &combination, &RunHistory::read(&out)?));
            files::write_atomic(self.out.join(SUMMARY), table(&axes, &rows))?;
        }
        shown.finish();
        if common.json {
            print::json(&rows.iter().map(Row::json).collect::<Vec<_>>())?;
        } else {
            print::line(table(&axes, &rows).trim_end())?;
        }
        Ok(Ending::Done)
    }
}

/// `key=[a, b]`.
fn axis(text: &str) -> Result<Axis> {
    let wrong = || Error::config("--over", "key=[value, …] with at least one value", text);
    let (key, values) = text.split_once('=').ok_or_else(wrong)?;
    match toml_value(values.trim()) {
        Value::Array(values) if !values.is_empty() => Ok((key.trim().to_owned(), values)),
        _ => Err(wrong()),
    }
}

/// Every combination; the last setting changes fastest.
fn grid(axes: &[Axis]) -> Vec<Vec<(String, Value)>> {
    let mut all = vec![Vec::new()];
    for (key, values) in axes {
        let longer = |start: &Vec<(String, Value)>| {
            let start = start.clone();
            values.iter().map(move |value| {
                let mut combination = start.clone();
                combination.push((key.clone(), value.clone()));
                combination
            })
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `lr=0.1,seed=2`, with what folders cannot be called left out.
fn folder_name(combination: &[(String, Value)]) -> String {
    let words: Vec<String> =
        combination.iter().map(|(key, value)| format!("{key}={}", plain(value))).collect();
    let is_kept = |c: &char| c.is_alphanumeric() || "=,.-_".contains(*c);
    words.join(",").chars().filter(is_kept).take(120).collect()
}

/// Trains, goes on, or leaves alone what is finished.
fn train(recipe: AnyRecipe, out: &Path, target: &TrainTarget) -> Result<()> {
    let is_there = out.join(RECIPE).is_file();
    if is_there && AnyRecipe::read(&out.join(RECIPE), &Overrides::default())? != recipe {
        return Err(Error::file(
            out.join(RECIPE),
            "the settings of this sweep",
            "those of another",
            "give another folder",
        ));
    }
    let job = match is_there {
        true => resume(out.to_owned(), target, || {})?,
        false => start(recipe, out.to_owned(), target, || {})?,
    };
    for event in &job.events {
        if let JobEvent::Failed(why) = event {
            return Err(Error::Unsupported(why));
        }
    }
    Ok(())
}

/// What one run came to.
struct Row {
    name: String,
    values: Vec<String>,
    updates: u64,
    best: Option<Evaluation>,
    test: Option<Evaluation>,
}

impl Row {
    fn of(name: &str, combination: &[(String, Value)], history: &RunHistory) -> Self {
        let of_split = |split: &'static str| history.evaluations.iter().filter(move |one| one.split == split);
        Self {
            name: name.to_owned(),
            values: combination.iter().map(|(_, value)| plain(value)).collect(),
            updates: history.updates.last().map_or(0, |report| report.update),
            best: of_split("validation").rfind(|evaluation| evaluation.is_best).cloned(),
            test: of_split("test").next_back().cloned(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "run": self.name, "values": self.values, "updates": self.updates,
            "best": self.best, "test": self.test,
        })
    }
}

/// Comma-separated: the settings, updates, best validation and test.
fn table(axes: &[Axis], rows: &[Row]) -> String {
    let quoted = |text: &str| match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    };
    let fixed = ["updates", "best_validation", "at_update", "n_validation", "test", "n_test"];
    let names = axes.iter().map(|(key, _)| key.as_str()).chain(fixed);
    let mut lines = vec![names.map(quoted).collect::<Vec<_>>().join(",")];
    for row in rows {
        let number = |evaluation: &Option<Evaluation>, of: fn(&Evaluation) -> String| {
            evaluation.as_ref().map_or_else(String::new, of)
        };
        let mut cells: Vec<String> = row.values.iter().map(|value| quoted(value)).collect();
        cells.extend([
            row.updates.to_string(),
            number(&row.best, |one| one.score.to_string()),
            number(&row.best, |one| one.update.to_string()),
            number(&row.best, |one| one.n_stimuli.to_string()),
            number(&row.test, |one| one.score.to_string()),
            number(&row.test, |one| one.n_stimuli.to_string()),
        ]);
        lines.push(cells.join(","));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_has_every_combination_once() {
        let axes = [axis("lr=[0.1, 0.01]").unwrap(), axis("rule=[\"a\", \"b\"]").unwrap()];
        let names: Vec<String> = grid(&axes).iter().map(|combination| folder_name(combination)).collect();
        assert_eq!(names, ["lr=0.1,rule=a", "lr=0.1,rule=b", "lr=0.01,rule=a", "lr=0.01,rule=b"]);
        for wrong in ["lr", "lr=0.1", "lr=[]"] {
            assert!(axis(wrong).unwrap_err().to_string().contains("--over"));
        }
    }

    #[test]
    fn a_sweep_trains_goes_on_and_sums_up() {
        let folder = tempfile::tempdir().unwrap();
        let command = |over: &str| SweepCommand {
            recipe: "counter_hebb/mnist".to_owned(),
            over: vec![over.to_owned()],
            out: folder.path().to_owned(),
            settings: Settings {
                config: None,
                sets: ["drawn=30", "batch_size=5", "updates=2", "network={last_hidden_size=8}"]
                    .map(str::to_owned)
                    .to_vec(),
            },
        };
        let common = Common { json: true, quiet: true, device: None };
        for over in ["seed=[1]", "seed=[1, 2]"] {
            assert!(command(over).execute(&common).is_ok());
        }
        let text = std::fs::read_to_string(folder.path().join(SUMMARY)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("seed,updates,best_validation") && lines.len() == 3, "{text}");
        assert!(lines[1].starts_with("1,2,0.") && lines[2].starts_with("2,2,0."), "{text}");
        assert!(command("sed=[1]").execute(&common).is_err());
    }
}
