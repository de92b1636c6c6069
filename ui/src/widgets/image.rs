//! Painting for maps: colour bars and the hatching of what is missing.

use egui::{Align2, Painter, Pos2, Rect, Stroke, TextureId, Ui, Vec2, pos2, vec2};

use crate::theme::{Text, tokens};

/// Diagonal hatching, 4 pt pitch: missing, not recorded, not reached yet.
pub fn hatch(painter: &Painter, rect: Rect, color: egui::Color32) {
    let painter = painter.with_clip_rect(rect.intersect(painter.clip_rect()));
    let stroke = Stroke::new(1.0, color);
    let height = rect.height();
    let mut x = rect.left() - height;
    while x < rect.right() {
        painter.line_segment([pos2(x, rect.bottom()), pos2(x + height, rect.top())], stroke);
        x += 5.66;
    }
}

/// A colour bar from one texture, with the text of both ends beside it; gives its width.
///
/// `clipped` draws a triangle at the end where values lie outside.
pub fn color_bar(
    ui: &Ui,
    texture: TextureId,
    left_center: Pos2,
    size: Vec2,
    ends: [&str; 2],
    clipped: [bool; 2],
) -> f32 {
    let t = tokens(ui);
    let font = Text::Caption.font();
    let low = ui.painter().text(left_center, Align2::LEFT_CENTER, ends[0], font.clone(), t.text2);
    let bar = Rect::from_min_size(pos2(low.right() + 6.0, left_center.y - size.y / 2.0), size);
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    ui.painter().image(texture, bar, uv, egui::Color32::WHITE);
    for (end, x, direction) in [(0, bar.left() - 1.0, -1.0), (1, bar.right() + 1.0, 1.0)] {
        if clipped[end] {
            let middle = bar.center().y;
            let tip = vec2(direction * 4.0, 0.0);
            let points = vec![pos2(x, middle - 4.0), pos2(x, middle + 4.0), pos2(x, middle) + tip];
            ui.painter().add(egui::Shape::convex_polygon(points, t.text2, Stroke::NONE));
        }
    }
    let at = pos2(bar.right() + 7.0, left_center.y);
    let high = ui.painter().text(at, Align2::LEFT_CENTER, ends[1], font, t.text2);
    high.right() - left_center.x
}
