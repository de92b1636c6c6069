//! The strip of a film: one mark per probed update, a handle on the one that is shown, and the tuning in
//! some of them to tell them apart.

use std::time::{Duration, Instant};

use egui::{Align2, CornerRadius, EventFilter, Key, Rect, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use gainfield::figure::number::count;

use super::thumbnails::Thumbnails;
use crate::command::Command;
use crate::icons;
use crate::item::ItemId;
use crate::theme::{Text, tokens};
use crate::view::{Out, View};
use crate::widgets::{Ring, focus_ring, icon_button};

const HEIGHT: f32 = 30.0;
/// Height of the thumbnails with the numbers below them, and the least distance between two.
const THUMBNAILS: f32 = 46.0;
const APART: f32 = 52.0;
/// A playing film stays on a frame this long.
const FRAME: Duration = Duration::from_millis(180);

/// Whether it plays, which only the screen knows.
#[derive(Default)]
pub struct Film {
    playing: Option<(ItemId, Instant)>,
    thumbnails: Option<Thumbnails>,
}

impl Film {
    /// The strip of the probe in view, where that is a film.
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        let Some(item) = view.document.probe else { return };
        let Some(film) = view.document.probe_info(item).and_then(|info| info.film.as_ref()) else { return };
        let Some(strip) = view.training.film(film.run, &film.name) else { return };
        let updates: Vec<u64> = strip.frames.iter().map(|(update, _)| *update).collect();
        let Some(&newest) = updates.last() else { return };
        let chosen = view.probing.chosen_frame(item);
        let at = chosen.and_then(|update| updates.iter().position(|one| *one == update));
        let at = at.unwrap_or(updates.len() - 1);
        let t = tokens(ui);
        let area = ui.available_rect_before_wrap();
        let bar = area.with_max_y(area.top() + HEIGHT);
        let go = |out: &mut Out<'_>, at: usize| {
            // At the end it follows what is still being made.
            let update = (at + 1 < updates.len()).then(|| updates[at]);
            out.push(Command::ShowFrame { item, update });
        };

        let is_playing = self.playing.is_some_and(|(playing, _)| playing == item);
        let button = Rect::from_min_size(pos2(bar.left() + 10.0, bar.center().y - 12.0), vec2(24.0, 24.0));
        let (icon, label) =
            if is_playing { (icons::PAUSE, "Stop the film") } else { (icons::PLAY, "Play the film") };
        let clicked = crate::widgets::placed(ui, egui::UiBuilder::new().max_rect(button), |ui| {
            icon_button(ui, icon, label, None, vec2(24.0, 24.0)).clicked()
        });
        if clicked {
            self.playing = if is_playing { None } else { Some((item, Instant::now())) };
            if !is_playing {
                go(out, if at + 1 == updates.len() { 0 } else { at });
            }
        } else if let Some((_, since)) = self.playing.filter(|_| is_playing) {
            let is_shown = view.probing.get(item).is_some_and(|probe| probe.is_up_to_date());
            if since.elapsed() >= FRAME && is_shown {
                let is_end = at + 1 >= updates.len();
                self.playing = (!is_end).then(|| (item, Instant::now()));
                if !is_end {
                    go(out, at + 1);
                }
            }
            ui.ctx().request_repaint_after(FRAME / 4);
        }

        let words = format!("update {} of {}", count(updates[at] as usize), count(newest as usize));
        let label = ui.painter().layout_no_wrap(words.clone(), Text::SmallStrong.font(), t.text);
        let left = button.right() + 12.0 + APART / 2.0;
        let right = bar.right() - 16.0 - label.size().x.max(128.0) - APART / 2.0;
        let label_at = pos2(bar.right() - 10.0, bar.center().y);
        ui.painter().text(label_at, Align2::RIGHT_CENTER, &words, Text::SmallStrong.font(), t.text);
        let bottom = bar.bottom() + THUMBNAILS;
        let track = Rect::from_min_max(pos2(left, bar.top()), pos2(right.max(left + 20.0), bottom));
        ui.advance_cursor_after_rect(bar.with_max_y(bottom + 4.0));
        let response = ui.interact(track, ui.scope_id().with("film"), Sense::click_and_drag());
        let x_of = |update: u64| track.left() + track.width() * (update as f32 / newest.max(1) as f32);
        let y = bar.center().y;
        let rail = Rect::from_min_max(pos2(track.left(), y - 1.5), pos2(track.right(), y + 1.5));
        ui.painter().rect_filled(rail, CornerRadius::same(2), t.active);
        // No more marks than can be told apart.
        let step = (updates.len() as f32 * 5.0 / track.width()).ceil().max(1.0) as usize;
        for update in updates.iter().step_by(step) {
            ui.painter().vline(x_of(*update), (y - 4.0)..=(y + 4.0), Stroke::new(1.0, t.line_strong));
        }
        let thumbnails = match self.thumbnails.take().filter(|thumbnails| thumbnails.item == item) {
            Some(thumbnails) => self.thumbnails.insert(thumbnails),
            None => self.thumbnails.insert(Thumbnails::of(item, ui.ctx())),
        };
        thumbnails.poll();
        let unit = super::shown(view).map(|(data, unit)| data.result.units[unit].index);
        let row = Rect::from_min_max(pos2(track.left(), bar.bottom()), track.max);
        // Every second, third, … frame where not all have room; the one that is shown always.
        let every = (updates.len() as f32 * APART / (track.width() + APART)).ceil().max(1.0) as usize;
        let shown_at = x_of(updates[at]);
        for (i, (update, path)) in strip.frames.iter().enumerate() {
            let x = x_of(*update);
            let is_shown = i == at;
            if !is_shown && (!i.is_multiple_of(every) || (x - shown_at).abs() < APART - 4.0) {
                continue;
            }
            thumbnails.want(*update, path);
            let size = vec2(APART - 8.0, row.height() - 15.0);
            let rect = Rect::from_min_size(pos2(x - size.x / 2.0, row.top()), size);
            let border = if is_shown { Stroke::new(2.0, t.accent) } else { Stroke::new(1.0, t.line) };
            if let Some(unit) = unit {
                let top = thumbnails.top(unit);
                thumbnails.paint(ui.painter(), rect, (*update, unit, top), [t.well, t.text2], border);
            }
            let color = if is_shown { t.text } else { t.text3 };
            let number = count(*update as usize);
            let at = pos2(x, row.bottom() - 6.0);
            ui.painter().text(at, Align2::CENTER_CENTER, number, Text::Caption.font(), color);
        }
        let handle = pos2(x_of(updates[at]), y);
        ui.painter().circle(handle, 6.0, t.accent, Stroke::new(1.5, t.panel));
        focus_ring(ui, &response, track.shrink2(vec2(0.0, 6.0)), 4, Ring::Inside);
        response.widget_info(|| WidgetInfo::slider(true, updates[at] as f64, "Update of the film"));
        let nearest = |x: f32| {
            let away = |update: &u64| (x_of(*update) - x).abs();
            (0..updates.len()).min_by(|a, b| away(&updates[*a]).total_cmp(&away(&updates[*b])))
        };
        if let Some(near) = response.hover_pos().and_then(|pointer| nearest(pointer.x)) {
            out.say(format!(
                "Film of {}, update {}",
                film.name.replace('_', " "),
                count(updates[near] as usize)
            ));
        }
        if let Some(pointer) = response.interact_pointer_pos()
            && let Some(near) = nearest(pointer.x).filter(|near| *near != at)
        {
            self.playing = None;
            go(out, near);
        }
        if response.has_focus() {
            // Else the arrows would move the focus.
            let arrows = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
            let (back, on) =
                ui.input(|input| (input.key_pressed(Key::ArrowLeft), input.key_pressed(Key::ArrowRight)));
            if back && at > 0 {
                go(out, at - 1);
            } else if on && at + 1 < updates.len() {
                go(out, at + 1);
            }
        }
    }
}
