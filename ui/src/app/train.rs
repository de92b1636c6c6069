//! Commands of training: starting runs beside the window, and opening what they have come to.

use std::path::PathBuf;
use std::sync::Arc;

use egui::Context;
use gainfield::model::Model;

use super::Workbench;
use crate::command::{Command, Layout};
use crate::item::{Content, FilmInfo, Group, ItemId, ModelInfo, TrainingInfo};
use crate::training::OpenedRun;

/// Below the working folder, as on the command line.
pub(super) const RUNS: &str = "runs";

impl Workbench {
    /// Applies a command of training; the others are left alone.
    pub(super) fn train(&mut self, ctx: &Context, command: Command) {
        match command {
            Command::StartTraining => self.start_training(ctx),
            // Why it cannot begin is said when it is started.
            Command::TimeTraining => {
                if let Ok(recipe) = self.document.next_run() {
                    self.training.time(recipe);
                }
            }
            Command::Training(id, command) => self.training.command(id, command),
            Command::OtherSamples(id) => self.training.other_samples(id),
            Command::OpenSnapshot(id) => self.open_snapshot(id),
            Command::GoOn(id) => {
                if let Err(why) = self.training.go_on(id, ctx) {
                    self.messages.error("The run was not resumed", why);
                }
            }
            Command::Overlay(id, is_shown) => self.training.overlay(id, is_shown),
            Command::SetCurves(style) => self.training.set_style(style),
            Command::OpenFilm { run, name } => self.open_film(run, &name),
            Command::ShowFrame { item, update } => self.probing.choose_frame(item, update),
            _ => {}
        }
    }

    fn start_training(&mut self, ctx: &Context) {
        let recipe = match self.document.next_run() {
            Ok(recipe) => recipe,
            Err(err) => {
                self.messages.error("The run was not started", err.to_string());
                return;
            }
        };
        let (name, out) = self.free_run(recipe.variant());
        let info = TrainingInfo { recipe: recipe.command(&out), out: out.clone() };
        let document = Arc::make_mut(&mut self.document);
        let id = document.add(&name, Content::Training(Arc::new(info)));
        document.training = Some(id);
        document.selected = Some(id);
        match self.training.start(id, &name, recipe, &out, ctx) {
            Ok(()) => self.messages.say(format!("{name} writes to {}", out.display())),
            Err(why) => self.messages.error("The run was not started", why),
        }
    }

    /// The next free name, `digits-01` and so on, and its folder.
    fn free_run(&self, kind: &str) -> (String, PathBuf) {
        let known: Vec<&str> =
            self.document.group(Group::TrainingRuns).map(|item| item.name.as_str()).collect();
        let mut number = 1;
        loop {
            let name = format!("{kind}-{number:02}");
            let out = self.runs_folder.join(&name);
            if !known.contains(&name.as_str()) && !out.exists() {
                return (name, out);
            }
            number += 1;
        }
    }

    /// Shows the run of a folder, with what it has written so far.
    pub(super) fn add_run(&mut self, ctx: &Context, opened: OpenedRun) {
        let info = TrainingInfo { recipe: opened.recipe.command(&opened.out), out: opened.out.clone() };
        let name = opened.out.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_else(|| opened.recipe.variant().to_owned());
        let document = Arc::make_mut(&mut self.document);
        let id = document.add(&name, Content::Training(Arc::new(info)));
        document.training = Some(id);
        document.selected = Some(id);
        self.settings.layout = Layout::Train;
        tracing::info!("opened run {name}");
        self.messages.say(format!("{name} is followed"));
        self.training.add(id, &name, opened, ctx);
    }

    fn open_snapshot(&mut self, id: ItemId) {
        match self.training.snapshot_model(id) {
            Ok((name, model)) => {
                self.add_snapshot(&name, model);
                self.settings.layout = Layout::Step;
                tracing::info!("opened snapshot {name}");
                self.messages.say(format!("Opened {name}"));
                self.send(Command::Run);
            }
            Err(why) => self.messages.error("The snapshot was not opened", why),
        }
    }

    /// Makes a snapshot the model in use.
    fn add_snapshot(&mut self, name: &str, model: Model) {
        let info = Arc::new(ModelInfo::of(&model));
        self.store.set_model(info.identity, model);
        self.add_model(name, &info, None);
    }

    /// Adds a snapshot beside the model in use, whose recording stays in view; it is used if there is none.
    fn keep_snapshot(&mut self, name: &str, model: Model) -> ItemId {
        let info = Arc::new(ModelInfo::of(&model));
        self.store.set_model(info.identity, model);
        match self.document.model {
            Some(_) => Arc::make_mut(&mut self.document).add(name, Content::Model(info)),
            None => self.add_model(name, &info, None),
        }
    }

    /// Adds the probes that a run has made of itself, with the network as it is now as their model.
    fn open_film(&mut self, run: ItemId, name: &str) {
        let opened = self.training.snapshot_model(run).and_then(|(snapshot, model)| {
            let of = self.training.get(run).map(|run| run.recipe.film_of(&model));
            let recipe = of.transpose().map_err(|err| err.to_string())?.flatten();
            Ok((snapshot, model, recipe.ok_or("The run makes no probes of itself.")?))
        });
        match opened {
            Ok((snapshot, model, recipe)) => {
                let model = self.keep_snapshot(&snapshot, model);
                let of = self.training.get(run).map_or("", |run| run.name.as_str());
                let title = format!("{} of {of}", recipe.feature.label());
                let film = Some(FilmInfo { run, name: name.to_owned() });
                self.add_probe_of(model, &title, recipe, film);
            }
            Err(why) => self.messages.error("The film was not opened", why),
        }
    }
}
