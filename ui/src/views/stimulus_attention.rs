//! Stimulus & attention: the image with its gain, and the gain maps of all stages below.

use std::sync::Arc;

use egui::{Align2, Color32, ColorImage, CornerRadius, Rect, Role, Sense, Stroke, Ui, pos2, vec2};
use gainfield::figure::number::{fixed, significant};
use gainfield::figure::{ColourMap, ColourScale, Figure, Maps, Panel, Raster, Width};

use super::gain::{InputGain, contour, contour_level, gain_areas};
use super::{body, no_recording, nothing_to_draw, toolbar};
use crate::command::Command;
use crate::store::RunData;
use crate::texture::{self, Colouring};
use crate::theme::{Text, radius, tokens};
use crate::view::{Out, View};
use crate::widgets::{self, Ring, focus_ring};

/// What the image shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    Input,
    Gain,
    #[default]
    Gated,
}

const MODES: [(&str, Mode); 3] = [("Input", Mode::Input), ("Gain", Mode::Gain), ("Gated input", Mode::Gated)];
/// Side of a gain map below the image.
const GAIN_MAP: f32 = 48.0;
const UNIT: Rect = Rect { min: pos2(0.0, 0.0), max: pos2(1.0, 1.0) };

/// Lines of a contour and what they were made from.
struct Contour {
    source: usize,
    level: f32,
    lines: Vec<[[f32; 2]; 2]>,
}

/// State that only the screen knows.
pub struct StimulusAttention {
    mode: Mode,
    overlay: f64,
    contour: Option<Contour>,
}

impl Default for StimulusAttention {
    fn default() -> Self {
        Self { mode: Mode::Gated, overlay: 1.0, contour: None }
    }
}

