//! Evaluation and extraction over many trials, with progress and an end on request.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use gainfield::compute;
use gainfield::model::Model;
use gainfield::ops::compute_pool;
use gainfield::progress::Progress;
use gainfield::recipe::{EvaluateRecipe, ExtractRecipe, evaluate_on, evaluation, extract_on};
use gainfield::{Error, Result};

use super::{Cancel, Event, Outbox, guarded};
use crate::jobs::JobId;

/// Time between two reports of progress.
const REPORT_EVERY: Duration = Duration::from_millis(60);

/// What is measured.
pub enum Measure {
    /// Right answers; the files go into the folder.
    Evaluate { recipe: Box<EvaluateRecipe>, folder: PathBuf },
    /// Activity, into the archive that the recipe names.
    Extract(Box<ExtractRecipe>),
}

/// Many trials to be shown to a model.
pub struct MeasureRequest {
    pub job: JobId,
    pub model: Model,
    pub measure: Measure,
    pub cancel: Cancel,
}

pub(super) fn serve(requests: &Receiver<MeasureRequest>, outbox: &Outbox) {
    let pool = compute_pool(compute::threads(true));
    for request in requests {
        let mut teller =
            Teller { job: request.job, outbox, cancel: request.cancel.clone(), last: Instant::now() };
        let mut work = || guarded(|| measured(&request, &mut teller));
        let outcome = match &pool {
            Ok(pool) => pool.install(work),
            Err(_) => work(),
        };
        outbox.send(match outcome {
            Ok(event) => event,
            Err(_) if request.cancel.is_cancelled() => Event::Stopped { what: what(&request.measure) },
            Err(message) => Event::MeasureFailed { what: what(&request.measure), message },
        });
        outbox.send(Event::Ended { job: request.job });
    }
}

fn what(measure: &Measure) -> &'static str {
    match measure {
        Measure::Evaluate { .. } => "The evaluation",
        Measure::Extract(_) => "The extraction",
    }
}

fn measured(request: &MeasureRequest, teller: &mut Teller<'_>) -> Result<Event> {
    if request.cancel.is_cancelled() {
        return Err(Error::Cancelled);
    }
    let model = &request.model;
    match &request.measure {
        Measure::Evaluate { recipe, folder } => {
            let found = evaluate_on(model, recipe, teller)?;
            let files = evaluation::write(model, &found, folder)?;
            let last = found.rows_of("final", "all").find_map(|row| row.share);
            let summary = match last {
                Some(share) => {
                    let [low, high] = share.interval;
                    let percent = 100.0 * share.accuracy;
                    format!(
                        "{percent:.1} % right (95 %: {:.1} to {:.1}) of {}",
                        100.0 * low,
                        100.0 * high,
                        share.n
                    )
                }
                None => format!("{} trials evaluated", found.recipe.n),
            };
            let command = found.command_line(&folder.join("recipe.toml"));
            Ok(Event::Measured { summary, files, command })
        }
        Measure::Extract(recipe) => {
            let found = extract_on(model, recipe, teller)?;
            let summary = format!("Extracted {} areas of {} trials", found.arrays.len(), found.trials);
            let command = found.recipe.command_line(found.files.get(1).unwrap_or(&found.recipe.out));
            Ok(Event::Measured { summary, files: found.files, command })
        }
    }
}

/// Passes progress on and asks for cancellation.
struct Teller<'a> {
    job: JobId,
    outbox: &'a Outbox,
    cancel: Cancel,
    last: Instant,
}

impl Progress for Teller<'_> {
    fn report(&mut self, _what: &str, done: usize, total: usize) {
        if self.last.elapsed() >= REPORT_EVERY {
            self.last = Instant::now();
            self.outbox.send(Event::Progress { job: self.job, done, total });
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}
