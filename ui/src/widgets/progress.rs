//! Progress: a bar that is determinate whenever a total is known.

use egui::{CornerRadius, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::theme::{radius, tokens};

/// A bar of `width` and `height` at `fraction`; `None` while no total is known.
pub fn bar(ui: &mut Ui, label: &str, fraction: Option<f32>, width: f32, height: f32) {
    let t = tokens(ui);
    let (hit, response) = ui.allocate_exact_size(vec2(width, height.max(16.0)), Sense::hover());
    let rect = Rect::from_center_size(hit.center(), vec2(width, height));
    let rounding = CornerRadius::same(radius::BAR);
    ui.painter().rect_filled(rect, rounding, t.active);
    let filled = match fraction {
        Some(fraction) => {
            let shown = ui.ctx().animate_value_with_time(response.id, fraction.clamp(0.0, 1.0), 0.2);
            rect.with_max_x(rect.left() + rect.width() * shown)
        }
        None => {
            let at = (ui.input(|i| i.time) * 0.8).fract() as f32;
            let left = rect.left() + at * rect.width() * 0.7;
            ui.ctx().request_repaint_after(std::time::Duration::from_millis(50));
            Rect::from_min_max(pos2(left, rect.top()), pos2(left + rect.width() * 0.3, rect.bottom()))
        }
    };
    if filled.width() > 0.5 {
        ui.painter().rect_filled(filled, rounding, t.accent);
    }
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ProgressIndicator, true, label);
        info.value = fraction.map(f64::from);
        info
    });
}
