//! The job card of a training run: how far, how fast, how well, and its controls.

use std::sync::Arc;

use egui::{Align, Align2, Layout, Rect, Sense, Ui, pos2, vec2};
use gainfield::figure::number::{count, fixed, significant};
use gainfield::recipe::train::AnyRecipe;
use gainfield::train::JobCommand;

use super::training::{run_sample, shown};
use crate::command::Command;
use crate::icons;
use crate::item::ItemId;
use crate::theme::{Text, tokens};
use crate::training::{RunState, TrainingRun, duration, same};
use crate::view::{Out, View};
use crate::widgets::{self, Button, EmptyAction, EmptyState, empty_state};

pub fn show(ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
    let Some((id, run, _)) = shown(view) else {
        let state = EmptyState {
            title: "No training run yet",
            sentence: "The form on the left holds its settings. Start one and keep working, or open the folder of another.",
            primary: Some(("Start run", icons::PLAY)),
            quiet: Some("Open folder…"),
        };
        match empty_state(ui, &state) {
            Some(EmptyAction::Primary) => out.push(Command::StartTraining),
            Some(EmptyAction::Quiet) => out.push(Command::OpenFolders),
            None => {}
        }
        return;
    };
    egui::ScrollArea::vertical().id_salt("job").auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let inner = ui.available_rect_before_wrap().shrink2(vec2(14.0, 10.0));
        ui.scope_builder(egui::UiBuilder::new().max_rect(inner), |ui| {
            head(ui, run);
            controls(ui, id, run, out);
            facts(ui, run, view);
            films(ui, id, run, out);
            others(ui, id, view, out);
        });
    });
}

fn head(ui: &mut Ui, run: &TrainingRun) {
    let t = tokens(ui);
    let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::hover());
    let y = row.center().y;
    let name =
        ui.painter().text(pos2(row.left(), y), Align2::LEFT_CENTER, &run.name, Text::Strong.font(), t.text);
    let color = match run.state {
        RunState::Running | RunState::Elsewhere | RunState::Finished | RunState::StoppedEarly => t.ok,
        RunState::Failed(_) => t.err,
        RunState::Reading
        | RunState::Starting
        | RunState::Paused
        | RunState::Stopping
        | RunState::Stopped => t.text2,
    };
    let at = Rect::from_min_max(pos2(name.right() + 8.0, row.top()), row.max);
    let layout = Layout::left_to_right(Align::Center);
    widgets::placed(ui, egui::UiBuilder::new().max_rect(at).layout(layout), |ui| {
        let icon = match run.state {
            RunState::Paused => icons::PAUSE,
            RunState::Stopping | RunState::Stopped => icons::STOP,
            RunState::Failed(_) => icons::ERROR,
            RunState::Finished | RunState::StoppedEarly => icons::OK,
            RunState::Reading | RunState::Starting | RunState::Running => icons::PLAY,
            RunState::Elsewhere => icons::LINK,
        };
        widgets::chip(ui, icon, run.state.word(), color);
    });
    // Of a run that was opened when it had ended nobody has counted.
    if run.elapsed().as_secs() > 0 || run.state.is_live() {
        let elapsed = duration(run.elapsed());
        ui.painter().text(pos2(row.right(), y), Align2::RIGHT_CENTER, elapsed, Text::Small.font(), t.text2);
    }
    ui.add_space(8.0);
    let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::hover());
    let y = row.center().y;
    let big = count(run.update() as usize);
    let big = ui.painter().text(pos2(row.left(), y), Align2::LEFT_CENTER, big, Text::Stat.font(), t.text);
    let of = format!("of {} updates", count(run.n_updates() as usize));
    ui.painter().text(pos2(big.right() + 8.0, y + 1.0), Align2::LEFT_CENTER, of, Text::Body.font(), t.text2);
    if let Some(left) = run.remaining().filter(|_| run.state.is_live() || run.state == RunState::Elsewhere) {
        let words = format!("ETA {}", duration(left));
        ui.painter().text(
            pos2(row.right(), y + 1.0),
            Align2::RIGHT_CENTER,
            words,
            Text::Body.font(),
            t.text2,
        );
    }
    ui.add_space(4.0);
    let done = run.update() as f32 / run.n_updates().max(1) as f32;
    widgets::bar(ui, "Updates done", Some(done), ui.available_width(), 6.0);
    ui.add_space(12.0);
    match &run.state {
        RunState::Failed(why) => {
            widgets::error_block(ui, why);
            ui.add_space(8.0);
        }
        RunState::StoppedEarly => {
            ui.label(Text::Small.rich(run.why_early(), t.text2));
            ui.add_space(8.0);
        }
        _ => {}
    }
}

