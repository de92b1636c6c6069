//! The views: one file each, with the state that only the screen knows.

mod area_maps;
mod connectivity;
mod gain;
mod job;
mod log;
mod map_grid;
mod probing;
mod readout;
mod samples;
mod stimulus_attention;
mod training;
mod unit_traces;

use egui::{Rect, Ui, pos2, vec2};
use gainfield::figure::Figure;

use crate::command::Command;
use crate::dock::ViewKind;
use crate::icons;
use crate::theme::metrics;
use crate::view::{Out, View};
use crate::widgets::{EmptyAction, EmptyState, empty_state};
use crate::worker::Exported;

pub(crate) use area_maps::pin_text;
pub use log::show as log;
use probing::Which;
pub use probing::progress as probe_progress;
use training::Curve;
pub use training::run_sample;

/// State of every view that outlives a frame.
#[derive(Default)]
pub struct Views {
    stimulus: stimulus_attention::StimulusAttention,
    maps: area_maps::AreaMaps,
    connectivity: connectivity::Connectivity,
    traces: unit_traces::UnitTraces,
    readout: readout::Readout,
    training: training::TrainingCurves,
    probe: probing::ProbeViews,
}

impl Views {
    /// Draws the view of this kind.
    pub fn show(&mut self, kind: ViewKind, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        match kind {
            ViewKind::StimulusAttention => self.stimulus.show(ui, view, out),
            ViewKind::AreaMaps => self.maps.show(ui, view, out),
            ViewKind::Connectivity => self.connectivity.show(ui, view, out),
            ViewKind::UnitTraces => self.traces.show(ui, view, out),
            ViewKind::Readout => self.readout.show(ui, view, out),
            ViewKind::Tuning => self.probe.tuning(ui, view, out),
            ViewKind::Units => self.probe.units(ui, view, out),
            ViewKind::Scaling => self.probe.scaling(ui, view, out),
            ViewKind::Population => self.probe.population(ui, view, out),
            ViewKind::ReceptiveField => self.probe.field(ui, view, out),
            ViewKind::Inhibition => self.probe.inhibition(ui, view, out),
            ViewKind::UpdateAgreement => self.probe.update(ui, view, out),
            ViewKind::FirstMetric => self.training.show(Curve::Metric(0), ui, view, out),
            ViewKind::SecondMetric => self.training.show(Curve::Metric(1), ui, view, out),
            ViewKind::Accuracy => self.training.show(Curve::Accuracy, ui, view, out),
            ViewKind::Samples => samples::show(ui, view, out),
            ViewKind::Job => job::show(ui, view, out),
            ViewKind::Log => log(ui, view),
        }
    }

    /// What the view of this kind is called now.
    pub fn title(&self, kind: ViewKind, view: &View<'_>) -> String {
        match kind {
            ViewKind::FirstMetric => self.training.title_in(Curve::Metric(0), view),
            ViewKind::SecondMetric => self.training.title_in(Curve::Metric(1), view),
            ViewKind::Accuracy => self.training.title_in(Curve::Accuracy, view),
            other => other.title().to_owned(),
        }
    }

    /// What the view of this kind shows, for files.
    ///
    /// # Errors
    /// A sentence saying why there is nothing.
    pub fn exported(&self, kind: ViewKind, view: &View<'_>) -> Result<Exported, String> {
        match kind {
            ViewKind::Connectivity => {
                let drawing = self.connectivity.drawing(view).map_err(|err| err.to_string())?;
                Ok(Exported::Graph(Box::new(drawing)))
            }
            _ => self.figure(kind, view).map(|figure| Exported::Figure(Box::new(figure))),
        }
    }

    /// The flags of `gainfield connectivity` that draw what is shown.
    pub fn connectivity_flags(&self, view: &View<'_>) -> String {
        self.connectivity.flags(view)
    }

