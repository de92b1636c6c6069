//! The shown run over many stimuli of its kind: how many, and what an extraction keeps of them.

use egui::{Id, Ui, vec2};
use gainfield::recipe::{Pool, Steps};

use super::buttons;
use crate::command::{Command, Extracted};
use crate::icons;
use crate::item::ModelInfo;
use crate::theme::{Text, tokens};
use crate::view::{Out, View};
use crate::widgets::{self, Button, Number};

const STEPS: [&str; 2] = ["every timestep", "the last"];
const POOLS: [(&str, Pool); 3] =
    [("mean over space", Pool::Mean), ("largest", Pool::Max), ("every place", Pool::None)];

/// What was chosen, by position; kept by the screen.
#[derive(Clone, Copy, Default)]
struct Chosen {
    /// 0 is all.
    n: usize,
    areas: usize,
    steps: usize,
    pool: usize,
}

impl Chosen {
    fn n(self) -> Option<usize> {
        (self.n > 0).then_some(self.n)
    }

    fn extracted(self, view: &View<'_>) -> Extracted {
        let area = view.document.area.clone().filter(|_| self.areas == 1);
        Extracted {
            n: self.n(),
            areas: vec![area.unwrap_or_else(|| "all".to_owned())],
            steps: if self.steps == 0 { Steps::All } else { Steps::Last },
            pool: POOLS[self.pool].1,
        }
    }
}

pub(super) fn show(ui: &mut Ui, view: &View<'_>, model: Option<&ModelInfo>, out: &mut Out<'_>) {
    let id = Id::unique("gainfield.many_stimuli");
    let mut chosen: Chosen = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    buttons(ui, |ui| {
        let info = Command::Evaluate(None).info();
        if ui.add(Button::new(info.label).small().tooltip(info.tooltip)).clicked() {
            out.push(Command::Evaluate(chosen.n()));
        }
        let info = Command::Extract(Extracted::default()).info();
        if ui.add(Button::new(info.label).small().tooltip(info.tooltip)).clicked() {
            out.push(Command::Extract(chosen.extracted(view)));
        }
        let label = "How many stimuli, and what is kept of them";
        let response = widgets::icon_button(ui, icons::SLIDERS, label, None, vec2(24.0, 24.0));
        let behavior = egui::PopupCloseBehavior::CloseOnClickOutside;
        egui::Popup::menu(&response)
            .close_behavior(behavior)
            .show(|ui| options(ui, view, model, &mut chosen));
    });
    ui.data_mut(|data| data.insert_temp(id, chosen));
}

fn options(ui: &mut Ui, view: &View<'_>, model: Option<&ModelInfo>, chosen: &mut Chosen) {
    let t = tokens(ui);
    ui.set_min_width(190.0);
    let help = "Stimuli of this kind that are shown; 0 is every different one, 256 where there is no end";
    let number = Number::new("Stimuli", chosen.n as f64, 0.0..=1e7, 1.0).default_value(0.0).help(help, "");
    ui.horizontal(|ui| {
        ui.label(Text::SmallMedium.rich("Stimuli", t.text2)).on_hover_text(help);
        if let Some(n) = widgets::number_field(ui, &number, 64.0) {
            chosen.n = n.round().max(0.0) as usize;
        }
        if chosen.n == 0 {
            ui.label(Text::Small.rich("all", t.text2));
        }
    });
    ui.separator();
    ui.label(Text::SmallMedium.rich("Extract", t.text2));
    let has = |name: &&str| model.is_some_and(|model| model.areas.iter().any(|area| area.name == **name));
    let area = view.document.area.as_deref().filter(has);
    let selected = area.map_or_else(|| "the selected area".to_owned(), |name| format!("{name} alone"));
    choice(ui, &["every area", &selected], &mut chosen.areas);
    ui.separator();
    choice(ui, &STEPS, &mut chosen.steps);
    ui.separator();
    choice(ui, &POOLS.map(|(label, _)| label), &mut chosen.pool);
}

fn choice(ui: &mut Ui, options: &[&str], chosen: &mut usize) {
    let t = tokens(ui);
    for (i, option) in options.iter().enumerate() {
        if ui.selectable_label(i == *chosen, Text::Small.rich(*option, t.text)).clicked() {
            *chosen = i;
        }
    }
}
