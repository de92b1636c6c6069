//! Taking figures home: from a view to files, and to the command that makes them without a window.

use std::path::PathBuf;
use std::sync::Arc;

use egui::Context;
use gainfield::dynamics::Setting;
use gainfield::provenance::{Provenance, quoted};
use gainfield::recipe::{RunRecipe, to_toml};
use gainfield::settings::Source;
use gainfield::stimulus::DataFile;

use super::{PendingExport, Workbench};
use crate::command::ExportFormat;
use crate::dock::ViewKind;
use crate::files::Ask;
use crate::item::{Content, FigureInfo, ModelInfo, RecordingInfo};
use crate::worker::{ExportRequest, Exported};

impl Workbench {
    /// Asks for a name for what `view` shows.
    pub(super) fn export(&mut self, view: ViewKind, format: ExportFormat) {
        let content = {
            let shown = self.view(None);
            self.parts.views.exported(view, &shown)
        };
        let content = match content {
            Ok(content) => content,
            Err(why) => {
                self.messages.error(format!("{} was not exported", view.title()), why);
                return;
            }
        };
        let command = self.command_of_view(view);
        self.ask_name(PendingExport { content, format, title: view.title().to_owned(), command });
    }

    /// Asks for a name for all panels of the shown probe in one figure.
    pub(super) fn export_summary(&mut self) {
        let figure = {
            let shown = self.view(None);
            self.parts.views.summary(&shown)
        };
        match figure {
            Ok(figure) => {
                let command = self.command_of_view(ViewKind::Tuning);
                let title = "Probe summary".to_owned();
                let content = Exported::Figure(Box::new(figure));
                self.ask_name(PendingExport { content, format: ExportFormat::All, title, command });
            }
            Err(why) => self.messages.error("The summary was not exported", why),
        }
    }

    fn ask_name(&mut self, pending: PendingExport) {
        let name = pending.title.to_lowercase().replace(" & ", "-").replace(' ', "-");
        let answer = (self.dialog)(Ask::Save { name });
        self.asked_export = Some((answer, pending));
    }