    /// What the view of this kind shows, as a figure for paper.
    ///
    /// # Errors
    /// A sentence saying why there is none.
    pub fn figure(&self, kind: ViewKind, view: &View<'_>) -> Result<Figure, String> {
        let figure = match kind {
            ViewKind::StimulusAttention => self.stimulus.figure(view),
            ViewKind::AreaMaps => self.maps.figure(view),
            ViewKind::UnitTraces => self.traces.figure(view),
            ViewKind::Readout => self.readout.figure(view),
            ViewKind::Tuning => self.probe.figure(Which::Tuning, view),
            ViewKind::Units => self.probe.figure(Which::Units, view),
            ViewKind::Scaling => self.probe.figure(Which::Scaling, view),
            ViewKind::Population => self.probe.figure(Which::Population, view),
            ViewKind::ReceptiveField => self.probe.figure(Which::Field, view),
            ViewKind::Inhibition => self.probe.figure(Which::Inhibition, view),
            ViewKind::UpdateAgreement => self.probe.figure(Which::Update, view),
            ViewKind::FirstMetric => self.training.figure(Curve::Metric(0), view),
            ViewKind::SecondMetric => self.training.figure(Curve::Metric(1), view),
            ViewKind::Accuracy => self.training.figure(Curve::Accuracy, view),
            ViewKind::Samples => samples::figure(view),
            ViewKind::Connectivity => return Err("A graph is exported as a drawing of its own".to_owned()),
            ViewKind::Log | ViewKind::Job => return Err("Words are no figure".to_owned()),
        };
        figure.map_err(|err| err.to_string())
    }
}

impl Views {
    /// All panels of the shown probe in one figure.
    ///
    /// # Errors
    /// A sentence saying why there is none.
    pub fn summary(&self, view: &View<'_>) -> Result<Figure, String> {
        self.probe.summary(view).map_err(|err| err.to_string())
    }
}

/// The error of a view without anything to draw.
pub(crate) fn nothing_to_draw(what: &str) -> gainfield::Error {
    gainfield::Error::Unsupported(format!("there is no {what} to draw yet; run the model first"))
}

/// A strip for the controls of a view, above what it shows.
pub(crate) fn toolbar(ui: &mut Ui, left: impl FnOnce(&mut Ui), right: impl FnOnce(&mut Ui)) {
    let area = ui.available_rect_before_wrap();
    let bar = Rect::from_min_size(area.min, vec2(area.width(), metrics::TOOLBAR));
    let inner = bar.shrink2(vec2(10.0, 0.0));
    let builder = |salt: &str, layout| egui::UiBuilder::new().max_rect(inner).id_salt(salt).layout(layout);
    ui.scope_builder(builder("tools right", egui::Layout::right_to_left(egui::Align::Center)), right);
    ui.scope_builder(builder("tools left", egui::Layout::left_to_right(egui::Align::Center)), left);
    ui.advance_cursor_after_rect(bar.with_max_y(bar.bottom() - ui.spacing().item_spacing.y));
}

/// What remains of a view below its toolbar, inset.
pub(crate) fn body(ui: &Ui) -> Rect {
    let area = ui.available_rect_before_wrap();
    Rect::from_min_max(pos2(area.left() + 10.0, area.top()), pos2(area.right() - 10.0, area.bottom() - 8.0))
}

/// The empty state of every view of a recording.
pub(crate) fn no_recording(ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
    let key = view.document.recording.and_then(|id| view.document.run_key(id));
    if let Some(why) = key.and_then(|key| view.store.failure(key)) {
        let state = EmptyState { title: "The run stopped", sentence: why, primary: None, quiet: None };
        empty_state(ui, &state);
        return;
    }
    let ready = view.document.model.is_some() && view.document.stimulus.is_some();
    let state = EmptyState {
        title: "No recording yet",
        sentence: if ready {
            "Run the model on the stimulus to see its activity unfold."
        } else {
            "Open a checkpoint; its network runs at once."
        },
        primary: Some(if ready { ("Run", icons::PLAY) } else { ("Open…", icons::ADD) }),
        quiet: None,
    };
    if empty_state(ui, &state) == Some(EmptyAction::Primary) {
        out.push(if ready { Command::Run } else { Command::OpenFiles });
    }
}
