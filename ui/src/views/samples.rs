//! Samples: stimuli with the gain of the image after every pass, at the newest snapshot.

use egui::{Align2, Color32, Rect, Ui, Vec2, pos2, vec2};
use gainfield::figure::number::fixed;
use gainfield::figure::{ColourMap, ColourScale, Figure, Maps, Panel, Raster, Width};

use super::toolbar;
use super::training::{no_run, shown};
use crate::command::Command;
use crate::icons;
use crate::texture::{self, Colouring};
use crate::theme::{Text, tokens};
use crate::training::Samples;
use crate::view::{Out, View};
use crate::widgets::{self, Button, EmptyAction, EmptyState, color_bar, empty_state};

const GAP: Vec2 = vec2(4.0, 4.0);
/// Room between the input and the phases, and between phases.
const PHASE_GAP: f32 = 10.0;
const HEADER: f32 = 34.0;

pub fn show(ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
    let Some((id, run, _)) = shown(view) else {
        no_run(
            ui,
            "No samples yet",
            "Stimuli are shown here with what attention makes of them as a network learns.",
        );
        return;
    };
    let t = tokens(ui);
    let Some(samples) = &run.samples else {
        if run.has_samples() || run.snapshot.is_none() {
            let words =
                if run.has_samples() { "The first samples are under way." } else { "No snapshot yet." };
            let at = ui.available_rect_before_wrap().center();
            ui.painter().text(at, Align2::CENTER_CENTER, words, Text::Small.font(), t.text2);
            return;
        }
        let state = EmptyState {
            title: "Look inside",
            sentence: "Open the network as it is now; it steps, branches and is probed while the run goes on.",
            primary: Some(("Open snapshot", icons::PLAY)),
            quiet: None,
        };
        if empty_state(ui, &state) == Some(EmptyAction::Primary) {
            out.push(Command::OpenSnapshot(id));
        }
        return;
    };
    let live = if run.state.is_live() { "live" } else { run.state.word() };
    toolbar(
        ui,
        |ui| {
            ui.label(Text::Small.rich(format!("Update {}", samples.update), t.text2));
            let color = if run.state.is_live() { t.ok } else { t.text3 };
            widgets::chip(ui, icons::RECORDING, live, color);
        },
        |ui| {
            let button = Button::new("Other stimuli").icon(icons::SHUFFLE).small();
            if ui.add(button.tooltip("Compose other sample stimuli")).clicked() {
                out.push(Command::OtherSamples(id));
            }
            let (rect, _) = ui.allocate_exact_size(vec2(230.0, 20.0), egui::Sense::hover());
            let [low, high] = range(samples);
            let ends = [format!("Gain 1 − s·g  {}", fixed(low.into(), 1)), fixed(high.into(), 1)];
            let bar = texture::bar(ui.ctx(), ColourMap::Gain, texture::ground(t.dark));
            let size = vec2(96.0, 8.0);
            color_bar(ui, bar, rect.left_center(), size, [&ends[0], &ends[1]], [false, false]);
        },
    );
    grid(ui, samples, out);
}

fn range(samples: &Samples) -> [f32; 2] {
    let strength = samples.strength as f32;
    [1.0 - strength, 1.0 + strength]
}

