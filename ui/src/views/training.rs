//! Training curves: one loss term per plot, and held-out accuracy by pass.

use egui::{Align2, Ui, pos2, vec2};
use gainfield::figure::{Content, Figure, Plot};

use super::{body, toolbar};
use crate::command::Command;
use crate::figure_ui::{Gutter, Names, PlotUi};
use crate::icons;
use crate::theme::{Text, tokens};
use crate::training::{Curves, TrainingRun};
use crate::view::{Out, View};
use crate::widgets::{EmptyAction, EmptyState, empty_state, segmented};

/// Which curve a view shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    ClassLoss,
    MaskLoss,
    Accuracy,
}

/// State of the curves that only the screen knows.
#[derive(Default)]
pub struct TrainingCurves {
    phase: usize,
}

impl TrainingCurves {
    pub fn show(&mut self, curve: Curve, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        let Some((_, run, curves)) = shown(view) else {
            no_run(ui, out);
            return;
        };
        let Some(figure) = self.of(curve, curves) else {
            waiting(ui, run, curve);
            return;
        };
        let Some((plot, headline)) = parts(figure) else { return };
        let t = tokens(ui);
        let note = match curve {
            Curve::ClassLoss | Curve::MaskLoss => "smoothed 0.9, raw faint".to_owned(),
            Curve::Accuracy => {
                let n = run.history.evaluations.last().map_or(0, |evaluation| evaluation.n_stimuli);
                format!("{n} held-out stimuli")
            }
        };
        let n_phases = curves.accuracy.len();
        let mut phase = None;
        toolbar(
            ui,
            |ui| {
                if curve == Curve::Accuracy && n_phases > 1 {
                    let names: Vec<String> = (1..=n_phases).map(|phase| format!("Phase {phase}")).collect();
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    phase = segmented(ui, "Phase", &names, self.phase.min(n_phases - 1), true);
                } else {
                    ui.label(Text::Small.rich(&note, t.text2)).on_hover_text(&figure.caption);
                }
            },
            |ui| {
                let value = headline.split(" [").next().unwrap_or(headline);
                ui.label(Text::SmallStrong.rich(value, t.category(0))).on_hover_text(&figure.caption);
            },
        );
        let mut rect = body(ui);
        if let Some((_, interval)) = headline.split_once(" [") {
            let words = format!("95 % [{interval} held-out stimuli");
            let at = pos2(rect.right(), rect.top() + 2.0);
            ui.painter().text(at, Align2::RIGHT_CENTER, words, Text::Caption.font(), t.text3);
            rect = rect.with_min_y(rect.top() + 10.0);
        }
        let size = vec2(rect.width(), rect.height());
        ui.scope_builder(egui::UiBuilder::new().max_rect(rect), |ui| {
            let right = if curve == Curve::Accuracy { 88.0 } else { 14.0 };
            let gutter = Gutter { left: 54.0, right, top: 10.0, bottom: 40.0 };
            let drawn = PlotUi::new(plot, title(curve))
                .names(if curve == Curve::Accuracy { Names::AtEnd } else { Names::Hidden })
                .gutter(gutter)
                .zoomable()
                .show(ui, size);
            if let Some(x) = drawn.pointer_x() {
                out.say(format!("{}  {}, update {:.0}", title(curve), run.name, x.max(0.0)));
            }
        });
        if let Some(chosen) = phase {
            self.phase = chosen;
        }
    }

    pub fn figure(&self, curve: Curve, view: &View<'_>) -> gainfield::Result<Figure> {
        let figure = shown(view).and_then(|(_, _, curves)| self.of(curve, curves));
        figure.cloned().ok_or_else(|| super::nothing_to_draw("training curve"))
    }

    fn of<'a>(&self, curve: Curve, curves: &'a Curves) -> Option<&'a Figure> {
        match curve {
            Curve::ClassLoss => curves.class_loss.as_ref(),
            Curve::MaskLoss => curves.mask_loss.as_ref(),
            Curve::Accuracy => curves.accuracy.get(self.phase.min(curves.accuracy.len().saturating_sub(1))),
        }
    }
}

fn title(curve: Curve) -> &'static str {
    match curve {
        Curve::ClassLoss => "Class loss",
        Curve::MaskLoss => "Mask loss",
        Curve::Accuracy => "Accuracy by pass",
    }
}

/// The run in view with its figures.
pub(super) fn shown<'a>(view: &View<'a>) -> Option<(crate::item::ItemId, &'a TrainingRun, &'a Curves)> {
    let id = view.document.training?;
    Some((id, view.training.get(id)?, view.training.curves(id)?))
}

fn parts(figure: &Figure) -> Option<(&Plot, &str)> {
    let (_, panel) = figure.panels.first()?;
    match &panel.content {
        Content::Plot(plot) => Some((plot, panel.headline.as_deref().unwrap_or_default())),
        Content::Maps(_) => None,
    }
}

/// The empty state of every view of a run.
pub(super) fn no_run(ui: &mut Ui, out: &mut Out<'_>) {
    let state = EmptyState {
        title: "No training run yet",
        sentence: "The form on the left holds the reference's settings. Start a run and keep working.",
        primary: Some(("Start run", icons::PLAY)),
        quiet: None,
    };
    if empty_state(ui, &state) == Some(EmptyAction::Primary) {
        out.push(Command::StartTraining);
    }
}

/// What a view says until its first numbers are there.
fn waiting(ui: &Ui, run: &TrainingRun, curve: Curve) {
    let t = tokens(ui);
    let words = match (&run.state, curve) {
        (crate::training::RunState::Failed(why), _) => why.clone(),
        (_, Curve::Accuracy) => "The first validation is under way.".to_owned(),
        (_, Curve::ClassLoss | Curve::MaskLoss) => "The first update is under way.".to_owned(),
    };
    let at = ui.available_rect_before_wrap().center();
    ui.painter().text(at, Align2::CENTER_CENTER, words, Text::Small.font(), t.text2);
}
