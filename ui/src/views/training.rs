//! Training curves: one metric per plot, and held-out accuracy, named as the run's procedure says.

use egui::{Align2, Ui, pos2, vec2};
use gainfield::figure::{Content, Figure, Plot};
use gainfield::train::Measures;

use super::{body, toolbar};
use crate::command::Command;
use crate::figure_ui::{Gutter, Names, PlotUi};
use crate::theme::{Text, tokens};
use crate::training::{Curves, RunState, Style, TrainingRun};
use crate::view::{Out, View};
use crate::widgets::{EmptyState, combo, empty_state, toggle};

/// Shares of the past that can be chosen.
const SMOOTHINGS: [(f64, &str); 4] =
    [(0.0, "Not smoothed"), (0.5, "Smoothed 0.5"), (0.9, "Smoothed 0.9"), (0.99, "Smoothed 0.99")];

/// Which curve a view shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// A metric of the updates, by the place of the view.
    Metric(usize),
    Accuracy,
}

/// State of the curves that only the screen knows.
#[derive(Default)]
pub struct TrainingCurves {
    row: usize,
    /// Names of the metrics chosen, by the place of the view.
    chosen: [Option<String>; 2],
}

impl TrainingCurves {
    pub fn show(&mut self, curve: Curve, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        let Some((_, run, curves)) = shown(view) else {
            let (title, sentence) = match curve {
                Curve::Metric(0) => {
                    ("No updates yet", "The loss of a training run is drawn here, update by update.")
                }
                Curve::Metric(_) => ("No updates yet", "A second number of every update has its place here."),
                Curve::Accuracy => ("No validation yet", "Accuracy on held-out stimuli is drawn here."),
            };
            no_run(ui, title, sentence);
            return;
        };
        match curve {
            Curve::Metric(place) => self.tools_of_metric(place, ui, view, curves, out),
            Curve::Accuracy => self.tools_of_accuracy(ui, run, curves),
        }
        let Some((plot, headline)) = self.of(curve, curves).and_then(parts) else {
            waiting(ui, run, curve);
            return;
        };
        let title = self.title(curve, &curves.measures);
        let t = tokens(ui);
        let mut rect = body(ui);
        if let Some((_, interval)) = headline.split_once(" [") {
            let words = format!("95 % [{interval} held-out stimuli");
            let at = pos2(rect.right(), rect.top() + 5.0);
            ui.painter().text(at, Align2::RIGHT_CENTER, words, Text::Caption.font(), t.text3);
            rect = rect.with_min_y(rect.top() + 13.0);
        }
        let size = vec2(rect.width(), rect.height());
        ui.scope_builder(egui::UiBuilder::new().max_rect(rect), |ui| {
            let right = if curve == Curve::Accuracy { 88.0 } else { 14.0 };
            let gutter = Gutter { left: 54.0, right, top: 10.0, bottom: 40.0 };
            let drawn = PlotUi::new(plot, &title)
                .names(if curve == Curve::Accuracy { Names::AtEnd } else { Names::Hidden })
                .gutter(gutter)
                .zoomable()
                .show(ui, size);
            if let Some(x) = drawn.pointer_x() {
                out.say(format!("{title}  {}, update {:.0}", run.name, x.max(0.0)));
            }
        });
    }

    fn tools_of_metric(
        &mut self,
        place: usize,
        ui: &mut Ui,
        view: &View<'_>,
        curves: &Curves,
        out: &mut Out<'_>,
    ) {
        let t = tokens(ui);
        let metrics = &curves.measures.metrics;
        let figure = self.of(Curve::Metric(place), curves);
        let headline = figure.and_then(parts).map_or("", |(_, headline)| headline).to_owned();
        let caption = figure.map_or_else(String::new, |figure| figure.caption.clone());
        let at = self.place_of(place, &curves.measures);
        let mut chosen = None;
        let style = view.training.style();
        toolbar(
            ui,
            |ui| {
                if metrics.len() > 1 {
                    let labels: Vec<&str> = metrics.iter().map(|metric| metric.label.as_str()).collect();
                    let group = if place == 0 { "First metric" } else { "Second metric" };
                    chosen = combo(ui, group, &labels, at.unwrap_or(0), 128.0);
                }
                if place == 0 {
                    let labels = SMOOTHINGS.map(|(_, label)| label);
                    let now = SMOOTHINGS.iter().position(|(share, _)| *share == style.smoothing);
                    if let Some(at) = combo(ui, "Smoothing", &labels, now.unwrap_or(2), 112.0) {
                        let style = Style { smoothing: SMOOTHINGS[at].0, ..style };
                        out.push(Command::SetCurves(style));
                    }
                } else if curves.inks.len() > 1 {
                    let response = toggle(ui, style.joins_seeds, "Mean ± s.d. over seeds");
                    ui.label(Text::Small.rich("± over seeds", t.text2));
                    if response.clicked() {
                        out.push(Command::SetCurves(Style { joins_seeds: !style.joins_seeds, ..style }));
                    }
                }
            },
            |ui| {
                ui.label(Text::SmallStrong.rich(&headline, t.category(0))).on_hover_text(&caption);
            },
        );
        if let Some(at) = chosen {
            self.chosen[place] = Some(metrics[at].name.clone());
        }
    }

