//! Inhibition of return: gates on the attended object and elsewhere, and what every phase inhibits.

use std::sync::Arc;

use egui::{Rect, Ui, pos2};
use gainfield::figure::number::{count, fixed, significant};
use gainfield::figure::{Figure, Width};
use gainfield::probe::{InhibitionResult, gating_panel, inhibition_figure, phase_panel};

use super::{plot_of, waiting};
use crate::command::Command;
use crate::figure_ui::{Gutter, Names, PlotUi};
use crate::icons;
use crate::theme::{Text, tokens};
use crate::view::{Out, View};
use crate::views::{body, nothing_to_draw, toolbar};
use crate::widgets::{Button, EmptyAction, EmptyState, empty_state};

/// Both panels as last built, and the result they were built from.
#[derive(Default)]
pub(super) struct Inhibition(Option<(usize, [Figure; 2])>);

impl Inhibition {
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        let Some(info) = view.document.current_model() else {
            let state = EmptyState {
                title: "No model",
                sentence: "Open a checkpoint of object attention to measure how it moves on.",
                primary: Some(("Open…", icons::ADD)),
                quiet: None,
            };
            if empty_state(ui, &state) == Some(EmptyAction::Primary) {
                out.push(Command::OpenFiles);
            }
            return;
        };
        let has_inhibition = info.areas.iter().any(|area| area.name.starts_with("ior."));
        let measured = view.probing.inhibition(info.identity);
        let data = measured.and_then(|measured| measured.data.as_ref());
        let Some(data) = data else {
            match measured {
                Some(measured) => waiting(ui, "Attending", &measured.state),
                None => {
                    let state = EmptyState {
                        title: "Inhibition of return",
                        sentence: if has_inhibition {
                            "Attend the objects of 256 composed stimuli one after the other."
                        } else {
                            "This model carries no inhibition from phase to phase."
                        },
                        primary: has_inhibition.then_some(("Measure", icons::PROBE)),
                        quiet: None,
                    };
                    if empty_state(ui, &state) == Some(EmptyAction::Primary) {
                        out.push(Command::MeasureInhibition);
                    }
                }
            }
            return;
        };
        self.draw(ui, data, out);
    }

    fn draw(&mut self, ui: &mut Ui, data: &Arc<InhibitionResult>, out: &mut Out<'_>) {
        let t = tokens(ui);
        let source = Arc::as_ptr(data) as usize;
        if self.0.as_ref().is_none_or(|(known, _)| *known != source) {
            let single = |panel: gainfield::Result<_>| Figure::single(Width::OneColumn, panel?);
            let built = (single(gating_panel(data)), single(phase_panel(data)));
            self.0 = match built {
                (Ok(gates), Ok(phases)) => Some((source, [gates, phases])),
                _ => None,
            };
        }
        let Some((_, figures)) = &self.0 else { return };
        toolbar(
            ui,
            |ui| {
                let gating = &data.gating;
                let words = format!(
                    "gate {} attended, {} elsewhere",
                    fixed(gating.attended_mean, 3),
                    fixed(gating.unattended_mean, 3)
                );
                let test = gating.paired_t.as_ref().map_or_else(String::new, |test| {
                    let t = significant(test.t, 3);
                    format!("Paired t({}) = {t}, p = {:.2e}", test.degrees_of_freedom, test.p)
                });
                ui.label(Text::SmallStrong.rich(words, t.text)).on_hover_text(test);
                ui.label(Text::Small.rich(format!("n = {}", count(gating.attended.len())), t.text2));
            },
            |ui| {
                if ui.add(Button::new("Measure again").small()).clicked() {
                    out.push(Command::MeasureInhibition);
                }
            },
        );
        let rect = body(ui);
        let middle = rect.center().x.round();
        let halves = [
            Rect::from_min_max(rect.min, pos2(middle - 4.0, rect.bottom())),
            Rect::from_min_max(pos2(middle + 4.0, rect.top()), rect.max),
        ];
        for ((figure, half), name) in figures.iter().zip(halves).zip(["Gates", "Inhibition by phase"]) {
            let Some((plot, _)) = plot_of(figure) else { continue };
            ui.scope_builder(egui::UiBuilder::new().max_rect(half), |ui| {
                let gutter = Gutter { left: 44.0, right: 8.0, top: 8.0, bottom: 40.0 };
                PlotUi::new(plot, name).names(Names::Legend).gutter(gutter).show(ui, half.size());
            });
        }
    }
}

pub(super) fn figure(view: &View<'_>) -> gainfield::Result<Figure> {
    let info = view.document.current_model();
    let data = info.and_then(|info| view.probing.inhibition(info.identity)?.data.as_ref());
    inhibition_figure(data.ok_or_else(|| nothing_to_draw("measurement of inhibition"))?)
}