fn grid(ui: &mut Ui, samples: &Samples, out: &mut Out<'_>) {
    let t = tokens(ui);
    let area = ui.available_rect_before_wrap().shrink2(vec2(12.0, 4.0));
    let n_columns = 1 + samples.phases * samples.passes;
    let gaps = GAP.x * n_columns as f32 + PHASE_GAP * samples.phases as f32;
    let width = ((area.width() - gaps) / n_columns as f32).max(8.0);
    let cell = vec2(width, width * samples.height as f32 / samples.width as f32);
    let rows = ((area.height() - HEADER + GAP.y) / (cell.y + GAP.y)).floor().max(1.0) as usize;
    let left = |column: usize| {
        let phase = column.saturating_sub(1) / samples.passes + usize::from(column > 0);
        area.left() + column as f32 * (cell.x + GAP.x) + phase.min(samples.phases) as f32 * PHASE_GAP
    };
    let caption = Text::Caption.font();
    let painter = ui.painter();
    painter.text(pos2(left(0), area.top() + 25.0), Align2::LEFT_CENTER, "input", caption.clone(), t.text3);
    for phase in 0..samples.phases {
        let words = match phase {
            0 => "phase 1".to_owned(),
            phase => format!("phase {}, first object inhibited", phase + 1),
        };
        let x = left(1 + phase * samples.passes);
        painter.text(pos2(x, area.top() + 8.0), Align2::LEFT_CENTER, words, caption.clone(), t.text2);
        for pass in 0..samples.passes {
            let x = left(1 + phase * samples.passes + pass);
            let words = format!("pass {}", pass + 1);
            painter.text(pos2(x, area.top() + 25.0), Align2::LEFT_CENTER, words, caption.clone(), t.text3);
        }
    }
    let ground = texture::ground(t.dark);
    let grey = Colouring { map: ColourMap::Grey, ground, range: [0.0, 1.0] };
    let gain = Colouring { map: ColourMap::Gain, ground, range: range(samples) };
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    let pointer = ui.input(|input| input.pointer.hover_pos());
    for (row, input) in samples.inputs.iter().take(rows).enumerate() {
        let y = area.top() + HEADER + row as f32 * (cell.y + GAP.y);
        let mut draw = |column: usize, values: &std::sync::Arc<[f32]>, colouring: Colouring, words: &str| {
            let rect = Rect::from_min_size(pos2(left(column), y), cell);
            let image = texture::plane(ui.ctx(), values, samples.width, colouring);
            ui.painter().image(image, rect, uv, Color32::WHITE);
            if let Some(p) = pointer.filter(|p| rect.contains(*p)) {
                let at = (p - rect.min) / cell * vec2(samples.width as f32, samples.height as f32);
                let (r, c) = (at.y as usize, at.x as usize);
                if let Some(value) = values.get(r * samples.width + c) {
                    out.say(format!("{words}  row {r}, col {c}  {}", fixed(f64::from(*value), 3)));
                }
            }
        };
        draw(0, input, grey, &format!("sample {row} input"));
        for (step, map) in samples.gains[row].iter().enumerate() {
            let (phase, pass) = (step / samples.passes + 1, step % samples.passes + 1);
            draw(1 + step, map, gain, &format!("sample {row} gain, phase {phase}, pass {pass}"));
        }
    }
}

/// The samples as a figure of maps.
pub fn figure(view: &View<'_>) -> gainfield::Result<Figure> {
    let samples = shown(view).and_then(|(_, run, _)| run.samples.clone());
    let samples = samples.ok_or_else(|| super::nothing_to_draw("sample"))?;
    let [low, high] = range(&samples).map(f64::from);
    let scale = ColourScale::new(ColourMap::Gain, [low, high], "gain")?.ticks(vec![low, 1.0, high]);
    let mut rows = Vec::new();
    for (input, gains) in samples.inputs.iter().zip(&samples.gains) {
        let mut row = vec![Raster::grey(input.to_vec(), samples.width)?];
        for map in gains {
            row.push(Raster::new(map.to_vec(), samples.width, scale.clone())?);
        }
        rows.push(row);
    }
    let n_steps = samples.phases * samples.passes;
    let titles = std::iter::once("Input".to_owned())
        .chain((0..n_steps).map(|step| format!("{}", step % samples.passes + 1)));
    let mut maps = Maps::new(rows)?.column_titles(titles)?;
    for phase in 0..samples.phases {
        let first = 1 + phase * samples.passes;
        maps = maps.bracket(first, first + samples.passes - 1, format!("phase {}", phase + 1))?;
    }
    let caption = format!("Gain 1 − s·g of the image after every pass, update {}.", samples.update);
    Ok(Figure::single(Width::TwoColumns, Panel::new("samples", maps))?.caption(caption))
}