fn controls(ui: &mut Ui, id: ItemId, run: &TrainingRun, out: &mut Out<'_>) {
    ui.horizontal(|ui| {
        if run.state.is_live() {
            let (label, icon, command) = if run.state == RunState::Paused {
                ("Resume", icons::PLAY, JobCommand::Resume)
            } else {
                ("Pause", icons::PAUSE, JobCommand::Pause)
            };
            let why = (run.state == RunState::Stopping).then_some("The run is stopping");
            if ui.add(Button::new(label).icon(icon).disabled(why)).clicked() {
                out.push(Command::Training(id, command));
            }
            let stop = Button::new("Stop, keep best").icon(icons::STOP).disabled(why);
            let help = "Stops after this update; the last and the best checkpoint stay in the run's folder";
            if ui.add(stop.tooltip(help)).clicked() {
                out.push(Command::Training(id, JobCommand::Stop));
            }
        } else {
            if run.state.can_go_on() {
                let help = "Goes on from the last checkpoint as if it had never stopped";
                let button = Button::new("Resume run").icon(icons::PLAY);
                if ui.add(button.tooltip(help)).clicked() {
                    out.push(Command::GoOn(id));
                }
            }
            if run.state == RunState::Elsewhere {
                let words = "Followed; pause or stop it where it is trained";
                ui.label(Text::Small.rich(words, tokens(ui).text2));
            } else {
                let button = Button::new("Start another run").icon(icons::PLAY);
                if ui.add(button.tooltip("With the settings of the form")).clicked() {
                    out.push(Command::StartTraining);
                }
            }
        }
        if !run.state.is_live() {
            return;
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let save = Button::new("Save").icon(icons::SAVE).small();
            if ui.add(save.tooltip("Write a checkpoint now")).clicked() {
                out.push(Command::Training(id, JobCommand::Save));
            }
        });
    });
    ui.add_space(10.0);
}

fn facts(ui: &mut Ui, run: &TrainingRun, view: &View<'_>) {
    let last = run.latest();
    let dash = || "–".to_owned();
    let throughput = run.throughput().map_or_else(dash, |rate| fixed(rate, 1));
    fact(ui, "Throughput", &throughput, "stimuli/s", "Stimuli learnt from per second, pauses left out");
    let rate = last.map_or_else(dash, |report| significant(report.learning_rate, 2));
    fact(ui, "Learning rate", &rate, "", "Step size of the optimiser at the last update");
    let norm = last.map_or_else(dash, |report| significant(report.gradient_norm, 3));
    fact(ui, "Gradient norm", &norm, "", "Of all gradients together, before clipping");
    let best = run.best();
    let value = best.map_or_else(dash, |(score, _)| fixed(score, 3));
    let at = best.map_or_else(String::new, |(_, update)| format!("at {update}"));
    fact(ui, "Best validation", &value, &at, "Highest score of a validation; it picks the best weights");
    let memory = view.memory.map_or_else(dash, |bytes| (bytes >> 20).to_string());
    fact(ui, "Memory", &memory, "MB", "Resident memory of the whole program");
    let saved = match (run.saved, &run.snapshot) {
        (Some((update, at)), _) => (format!("update {update}"), format!("{} ago", duration(at.elapsed()))),
        // Of a run of others the snapshots are its checkpoints.
        (None, Some(snapshot)) if !run.state.is_live() => {
            (format!("update {}", snapshot.update), String::new())
        }
        (None, _) => (dash(), String::new()),
    };
    fact(ui, "Last checkpoint", &saved.0, &saved.1, &run.out.display().to_string());
    if let Some(test) = run.history.evaluations.iter().rev().find(|evaluation| evaluation.split == "test") {
        let words = format!("n = {}", count(test.n_stimuli));
        fact(
            ui,
            "Test accuracy",
            &fixed(test.score, 3),
            &words,
            "Stimuli that neither trained nor picked the weights",
        );
    }
    ui.add_space(14.0);
}

fn fact(ui: &mut Ui, label: &str, value: &str, unit: &str, help: &str) {
    let t = tokens(ui);
    let (row, response) = ui.allocate_exact_size(vec2(ui.available_width(), 25.0), Sense::hover());
    let y = row.center().y;
    ui.painter().text(pos2(row.left(), y), Align2::LEFT_CENTER, label, Text::Small.font(), t.text2);
    let unit =
        ui.painter().text(pos2(row.right(), y), Align2::RIGHT_CENTER, unit, Text::Small.font(), t.text3);
    let right = if unit.width() > 0.0 { unit.left() - 5.0 } else { row.right() };
    ui.painter().text(pos2(right, y), Align2::RIGHT_CENTER, value, Text::Small.font(), t.text);
    ui.painter().hline(row.x_range(), row.bottom(), egui::Stroke::new(1.0, t.line));
    response.on_hover_text(help);
}

/// The films that a run has made of itself.
fn films(ui: &mut Ui, id: ItemId, run: &TrainingRun, out: &mut Out<'_>) {
    for film in &run.films {
        ui.horizontal(|ui| {
            let label = format!("Film of {}", film.name.replace('_', " "));
            let help = "Shows the probes of this run over its updates";
            if ui.add(Button::new(&label).icon(icons::PROBE).tooltip(help)).clicked() {
                out.push(Command::OpenFilm { run: id, name: film.name.clone() });
            }
            let last = film.frames.last().map_or(0, |(update, _)| *update);
            let words = format!("{} probes up to update {}", film.frames.len(), count(last as usize));
            ui.label(Text::Small.rich(words, tokens(ui).text2));
        });
        ui.add_space(10.0);
    }
}