impl StimulusAttention {
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        let Some(run) = view.run().filter(|run| !run.recording.steps.is_empty()) else {
            no_recording(ui, view, out);
            return;
        };
        let step = step_at(run, view.clock.cursor());
        let gain = InputGain::of(view, run, step);
        self.tools(ui, gain.is_some());
        let area = body(ui);
        let gains = gain_areas(view, run, run.recording.steps[step].t);
        let below = if gains.is_empty() { 0.0 } else { GAIN_MAP + 10.0 };
        let room = Rect::from_min_max(area.min, pos2(area.right(), area.bottom() - below));
        let image = self.image(ui, run, step, gain.as_ref(), room, out);
        if !gains.is_empty() {
            let row = Rect::from_min_max(
                pos2(area.left(), image.bottom() + 10.0),
                pos2(area.right(), image.bottom() + 10.0 + GAIN_MAP),
            );
            gain_row(ui, view, run, step, row, out);
        }
        ui.advance_cursor_after_rect(area);
    }

    fn tools(&mut self, ui: &mut Ui, has_gain: bool) {
        let t = tokens(ui);
        let mode = self.mode;
        let mut chosen = None;
        let mut overlay = self.overlay;
        toolbar(
            ui,
            |ui| {
                let names = MODES.map(|(name, _)| name);
                let at = MODES.iter().position(|(_, m)| *m == mode).unwrap_or(0);
                if has_gain {
                    chosen = widgets::segmented(ui, "Show", &names, at, true);
                } else {
                    ui.label(Text::Small.rich("Input", t.text2))
                        .on_hover_text("This model has no gain on its input");
                }
            },
            |ui| {
                if has_gain && mode != Mode::Input {
                    ui.label(Text::Small.rich(format!("{:.0}\u{202F}%", overlay * 100.0), t.text));
                    ui.add_space(2.0);
                    overlay = overlay_slider(ui, overlay);
                    ui.label(Text::Small.rich("Overlay", t.text2));
                }
            },
        );
        self.overlay = overlay;
        if let Some(chosen) = chosen {
            self.mode = MODES[chosen].1;
        }
    }

    fn image(
        &mut self,
        ui: &mut Ui,
        run: &RunData,
        step: usize,
        gain: Option<&InputGain<'_>>,
        room: Rect,
        out: &mut Out<'_>,
    ) -> Rect {
        let t = tokens(ui);
        let [_, height, width] = run.shown.shape;
        let size = magnified(ui, width, height, room.size());
        let rect = Rect::from_min_size(pos2(room.center().x - size.x / 2.0, room.top()), size);
        let ground = Rect::from_min_max(room.min, pos2(room.right(), rect.bottom()));
        ui.painter().rect_filled(ground, 0, t.well);
        let step_t = run.recording.steps[step].t;
        let Some(frame) = run.shown.at(step_t) else { return rect };
        let texture = match (self.mode, gain) {
            (Mode::Input, _) | (_, None) => texture::image(ui.ctx(), &run.shown.images[frame]),
            (mode, Some(gain)) => self.blended(ui, run, frame, gain, mode),
        };
        if run.shown.is_blank(frame) {
            widgets::hatch(ui.painter(), rect, t.hatch.gamma_multiply(0.6));
            let text = "Nothing is shown";
            let galley = ui.painter().layout_no_wrap(text.to_owned(), Text::Small.font(), t.text2);
            let at = rect.center() - galley.size() / 2.0;
            let ground = Rect::from_min_size(at, galley.size()).expand(6.0);
            ui.painter().rect_filled(ground, CornerRadius::same(radius::SPAN), t.well);
            ui.painter().galley(at, galley, t.text2);
        } else {
            ui.painter().image(texture, rect, UNIT, Color32::WHITE);
        }
        let mut level = None;
        if let Some(gain) = gain.filter(|_| self.mode != Mode::Input) {
            level = contour_level(gain.slope, gain.bounds());
            self.draw_contour(ui, gain, level, rect);
        }
        let cue = run.shown.cue.get(step_t).copied().flatten();
        if let Some([row, col]) = cue {
            let at = rect.min + vec2(col * rect.width(), row * rect.height());
            let stroke = Stroke::new(1.5, t.roles.stimulus_on_image);
            ui.painter().hline(at.x - 9.0..=at.x + 9.0, at.y, stroke);
            ui.painter().vline(at.x, at.y - 9.0..=at.y + 9.0, stroke);
        }
        legend(ui, ground, level, cue.is_some());
        let response = ui.interact(rect, ui.scope_id().with("stimulus image"), Sense::hover());
        widgets::name(&response, Role::Image, "Stimulus image");
        if let Some(pointer) = response.hover_pos() {
            let at = (pointer - rect.min) / rect.size();
            let (row, col) = ((at.y * height as f32) as usize, (at.x * width as f32) as usize);
            let values = &run.shown.values[frame];
            let value = values.get(row * width + col).copied().unwrap_or(0.0);
            let gain = gain.map_or_else(String::new, |gain| {
                format!("  gain {} ×", fixed(f64::from(gain.at(at.y, at.x)), 3))
            });
            out.say(format!("stimulus  row {row}, col {col}  {}{gain}", fixed(f64::from(value), 3)));
        }
        rect
    }

    /// Input and gain in one picture, `overlay` of the way.
    fn blended(
        &self,
        ui: &Ui,
        run: &RunData,
        frame: usize,
        gain: &InputGain<'_>,
        mode: Mode,
    ) -> egui::TextureId {
        let t = tokens(ui);
        let ends = 1.0 + gain.slope.abs().max(1e-6);
        let colouring =
            Colouring { map: ColourMap::Gain, ground: texture::ground(t.dark), range: [2.0 - ends, ends] };
        let overlay = self.overlay as f32;
        let values = &run.shown.values[frame];
        let image = &run.shown.images[frame];
        let salt = (Arc::as_ptr(image) as u64)
            ^ (u64::from(overlay.to_bits()) << 8)
            ^ mode as u64
            ^ (u64::from(gain.slope.to_bits()) << 24);
        let [channels, height, width] = run.shown.shape;
        texture::map(ui.ctx(), gain.map, colouring, salt, || {
            let plane = height * width;
            let pixel = |i: usize| {
                let (row, col) = (i / width, i % width);
                let g = gain.at((row as f32 + 0.5) / height as f32, (col as f32 + 0.5) / width as f32);
                if mode == Mode::Gain {
                    return image.pixels[i].lerp_to_gamma(colouring.pixel(g), overlay);
                }
                let factor = 1.0 + (g - 1.0) * overlay;
                let byte = |c: usize| {
                    let value = values.get(c * plane + i).copied().unwrap_or(0.0) * factor;
                    (value.clamp(0.0, 1.0) * 255.0).round() as u8
                };
                if channels >= 3 {
                    Color32::from_rgb(byte(0), byte(1), byte(2))
                } else {
                    Color32::from_gray(byte(0))
                }
            };
            ColorImage::new([width, height], (0..plane).map(pixel).collect())
        })
    }

    fn draw_contour(&mut self, ui: &Ui, gain: &InputGain<'_>, level: Option<f32>, rect: Rect) {
        let Some(level) = level else { return };
        let source = gain.map.as_ptr() as usize;
        let fresh = self.contour.as_ref().is_some_and(|c| c.source == source && c.level == level);
        if !fresh {
            let lines = contour(gain.height, gain.width, level, |row, col| {
                1.0 + gain.slope * gain.map[row * gain.width + col]
            });
            self.contour = Some(Contour { source, level, lines });
        }
        let t = tokens(ui);
        let Some(contour) = &self.contour else { return };
        let place = |[x, y]: [f32; 2]| rect.min + vec2(x * rect.width(), y * rect.height());
        let painter = ui.painter_at(rect);
        for stroke in [Stroke::new(3.5, t.image_chip), Stroke::new(1.5, t.roles.attended_on_image)] {
            for line in &contour.lines {
                painter.line_segment(line.map(place), stroke);
            }
        }
    }

    pub fn figure(&self, view: &View<'_>) -> gainfield::Result<Figure> {
        let run = view.run().filter(|run| !run.recording.steps.is_empty());
        let run = run.ok_or_else(|| nothing_to_draw("stimulus"))?;
        let step = step_at(run, view.clock.cursor());
        let t = run.recording.steps[step].t;
        let frame = run.shown.at(t).ok_or_else(|| nothing_to_draw("frame"))?;
        let [_, _, width] = run.shown.shape;
        let image = &run.shown.images[frame];
        let pixels = image.pixels.iter().map(|p| [p.r(), p.g(), p.b()]).collect();
        let mut rasters = vec![Raster::rgb(pixels, width)?];
        let mut titles = vec!["Input".to_owned()];
        for (area, multiplier) in gain_areas(view, run, t) {
            let map = &run.derived.channel_means[step][area];
            if map.is_empty() {
                continue;
            }
            let columns = run.recording.areas[area].map_shape()[2];
            let ends = f64::from(multiplier.reach().max(1e-6));
            let scale = ColourScale::new(ColourMap::Gain, [1.0 - ends, 1.0 + ends], "gain")?.unit("×");
            let values = map.iter().map(|&m| multiplier.of(m)).collect();
            rasters.push(Raster::new(values, columns, scale)?);
            titles.push(run.recording.areas[area].name.clone());
        }
        let maps = Maps::new(vec![rasters])?.column_titles(titles)?;
        let caption = format!(
            "Stimulus and gain maps (mean over channels) at {}.",
            crate::timeline::time_words(run, t)
        );
        Ok(Figure::single(Width::TwoColumns, Panel::new("stimulus and attention", maps))?.caption(caption))
    }
}

