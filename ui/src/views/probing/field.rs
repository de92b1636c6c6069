//! Receptive field: where in the picture the selected unit responds.

use std::sync::Arc;

use egui::Ui;
use gainfield::figure::Figure;
use gainfield::probe::{ReceptiveField, figures};

use super::{plot_of, waiting};
use crate::app::field_key;
use crate::command::Command;
use crate::figure_ui::{Gutter, Names, PlotUi};
use crate::icons;
use crate::theme::{Text, tokens};
use crate::view::{Out, View};
use crate::views::{body, nothing_to_draw, toolbar};
use crate::widgets::{EmptyState, empty_state};

/// The figure as last built, and which field it shows.
#[derive(Default)]
pub(super) struct Field(Option<(usize, usize, Figure)>);

impl Field {
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        let info = view.document.current_model();
        let Some(key) = info.and_then(|info| field_key(view.document, info)) else {
            let state = EmptyState {
                title: "No unit selected",
                sentence: "Click on a map in Step; its field is mapped with small spots.",
                primary: None,
                quiet: None,
            };
            empty_state(ui, &state);
            return;
        };
        let measured = view.probing.fields(&key);
        let Some(measured) = measured else {
            out.push(Command::MapFields);
            return;
        };
        let Some(fields) = &measured.data else {
            waiting(ui, "Mapping the receptive field", &measured.state);
            return;
        };
        let Some(field) = chosen(view, fields) else { return };
        let source = (Arc::as_ptr(fields) as usize, field.unit);
        if self.0.as_ref().is_none_or(|(fields, unit, _)| (*fields, *unit) != source) {
            let figure = figures::receptive_field(&key.area, field).ok();
            self.0 = figure.map(|figure| (source.0, source.1, figure));
        }
        let Some((plot, headline)) = self.0.as_ref().and_then(|(_, _, figure)| plot_of(figure)) else {
            return;
        };
        let t = tokens(ui);
        toolbar(
            ui,
            |ui| {
                let run = view.run();
                let pin = view.document.pinned.first();
                let unit = run.zip(pin).and_then(|(run, pin)| crate::views::pin_text(run, pin));
                let title = format!("{} · {}", key.area, unit.unwrap_or_default());
                ui.label(Text::SmallStrong.rich(title, t.text));
                ui.label(Text::Small.rich(headline.unwrap_or_default(), t.text2)).on_hover_text(
                    "Centre of mass of the response change, and the width of a Gaussian of that spread",
                );
            },
            |ui| {
                let help = "Response to a small spot minus the response to the empty picture, at the end of \
                            the first timestep: before any gain";
                ui.label(icons::INFO.rich(14.0, t.text3)).on_hover_text(help);
            },
        );
        let rect = body(ui);
        ui.scope_builder(egui::UiBuilder::new().max_rect(rect), |ui| {
            let gutter = Gutter { left: 50.0, right: 12.0, top: 8.0, bottom: 42.0 };
            let drawn = PlotUi::new(plot, "Receptive field")
                .names(Names::Hidden)
                .gutter(gutter)
                .image_aspect()
                .show(ui, rect.size());
            if let Some([x, y]) = drawn.pointer() {
                let step = field.step_px as f64;
                let (row, column) = ((y / step) as usize, (x / step) as usize);
                let value = field.map.get(row * field.columns + column).copied().unwrap_or(0.0);
                let value = gainfield::figure::number::signed(f64::from(value), 3);
                out.say(format!("spot at row {y:.0}, col {x:.0} px  response change {value}"));
            }
        });
    }
}

/// The field of the selected unit, or the first.
fn chosen<'f>(view: &View<'_>, fields: &'f [ReceptiveField]) -> Option<&'f ReceptiveField> {
    let unit = view.document.pinned.first().map(|pin| pin.unit);
    fields.iter().find(|field| Some(field.unit) == unit).or(fields.first())
}

pub(super) fn figure(view: &View<'_>) -> gainfield::Result<Figure> {
    let info = view.document.current_model();
    let key = info.and_then(|info| field_key(view.document, info));
    let fields =
        key.as_ref().and_then(|key| view.probing.fields(key)).and_then(|fields| fields.data.as_ref());
    let field = fields.and_then(|fields| chosen(view, fields));
    match (key, field) {
        (Some(key), Some(field)) => figures::receptive_field(&key.area, field),
        _ => Err(nothing_to_draw("receptive field")),
    }
}
