//! Commands over many trials: how often the network is right, and its activity as an archive.

use std::path::PathBuf;

use gainfield::recipe::{EvaluateRecipe, ExtractRecipe, RunRecipe};
use gainfield::task::StimulusSource;

use super::Workbench;
use crate::command::Extracted;
use crate::files::Ask;
use crate::worker::{Cancel, Measure, MeasureRequest};

/// Trials of a stimulus without an end.
const ENDLESS: usize = 256;

/// Which of the two was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Many {
    Evaluate(Option<usize>),
    Extract(Extracted),
}

impl Workbench {
    /// Asks where the results go.
    pub(super) fn measure(&mut self, many: Many) {
        let name = match many {
            Many::Evaluate(_) => "evaluation",
            Many::Extract(_) => "features.npz",
        };
        let answer = (self.dialog)(Ask::Save { name: name.to_owned() });
        self.asked_measure = Some((answer, many));
    }

    /// Shows every stimulus like that of the shown recording to its model, under the same settings.
    pub(super) fn finish_measure(&mut self, many: Many, path: PathBuf) {
        let Some((model, run)) = self.shown_recipe() else {
            self.messages.error("Nothing was measured", "Run a model on a stimulus first.");
            return;
        };
        let source = run.stimulus.as_ref().map(|spec| StimulusSource::open(spec, run.data.as_deref()));
        let all = match source {
            Some(Ok(source)) if source.distinct().is_none() => Some(ENDLESS),
            _ => None,
        };
        let (name, measure) = match many {
            Many::Evaluate(n) => {
                let recipe = Box::new(EvaluateRecipe { n: n.or(all), run });
                ("Evaluate", Measure::Evaluate { recipe, folder: path })
            }
            Many::Extract(Extracted { n, areas, steps, pool }) => {
                let recipe = ExtractRecipe { areas, steps, pool, n: n.or(all), out: path, run };
                ("Extract", Measure::Extract(Box::new(recipe)))
            }
        };
        let job = self.jobs.start(name);
        let cancel = Cancel::default();
        self.cancels.insert(job, cancel.clone());
        if !self.workers.measure(MeasureRequest { job, model, measure, cancel }) {
            self.jobs.finish(job);
            self.cancels.remove(&job);
            self.messages
                .error("Nothing was measured", "Too much is waiting already; try again in a moment.");
        }
    }

    /// The model of the shown recording, and its run without what is recorded.
    fn shown_recipe(&self) -> Option<(gainfield::model::Model, RunRecipe)> {
        let info = self.document.current_recording()?;
        let identity = self.document.model_info(info.model)?.identity;
        let model = self.store.model(identity)?.clone();
        let recipe = self.recipe(info)?;
        Some((
            model,
            RunRecipe { n: 1, record: Vec::new(), every: std::num::NonZeroUsize::MIN, out: None, ..recipe },
        ))
    }
}