/// The recorded step at or before timestep `t`.
pub fn step_at(run: &RunData, t: usize) -> usize {
    run.recording.steps.partition_point(|step| step.t <= t).saturating_sub(1)
}

/// The largest whole-number magnification in physical pixels that fits; shrunk where even 1 does not.
fn magnified(ui: &Ui, width: usize, height: usize, room: egui::Vec2) -> egui::Vec2 {
    let (w, h) = (width.max(1) as f32, height.max(1) as f32);
    let pixels = ui.pixels_per_point();
    let fits = (room.x * pixels / w).min(room.y * pixels / h);
    let factor = if fits >= 1.0 { fits.floor() } else { fits.max(0.05) };
    vec2(w, h) * (factor / pixels)
}

fn overlay_slider(ui: &mut Ui, value: f64) -> f64 {
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(62.0, 20.0), Sense::click_and_drag());
    let y = rect.center().y;
    let track = Rect::from_min_max(pos2(rect.left(), y - 2.0), pos2(rect.right(), y + 2.0));
    ui.painter().rect_filled(track, CornerRadius::same(radius::BAR), t.active);
    let x = egui::lerp(rect.left()..=rect.right(), value as f32);
    ui.painter().rect_filled(track.with_max_x(x), CornerRadius::same(radius::BAR), t.accent);
    ui.painter().circle(pos2(x, y), 6.0, t.panel, Stroke::new(2.0, t.accent));
    focus_ring(ui, &response, rect, radius::FIELD, Ring::Outside);
    response.widget_info(|| egui::WidgetInfo::slider(true, value, "Overlay"));
    let mut value = value;
    if let Some(pointer) = response.interact_pointer_pos() {
        value = f64::from((pointer.x - rect.left()) / rect.width()).clamp(0.0, 1.0);
    }
    if response.double_clicked() {
        value = 1.0;
    }
    if response.has_focus() {
        let (left, right) =
            ui.input(|i| (i.key_pressed(egui::Key::ArrowLeft), i.key_pressed(egui::Key::ArrowRight)));
        value = (value + 0.05 * (f64::from(u8::from(right)) - f64::from(u8::from(left)))).clamp(0.0, 1.0);
    }
    value
}

