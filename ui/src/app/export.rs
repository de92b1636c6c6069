//! Taking figures home: from a view to files, and to the command that makes them without a window.

use std::path::PathBuf;
use std::sync::Arc;

use egui::Context;
use gainfield::provenance::Provenance;
use gainfield::stimulus::DataFile;

use super::{PendingExport, Workbench};
use crate::command::ExportFormat;
use crate::dock::ViewKind;
use crate::files::Ask;
use crate::item::{Content, FigureInfo, RecordingInfo};
use crate::worker::ExportRequest;

impl Workbench {
    /// Asks for a name for the figure of `view`.
    pub(super) fn export(&mut self, view: ViewKind, format: ExportFormat) {
        let figure = {
            let shown = self.view(None);
            self.views.figure(view, &shown)
        };
        let figure = match figure {
            Ok(figure) => figure,
            Err(why) => {
                self.messages.error(format!("{} was not exported", view.title()), why);
                return;
            }
        };
        let name = view.title().to_lowercase().replace(" & ", "-").replace(' ', "-");
        let answer = (self.dialog)(Ask::Save { name });
        self.asked_export = Some((answer, PendingExport { figure, format, view }));
    }

    /// Sends the figure on its way once a name has been given.
    pub(super) fn finish_export(&mut self, pending: PendingExport, path: PathBuf) {
        let known = ["svg", "png", "csv"].map(std::ffi::OsStr::new);
        let stem =
            if path.extension().is_some_and(|e| known.contains(&e)) { path.with_extension("") } else { path };
        let mut provenance = self.provenance(stem.parent());
        if let Some(command) = self.command_of_view(pending.view) {
            provenance.command = command;
        }
        let interventions = self.document.current_recording().map_or_else(Vec::new, |info| {
            info.spec.interventions.iter().filter(|i| i.enabled).cloned().collect()
        });
        let job = self.jobs.start(format!("Export {}", pending.view.title()));
        let request = ExportRequest {
            job,
            figure: pending.figure,
            format: pending.format,
            stem,
            provenance,
            interventions,
        };
        if !self.workers.export(request) {
            self.jobs.finish(job);
            self.messages
                .error("Nothing was exported", "Too much is being written already; try again in a moment.");
        }
    }

    /// The command behind a view of a probe or a training run; the others show the recording.
    fn command_of_view(&self, view: ViewKind) -> Option<String> {
        match view {
            ViewKind::Tuning | ViewKind::Units | ViewKind::Scaling | ViewKind::Population => {
                self.document.probe_info(self.document.probe?).map(|info| info.command.clone())
            }
            ViewKind::ClassLoss
            | ViewKind::MaskLoss
            | ViewKind::Accuracy
            | ViewKind::Samples
            | ViewKind::Job => {
                self.document.training_info(self.document.training?).map(|info| info.recipe.clone())
            }
            ViewKind::StimulusAttention
            | ViewKind::AreaMaps
            | ViewKind::UnitTraces
            | ViewKind::Readout
            | ViewKind::Log => None,
        }
    }

    pub(super) fn exported(&mut self, files: Vec<PathBuf>, command: String) {
        let Some(first) = files.first() else { return };
        let name = first.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let folder = first.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        self.messages.say(format!("Exported {name}, {} files in {folder}", files.len()));
        let content = Content::Figure(Arc::new(FigureInfo { files, command }));
        self.with_document(|document| {
            document.add(&name, content);
        });
    }

    pub(super) fn copy_as_command(&mut self, ctx: &Context) {
        match self.document.current_recording() {
            Some(info) => {
                ctx.copy_text(self.command_of(info, None));
                self.messages.say("Copied the command that makes this without a window");
            }
            None => {
                self.messages.error("Nothing was copied", "There is no recording yet; run the model first.")
            }
        }
    }

    fn provenance(&self, folder: Option<&std::path::Path>) -> Provenance {
        let Some(info) = self.document.current_recording() else { return Provenance::new("") };
        let mut provenance = Provenance::new(self.command_of(info, folder));
        provenance.seed = Some(info.spec.seed);
        provenance.config = serde_json::json!({
            "stimulus": self.document.stimulus_info(info.stimulus).map(|stimulus| stimulus.as_ref().clone()),
            "run": info.spec,
            "model": self.document.model_info(info.model).map(|model| model.about.config.clone()),
        });
        if let Some(origin) = self.document.model_info(info.model).map(|model| &model.about.origin)
            && let Some(sha256) = &origin.sha256
        {
            provenance.checkpoint = Some(DataFile { name: origin.name.clone(), sha256: sha256.clone() });
        }
        let stimulus = self.document.stimulus_info(info.stimulus).map(|stimulus| stimulus.identity());
        if let Some(facts) = stimulus.and_then(|identity| self.store.stimulus(identity)) {
            provenance.data = vec![facts.data.clone()];
        }
        provenance
    }

    /// The command that makes a recording again; its interventions as a file in `folder`.
    fn command_of(&self, info: &RecordingInfo, folder: Option<&std::path::Path>) -> String {
        let mut words = vec!["gainfield".to_owned(), "run".to_owned()];
        let model = self.document.model_info(info.model);
        let path = model.and_then(|model| model.about.origin.path.clone());
        words.push(quoted(&path.map_or_else(|| "MODEL".to_owned(), |path| path.display().to_string())));
        if let Some(stimulus) = self.document.stimulus_info(info.stimulus) {
            words.push("--stimulus".to_owned());
            words.push(quoted(&stimulus.spec.to_string()));
            words.push(format!("--n {}", stimulus.trial + 1));
            words.push(format!("--seed {}", stimulus.seed));
        }
        if let Some(steps) = info.spec.timesteps {
            words.push(format!("--steps {steps}"));
        }
        words.push("--record all".to_owned());
        let enabled = info.spec.interventions.iter().filter(|i| i.enabled);
        let list: Vec<_> = enabled.cloned().collect();
        let mut before = String::new();
        if !list.is_empty() {
            let name = "interventions.toml";
            let file =
                folder.map_or_else(|| name.to_owned(), |folder| folder.join(name).display().to_string());
            let toml = toml::to_string_pretty(&gainfield::dynamics::InterventionFile { intervention: list });
            before = format!("cat > {} <<'END'\n{}END\n", quoted(&file), toml.unwrap_or_default());
            words.push(format!("--interventions {}", quoted(&file)));
        }
        words.push("--out out".to_owned());
        before + &words.join(" ")
    }
}

/// A word for the shell: as it is, or in single quotes where it has to be.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(quoted("a/b-c.pth"), "a/b-c.pth");
        assert_eq!(quoted("my net.pth"), "'my net.pth'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