    fn tools_of_accuracy(&mut self, ui: &mut Ui, run: &TrainingRun, curves: &Curves) {
        let t = tokens(ui);
        let figure = self.of(Curve::Accuracy, curves);
        let headline = figure.and_then(parts).map_or("", |(_, headline)| headline);
        let value = headline.split(" [").next().unwrap_or(headline).to_owned();
        let caption = figure.map_or_else(String::new, |figure| figure.caption.clone());
        let rows = &curves.measures.rows;
        let n_rows = rows.len().min(curves.accuracy.len());
        let mut row = None;
        toolbar(
            ui,
            |ui| {
                if n_rows > 1 {
                    let labels: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
                    row = combo(ui, "Accuracy of", &labels[..n_rows], self.row.min(n_rows - 1), 150.0);
                } else {
                    let n = run.history.evaluations.last().map(|evaluation| evaluation.n_stimuli);
                    let words = n.map_or_else(String::new, |n| format!("{n} held-out stimuli"));
                    ui.label(Text::Small.rich(words, t.text2));
                }
            },
            |ui| {
                ui.label(Text::SmallStrong.rich(value, t.category(0))).on_hover_text(&caption);
            },
        );
        if let Some(row) = row {
            self.row = row;
        }
    }

    pub fn figure(&self, curve: Curve, view: &View<'_>) -> gainfield::Result<Figure> {
        let figure = shown(view).and_then(|(_, _, curves)| self.of(curve, curves));
        figure.cloned().ok_or_else(|| super::nothing_to_draw("training curve"))
    }

    /// What the curve of the run in view is called.
    pub fn title(&self, curve: Curve, measures: &Measures) -> String {
        match curve {
            Curve::Metric(place) => match self.place_of(place, measures) {
                Some(at) => measures.metrics[at].label.clone(),
                None if place == 0 => "Loss".to_owned(),
                None => "Second curve".to_owned(),
            },
            Curve::Accuracy if measures.columns.is_empty() => "Accuracy".to_owned(),
            Curve::Accuracy => format!("Accuracy by {}", measures.columns),
        }
    }

    /// As [`TrainingCurves::title`], of the run in view.
    pub fn title_in(&self, curve: Curve, view: &View<'_>) -> String {
        let run = view.document.training.and_then(|id| view.training.get(id));
        run.map_or_else(|| self.title(curve, &Measures::default()), |run| self.title(curve, &run.measures))
    }

    /// Position of the metric that a view shows.
    fn place_of(&self, place: usize, measures: &Measures) -> Option<usize> {
        let chosen = self.chosen[place].as_ref();
        let named = chosen.and_then(|name| measures.metrics.iter().position(|one| one.name == *name));
        named.or((place < measures.metrics.len()).then_some(place))
    }

    fn of<'a>(&self, curve: Curve, curves: &'a Curves) -> Option<&'a Figure> {
        match curve {
            Curve::Metric(place) => {
                curves.metrics.get(self.place_of(place, &curves.measures)?).and_then(Option::as_ref)
            }
            Curve::Accuracy => {
                let row = self.row.min(curves.accuracy.len().saturating_sub(1));
                curves.accuracy.get(row).and_then(Option::as_ref)
            }
        }
    }
}

/// The line that a run has in the curves in view; none where it is not drawn there.
pub fn run_sample(ui: &Ui, view: &View<'_>, id: crate::item::ItemId, at: egui::Pos2) {
    let t = tokens(ui);
    let curves = view.document.training.and_then(|own| view.training.curves(own));
    let Some(&index) = curves.and_then(|curves| curves.inks.get(&id)) else { return };
    let ink = gainfield::figure::Ink::Category(index);
    let line = [at, at + vec2(15.0, 0.0)];
    let stroke = egui::Stroke::new(1.8, t.category(index));
    crate::figure_ui::paint_line(ui.painter(), &line, stroke, ink.dash().pattern());
}

/// The run in view with its figures.
pub(super) fn shown<'a>(view: &View<'a>) -> Option<(crate::item::ItemId, &'a TrainingRun, &'a Curves)> {
    static NONE: std::sync::LazyLock<Curves> = std::sync::LazyLock::new(Curves::default);
    let id = view.document.training?;
    Some((id, view.training.get(id)?, view.training.curves(id).unwrap_or(&NONE)))
}

fn parts(figure: &Figure) -> Option<(&Plot, &str)> {
    let (_, panel) = figure.panels.first()?;
    match &panel.content {
        Content::Plot(plot) => Some((plot, panel.headline.as_deref().unwrap_or_default())),
        Content::Maps(_) => None,
    }
}

/// What a view of a run says before there is one.
pub(super) fn no_run(ui: &mut Ui, title: &str, sentence: &str) {
    let state = EmptyState { title, sentence, primary: None, quiet: None };
    empty_state(ui, &state);
}

/// What a view says until its first numbers are there.
fn waiting(ui: &Ui, run: &TrainingRun, curve: Curve) {
    let t = tokens(ui);
    let is_idle = !run.state.is_live() && run.state != RunState::Elsewhere;
    let words = match (&run.state, curve) {
        (RunState::Failed(why), _) => why.clone(),
        (RunState::Reading, _) => "The run's folder is being read.".to_owned(),
        (_, Curve::Accuracy) if is_idle => "No validation was made.".to_owned(),
        (_, Curve::Metric(_)) if is_idle || run.update() > 0 => "No update has reported it.".to_owned(),
        (_, Curve::Accuracy) => "The first validation is under way.".to_owned(),
        (_, Curve::Metric(_)) => "The first update is under way.".to_owned(),
    };
    let area = ui.available_rect_before_wrap().shrink(16.0);
    let galley = ui.painter().layout(words, Text::Small.font(), t.text2, area.width());
    ui.painter().galley(area.center() - galley.size() / 2.0, galley, t.text2);
}