/// The chip at the image's bottom left: what the lines and crosses are.
fn legend(ui: &Ui, image: Rect, level: Option<f32>, cue: bool) {
    let t = tokens(ui);
    let mut parts: Vec<(Color32, bool, String)> = Vec::new();
    if let Some(level) = level {
        let text = format!("gain {}", significant(f64::from(level), 2));
        parts.push((t.roles.attended_on_image, false, text));
    }
    if cue {
        parts.push((t.roles.stimulus_on_image, true, "cue site".to_owned()));
    }
    if parts.is_empty() {
        return;
    }
    let font = Text::Caption.font();
    let galleys: Vec<_> = parts
        .iter()
        .map(|(_, _, text)| ui.painter().layout_no_wrap(text.clone(), font.clone(), t.on_image))
        .collect();
    let width: f32 = galleys.iter().map(|g| g.size().x + 22.0 + 12.0).sum::<f32>() + 4.0;
    let chip = Rect::from_min_size(pos2(image.left() + 8.0, image.bottom() - 28.0), vec2(width, 20.0));
    ui.painter().rect_filled(chip, CornerRadius::same(radius::BUTTON), t.image_chip);
    let mut x = chip.left() + 8.0;
    for ((color, cross, _), galley) in parts.into_iter().zip(galleys) {
        let y = chip.center().y;
        let stroke = Stroke::new(1.5, color);
        if cross {
            ui.painter().hline(x + 3.0..=x + 13.0, y, stroke);
            ui.painter().vline(x + 8.0, y - 5.0..=y + 5.0, stroke);
        } else {
            ui.painter().hline(x..=x + 16.0, y, stroke);
        }
        let width = galley.size().x;
        ui.painter().galley(pos2(x + 22.0, y - galley.size().y / 2.0), galley, t.on_image);
        x += width + 34.0;
    }
}

