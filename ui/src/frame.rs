//! The frame: where top bar, left column, views, timeline and status line lie.

use egui::{CursorIcon, Pos2, Rect, Role, Sense, Stroke, Ui, pos2, vec2};

use crate::theme::{metrics, tokens};

/// The rectangles of one frame, on whole points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    pub top_bar: Rect,
    pub left: Rect,
    pub views: Rect,
    pub timeline: Rect,
    pub status: Rect,
}

impl Frame {
    /// Lays `screen` out for a left column and a timeline of these sizes.
    pub fn of(screen: Rect, left: f32, timeline: f32) -> Self {
        let (x, right) = (screen.left(), screen.right());
        let top = (screen.top() + metrics::TOP_BAR).min(screen.bottom());
        let status_top = (screen.bottom() - metrics::STATUS).max(top);
        let timeline_top = (status_top - timeline).max(top).round();
        let split = (x + left).min(right).round();
        let rect = |x0: f32, y0: f32, x1: f32, y1: f32| Rect::from_min_max(pos2(x0, y0), pos2(x1, y1));
        Self {
            top_bar: rect(x, screen.top(), right, top),
            left: rect(x, top, split, timeline_top),
            views: rect(split, top, right, timeline_top),
            timeline: rect(x, timeline_top, right, status_top),
            status: rect(x, status_top, right, screen.bottom()),
        }
    }

    /// The 1 pt lines between the parts.
    pub fn paint_lines(&self, ui: &Ui) {
        let t = tokens(ui);
        let line = Stroke::new(1.0, t.line);
        let painter = ui.painter();
        painter.hline(self.top_bar.x_range(), self.top_bar.bottom() - 0.5, line);
        painter.vline(self.left.right() - 0.5, self.left.y_range(), line);
        painter.hline(self.timeline.x_range(), self.timeline.top() + 0.5, Stroke::new(1.0, t.line_strong));
        painter.hline(self.status.x_range(), self.status.top() + 0.5, line);
    }
}

/// Which way a splitter moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    X,
    Y,
}

/// A line that can be dragged: 1 pt painted, 7 for the pointer. Returns how far it was dragged.
pub fn splitter(ui: &Ui, name: &str, from: Pos2, to: Pos2, axis: Axis) -> f32 {
    let half = metrics::SPLITTER_HIT / 2.0;
    let expand = match axis {
        Axis::X => vec2(half, 0.0),
        Axis::Y => vec2(0.0, half),
    };
    let rect = Rect::from_two_pos(from, to).expand2(expand);
    let response = ui.interact(rect, ui.scope_id().with(("splitter", name)), Sense::drag());
    crate::widgets::name(&response, Role::Splitter, name);
    let cursor = match axis {
        Axis::X => CursorIcon::ResizeHorizontal,
        Axis::Y => CursorIcon::ResizeVertical,
    };
    let response = response.on_hover_and_drag_cursor(cursor);
    if response.hovered() || response.dragged() {
        ui.painter().line_segment([from, to], Stroke::new(1.0, tokens(ui).accent));
    }
    match axis {
        Axis::X => response.drag_delta().x,
        Axis::Y => response.drag_delta().y,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_fill_the_screen_at_the_documented_sizes() {
        let screen = Rect::from_min_size(pos2(0.0, 0.0), vec2(1440.0, 900.0));
        let frame = Frame::of(screen, 252.0, 292.0);
        assert_eq!(frame.top_bar.height(), 44.0);
        assert_eq!(frame.status.height(), 24.0);
        assert_eq!(frame.timeline.height(), 292.0);
        assert_eq!(frame.views, Rect::from_min_max(pos2(252.0, 44.0), pos2(1440.0, 584.0)));
        assert_eq!(frame.left.union(frame.views).width(), 1440.0);
    }

    #[test]
    fn a_tiny_window_has_no_negative_part() {
        let frame = Frame::of(Rect::from_min_size(pos2(0.0, 0.0), vec2(100.0, 60.0)), 252.0, 292.0);
        for part in [frame.top_bar, frame.left, frame.views, frame.timeline, frame.status] {
            assert!(part.width() >= 0.0 && part.height() >= 0.0, "{part:?}");
        }
    }
}