/// Where the columns of the list of runs begin, or end where numbers are aligned to the right.
struct Columns {
    name: f32,
    differs: f32,
    updates: f32,
    score: f32,
}

impl Columns {
    /// Room of the two numbers and of the eye.
    const UPDATES: f32 = 52.0;
    const SCORE: f32 = 46.0;
    const EYE: f32 = 28.0;

    fn of(row: Rect) -> Self {
        let score = row.right() - Self::EYE;
        let updates = score - Self::SCORE;
        let name = row.left() + 22.0;
        let rest = updates - Self::UPDATES - name;
        Self { name, differs: name + (0.4 * rest).min(150.0), updates, score }
    }

    /// What a run differs in, on as many lines as it takes.
    fn differences(&self, ui: &Ui, words: &str, color: egui::Color32) -> Arc<egui::Galley> {
        let room = (self.updates - Self::UPDATES - self.differs - 6.0).max(1.0);
        ui.painter().layout(words.to_owned(), Text::Small.font(), color, room)
    }

    /// Name, updates and score at the height `y`.
    fn line(&self, ui: &Ui, y: f32, words: [&str; 3], color: egui::Color32) {
        let rooms = [self.differs - self.name - 10.0, Self::UPDATES, Self::SCORE - 8.0];
        let at = [self.name, self.updates, self.score];
        for (i, words) in words.into_iter().enumerate() {
            let align = if i == 0 { Align2::LEFT_CENTER } else { Align2::RIGHT_CENTER };
            let shown = widgets::truncated(ui, words, Text::Small, rooms[i]);
            ui.painter().text(pos2(at[i], y), align, shown, Text::Small.font(), color);
        }
    }
}

/// Height of a run in the list, and of what surrounds several lines.
const RUN_HEIGHT: f32 = 24.0;
const RUN_MARGIN: f32 = 10.0;

/// The runs of the session with what they differ in, in words; those of the same kind can be laid over.
fn others(ui: &mut Ui, id: ItemId, view: &View<'_>, out: &mut Out<'_>) {
    let t = tokens(ui);
    let Some(own) = view.training.get(id) else { return };
    let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), 22.0), Sense::hover());
    let at = row.left_center();
    ui.painter().text(at, Align2::LEFT_CENTER, "Against the selected run", Text::SmallStrong.font(), t.text);
    let (head, _) = ui.allocate_exact_size(vec2(ui.available_width(), RUN_HEIGHT), Sense::hover());
    let columns = Columns::of(head);
    columns.line(ui, head.center().y, ["run", "updates", "best"], t.text3);
    let at = pos2(columns.differs, head.center().y);
    ui.painter().text(at, Align2::LEFT_CENTER, "differs in", Text::Small.font(), t.text3);
    ui.painter().hline(head.x_range(), head.bottom(), egui::Stroke::new(1.0, t.line_strong));
    for (other, run) in view.training.iter() {
        let differs =
            if other == id { "(this run)".to_owned() } else { difference(&own.recipe, &run.recipe) };
        let best = run.best().map_or_else(|| "–".to_owned(), |(score, _)| fixed(score, 3));
        let color = if other == id { t.text } else { t.text2 };
        let words = columns.differences(ui, &differs, color);
        let height = RUN_HEIGHT.max(words.size().y + RUN_MARGIN);
        let (row, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
        let y = row.center().y;
        let at = pos2(columns.differs, y - words.size().y / 2.0);
        ui.painter().galley(at, words, color);
        columns.line(ui, y, [run.name.as_str(), &count(run.update() as usize), &best], color);
        ui.painter().hline(row.x_range(), row.bottom(), egui::Stroke::new(1.0, t.line));
        run_sample(ui, view, other, pos2(row.left(), y));
        response.on_hover_text(format!("{}: {differs}. Best validation {best}", run.name));
        if other != id && own.recipe.name() == run.recipe.name() {
            let icon = if run.is_overlaid { icons::SHOW } else { icons::HIDE };
            let label = format!("Lay {} over", run.name);
            let at = Rect::from_center_size(row.right_center() - vec2(11.0, 0.0), vec2(22.0, 22.0));
            let clicked = widgets::placed(ui, egui::UiBuilder::new().max_rect(at), |ui| {
                widgets::icon_button(ui, icon, &label, None, vec2(22.0, 22.0)).clicked()
            });
            if clicked {
                out.push(Command::Overlay(other, !run.is_overlaid));
            }
        }
    }
}

/// `penalty 250, lr 3e-4`: the settings of `other` that are not those of `own`.
fn difference(own: &AnyRecipe, other: &AnyRecipe) -> String {
    if own.name() != other.name() {
        return other.name();
    }
    let (own, other) = (own.values(), other.values());
    let values = other.as_object().into_iter().flatten();
    let differing = values.filter(|(key, value)| !same(&own[key.as_str()], value));
    let words: Vec<String> = differing.map(|(key, value)| format!("{key} {value}")).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}