/// The gain maps of all stages with one shared bar.
fn gain_row(ui: &mut Ui, view: &View<'_>, run: &RunData, step: usize, row: Rect, out: &mut Out<'_>) {
    let t = tokens(ui);
    let ground = texture::ground(t.dark);
    let step_t = run.recording.steps[step].t;
    let bar_width = 98.0;
    let mut x = row.left();
    let gains = gain_areas(view, run, step_t);
    let ends = gains.iter().map(|(_, multiplier)| multiplier.reach()).fold(1e-6, f32::max);
    let mut shown: Vec<&str> = Vec::new();
    let mut clipped = [false, false];
    for (area, multiplier) in gains {
        let info = &run.recording.areas[area];
        let map = &run.derived.channel_means[step][area];
        let [_, height, width] = info.map_shape();
        let longest = width.max(height).max(1) as f32;
        let size = vec2(width as f32, height as f32) * (GAIN_MAP / longest);
        if map.is_empty() || x + size.x > row.right() - bar_width - 8.0 {
            continue;
        }
        let colouring = Colouring { map: ColourMap::Gain, ground, range: [1.0 - ends, 1.0 + ends] };
        let salt = u64::from(multiplier.slope.to_bits()) ^ (u64::from(multiplier.at_zero.to_bits()) << 32);
        let texture = texture::map(ui.ctx(), map, colouring, salt, || {
            let pixels = map.iter().map(|&m| colouring.pixel(multiplier.of(m))).collect();
            ColorImage::new([width, height], pixels)
        });
        let over = |m: f32| multiplier.of(m) > 1.0 + ends * 1.001;
        clipped[1] |= map.iter().any(|&m| over(m));
        let rect = Rect::from_min_size(pos2(x, row.top()), size);
        ui.painter().image(texture, rect, UNIT, Color32::WHITE);
        let response = ui.interact(rect, ui.scope_id().with(("gain", area)), Sense::click());
        let selected = view.document.area.as_deref() == Some(info.name.as_str());
        if selected {
            let stroke = Stroke::new(1.5, t.accent);
            ui.painter().rect_stroke(rect, 0, stroke, egui::StrokeKind::Outside);
        }
        focus_ring(ui, &response, rect, 0, Ring::Inside);
        widgets::name_selected(&response, Role::Image, selected, &format!("Gain map {}", info.name));
        if response.clicked() {
            out.push(Command::SelectArea(info.name.clone()));
        }
        if let Some(pointer) = response.hover_pos() {
            let at = (pointer - rect.min) / rect.size();
            let (r, c) = ((at.y * height as f32) as usize, (at.x * width as f32) as usize);
            let m = map.get(r * width + c).copied().unwrap_or(0.0);
            let gain = fixed(f64::from(multiplier.of(m)), 3);
            out.say(format!(
                "{}  row {r}, col {c}  gain {gain} × on {} (mean of channels)  {}",
                info.name,
                multiplier.target,
                crate::timeline::time_words(run, step_t)
            ));
        }
        shown.push(&info.name);
        x += size.x + 8.0;
    }
    let title = match (shown.first(), shown.last()) {
        (Some(first), Some(last)) if first != last && shown.len() > 2 => format!("Gain maps {first}–{last}"),
        _ => "Gain maps".to_owned(),
    };
    let bar =
        Rect::from_min_size(pos2(row.right() - bar_width, row.top() + 20.0), vec2(bar_width - 14.0, 8.0));
    let title = widgets::truncated(ui, &title, Text::Caption, bar_width + 6.0);
    let at = pos2(bar.left(), row.top() + 8.0);
    ui.painter().text(at, Align2::LEFT_CENTER, title, Text::Caption.font(), t.text2);
    let table = texture::bar(ui.ctx(), ColourMap::Gain, ground);
    ui.painter().image(table, bar, UNIT, Color32::WHITE);
    let text = |v: f32| gainfield::figure::number::trimmed(f64::from(v), 0.001);
    for (value, align, x) in [
        (text(1.0 - ends), Align2::LEFT_CENTER, bar.left()),
        ("1".to_owned(), Align2::CENTER_CENTER, bar.center().x),
        (format!("{} ×", text(1.0 + ends)), Align2::RIGHT_CENTER, bar.right() + 8.0),
    ] {
        ui.painter().text(pos2(x, bar.bottom() + 9.0), align, value, Text::Caption.font(), t.text2);
    }
}
