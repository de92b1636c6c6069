//! The Counter-Hebb update beside the exact gradient, bundle by bundle.

use std::sync::Arc;

use egui::{Rect, Ui, pos2};
use gainfield::families::counter_hebb::Agreement;
use gainfield::figure::number::significant;
use gainfield::figure::{Figure, Width};
use gainfield::model::Family;
use gainfield::probe::{AgreementRecipe, agreement_figure, cosine_panel, difference_panel};

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
pub(super) struct Update(Option<(usize, [Figure; 2])>);

impl Update {
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        let info = view.document.current_model();
        let learns = info.is_some_and(|info| info.about.family == Family::CounterHebb);
        let measured = info.filter(|_| learns).and_then(|info| view.probing.agreement(info.identity));
        match (measured, measured.and_then(|measured| measured.data.as_ref())) {
            (_, Some(data)) => self.draw(ui, data, out),
            (Some(measured), None) => waiting(ui, "Comparing", &measured.state),
            (None, None) => {
                let state = EmptyState {
                    title: "Counter-Hebb update",
                    sentence: if learns {
                        "Compare the change that the error pass makes with the exact gradient of one batch."
                    } else {
                        "Open a Counter-Hebb network to compare how it learns with the exact gradient."
                    },
                    primary: Some(if learns { ("Compare", icons::PROBE) } else { ("Open…", icons::ADD) }),
                    quiet: None,
                };
                if empty_state(ui, &state) == Some(EmptyAction::Primary) {
                    out.push(if learns { Command::CompareUpdates } else { Command::OpenFiles });
                }
            }
        }
    }

    fn draw(&mut self, ui: &mut Ui, data: &Arc<Agreement>, out: &mut Out<'_>) {
        let t = tokens(ui);
        let source = Arc::as_ptr(data) as usize;
        if self.0.as_ref().is_none_or(|(known, _)| *known != source) {
            let single = |panel: gainfield::Result<_>| Figure::single(Width::OneColumn, panel?);
            self.0 = match (single(cosine_panel(data)), single(difference_panel(data))) {
                (Ok(cosine), Ok(difference)) => Some((source, [cosine, difference])),
                _ => None,
            };
        }
        let Some((_, figures)) = &self.0 else { return };
        toolbar(
            ui,
            |ui| {
                let whole = &data.whole;
                let words = format!(
                    "cosine {}, largest difference {}",
                    significant(whole.cosine, 6),
                    significant(whole.max_difference, 3)
                );
                let help = "Over all bundles. With tied weights and without norms the two are equal; separate \
                            weights and norms make them differ.";
                ui.label(Text::SmallStrong.rich(words, t.text)).on_hover_text(help);
                let n = AgreementRecipe::default().n;
                ui.label(Text::Small.rich(format!("loss {}, n = {n}", significant(data.loss, 3)), t.text2));
            },
            |ui| {
                if ui.add(Button::new("Compare again").small()).clicked() {
                    out.push(Command::CompareUpdates);
                }
            },
        );
        let rect = body(ui);
        let middle = rect.center().x.round();
        let halves = [
            Rect::from_min_max(rect.min, pos2(middle - 4.0, rect.bottom())),
            Rect::from_min_max(pos2(middle + 4.0, rect.top()), rect.max),
        ];
        for ((figure, half), name) in figures.iter().zip(halves).zip(["Cosine", "Largest difference"]) {
            let Some((plot, _)) = plot_of(figure) else { continue };
            ui.scope_builder(egui::UiBuilder::new().max_rect(half), |ui| {
                let gutter = Gutter { left: 132.0, right: 12.0, top: 8.0, bottom: 40.0 };
                let names = if name == "Cosine" { Names::Hidden } else { Names::Legend };
                PlotUi::new(plot, name).names(names).gutter(gutter).show(ui, half.size());
            });
        }
    }
}

pub(super) fn figure(view: &View<'_>) -> gainfield::Result<Figure> {
    let info = view.document.current_model();
    let data = info.and_then(|info| view.probing.agreement(info.identity)?.data.as_ref());
    let data = data.ok_or_else(|| nothing_to_draw("comparison of updates"))?;
    agreement_figure(data, AgreementRecipe::default().n)
}