    /// Sends the figure on its way once a name has been given.
    pub(super) fn finish_export(&mut self, pending: PendingExport, path: PathBuf) {
        let known = ["svg", "png", "csv", "tex", "json"].map(std::ffi::OsStr::new);
        let stem =
            if path.extension().is_some_and(|e| known.contains(&e)) { path.with_extension("") } else { path };
        let recipe = self.document.current_recording().and_then(|info| self.recipe(info));
        let of_view = pending.command;
        let recipe = if of_view.is_some() { None } else { recipe };
        let file = crate::worker::with_ending(&stem, "recipe.toml");
        let command = of_view.or_else(|| recipe.as_ref().map(|recipe| recipe.command_line(&file)));
        let mut provenance = self.provenance(command.unwrap_or_default());
        if matches!(pending.content, Exported::Graph(_)) {
            provenance = self.graph_provenance(provenance.command);
        }
        let job = self.jobs.start(format!("Export {}", pending.title));
        let request =
            ExportRequest { job, content: pending.content, format: pending.format, stem, provenance, recipe };
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
            ViewKind::ReceptiveField => self.field_command(),
            ViewKind::Connectivity => self.connectivity_command(),
            ViewKind::Inhibition => self.inhibition_command(),
            ViewKind::UpdateAgreement => self.agreement_command(),
            ViewKind::FirstMetric
            | ViewKind::SecondMetric
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

    /// Adds what was written to the library; `summary` is what came out, in a sentence.
    pub(super) fn exported(&mut self, files: Vec<PathBuf>, command: String, summary: Option<String>) {
        let Some(first) = files.first() else { return };
        let name = first.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let folder = first.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        self.messages.say(format!("Exported {name}, {} files in {folder}", files.len()));
        let content = Content::Figure(Arc::new(FigureInfo { files, command, summary }));
        self.with_document(|document| {
            document.add(&name, content);
        });
    }

    pub(super) fn copy_as_command(&mut self, ctx: &Context, view: ViewKind) {
        let command = self.command_of_view(view).or_else(|| {
            let recording = self.document.current_recording()?;
            let recipe = self.recipe(recording)?;
            let model = self.document.model_info(recording.model)?;
            Some(with_making(model, runnable(&recipe)))
        });
        match command {
            Some(command) => {
                ctx.copy_text(command);
                self.messages.say("Copied the command that makes this without a window");
            }
            None => {
                self.messages.error("Nothing was copied", "There is no recording yet; run the model first.")
            }
        }
    }

    /// What makes a recording again without a window.
    pub(super) fn recipe(&self, info: &RecordingInfo) -> Option<RunRecipe> {
        let model = self.document.model_info(info.model)?;
        let stimulus = self.document.stimulus_info(info.stimulus)?;
        let about = &model.about;
        let path = model_file(model);
        let given = about.config.iter().filter(|(_, entry)| entry.source == Source::Given);
        Some(RunRecipe {
            // A trial depends on its number alone; the last of these is the one that was shown.
            n: stimulus.trial + 1,
            steps: info.spec.timesteps,
            warm_up: info.spec.warm_up,
            numerics: info.spec.numerics,
            record: vec!["all".to_owned()],
            every: info.spec.every,
            seed: stimulus.seed,
            set: given.map(|(key, entry)| (key.to_owned(), entry.value.clone())).collect(),
            stimulus: Some(stimulus.spec.clone()),
            controls: info
                .spec
                .controls
                .iter()
                .map(|(key, &value)| (key.clone(), Setting::Number(value)))
                .collect(),
            interventions: info.spec.interventions.iter().filter(|i| i.enabled).cloned().collect(),
            out: Some(PathBuf::from("out")),
            ..RunRecipe::new(path)
        })
    }

    /// What draws the graph of the model in use; a network that was built here is made first.
    fn connectivity_command(&self) -> Option<String> {
        let model = self.document.current_model()?;
        let about = &model.about;
        let flags = self.parts.views.connectivity_flags(&self.view(None));
        let given = about.config.iter().filter(|(_, entry)| entry.source == Source::Given);
        let set: String = given
            .map(|(key, entry)| {
                let value = entry.value.as_str().map_or_else(|| entry.value.to_string(), str::to_owned);
                format!(" --set {}", quoted(&format!("{key}={value}")))
            })
            .collect();
        let file = model_file(model);
        let draw =
            format!("gainfield connectivity {}{flags}{set} --out out", quoted(&file.to_string_lossy()));
        Some(with_making(model, draw))
    }

    /// Where the graph of the model in use comes from.
    fn graph_provenance(&self, command: String) -> Provenance {
        let mut provenance = Provenance::new(command);
        if let Some(model) = self.document.current_model() {
            let about = &model.about;
            provenance.config = about.config.values();
            let sha256 = about.origin.sha256.clone();
            provenance.checkpoint = sha256.map(|sha256| DataFile { name: about.origin.name.clone(), sha256 });
        }
        provenance
    }

    fn provenance(&self, command: String) -> Provenance {
        let mut provenance = Provenance::new(command);
        let Some(info) = self.document.current_recording() else { return provenance };
        provenance.seed = Some(info.spec.seed);
        provenance.config = serde_json::json!({
            "stimulus": self.document.stimulus_info(info.stimulus).map(|stimulus| stimulus.as_ref().clone()),
            "run": info.spec,
            "model": self.document.model_info(info.model).map(|model| model.about.config.clone()),
            "off_protocol": self.shown_run().map(|run| run.notes.departures.clone()),
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
}

/// The file of a model; of one that was built here, the file that its command writes.
fn model_file(model: &ModelInfo) -> PathBuf {
    let origin = &model.about.origin;
    match (&origin.path, &model.made_by) {
        (Some(path), _) => path.clone(),
        (None, Some(_)) => PathBuf::from(format!("{}.safetensors", origin.name)),
        (None, None) => PathBuf::from(&origin.name),
    }
}

/// `command`, after the one that makes the model where no file has it yet.
fn with_making(model: &ModelInfo, command: String) -> String {
    match (&model.about.origin.path, &model.made_by) {
        (None, Some(making)) => format!("{making}\n{command}"),
        _ => command,
    }
}

/// Lines for a shell: the command, and before it the recipe that it refers to, if it does.
fn runnable(recipe: &RunRecipe) -> String {
    let file = PathBuf::from("run.toml");
    let command = recipe.command_line(&file);
    if !command.contains("--recipe") {
        return command;
    }
    match to_toml(recipe) {
        Ok(text) => format!("cat > {} <<'END'\n{text}END\n{command}", file.display()),
        Err(_) => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gainfield::dynamics::{Action, Intervention, Units};

    #[test]
    fn a_command_with_interventions_brings_its_recipe() {
        let mut recipe = RunRecipe::new("net.pt");
        assert!(runnable(&recipe).starts_with("gainfield run net.pt"));
        recipe.interventions.push(Intervention::new("conv1", Units::channel(2), Action::Silence, 3, None));
        let text = runnable(&recipe);
        assert!(
            text.starts_with("cat > run.toml <<'END'\n") && text.ends_with("gainfield run --recipe run.toml")
        );
    }
}
