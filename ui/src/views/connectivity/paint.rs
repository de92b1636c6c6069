//! The picture of a graph on screen.

use egui::{Align2, Color32, CornerRadius, Rect, Shape, Stroke, StrokeKind, Ui, Vec2, pos2, vec2};
use gainfield::connectivity::{BoxStyle, EdgeClass};
use gainfield::dynamics::{Direction, Graph};
use gainfield::figure::Ink;

use super::fit::{Fitted, SHAPE_GAP, ScreenArrow, ScreenBox};
use super::{Scene, Target, sample};
use crate::figure_ui::{color, paint_line};
use crate::texture;
use crate::theme::{Text, Tokens, faded, tokens};
use crate::widgets;

const WIDTH: f32 = 1.6;
const WIDTH_HOVERED: f32 = 2.6;
/// Opacity of what is not joined to the node under the pointer, and of what is not live.
const ASIDE: f32 = 0.25;
const ASLEEP: f32 = 0.3;

/// The colour of a class of arrows on the theme's ground.
fn ink(t: &Tokens, class: EdgeClass) -> Color32 {
    let (ink, opacity) = class.ink();
    let full = match ink {
        Ink::Text => t.text,
        other => color(other.colour(texture::ground(t.dark))),
    };
    faded(full, opacity as f32)
}

/// How the lines are told apart: those that the graph has.
pub(super) fn legend(ui: &Ui, graph: &Graph, row: Rect) {
    let t = tokens(ui);
    let kinds = [
        (Direction::Forward, EdgeClass::Ff1, "forward"),
        (Direction::Lateral, EdgeClass::Rec, "lateral"),
        (Direction::Feedback, EdgeClass::Fb1, "feedback"),
        (Direction::Gain, EdgeClass::Gain, "gain"),
    ];
    let mut x = row.left() + 12.0;
    for (direction, class, word) in kinds {
        if graph.connections.iter().any(|connection| connection.direction == direction) {
            x = sample(ui, pos2(x, row.center().y), ink(t, class), class.dash().pattern(), word) + 16.0;
        }
    }
    let is_long =
        |class: EdgeClass| matches!(class, EdgeClass::Ff2 | EdgeClass::Ff3 | EdgeClass::Fb2 | EdgeClass::Fb3);
    let levels = |from: usize, to: usize| graph.nodes[from].level.abs_diff(graph.nodes[to].level);
    let skips = graph.connections.iter().any(|connection| levels(connection.from, connection.to) > 1);
    if skips && EdgeClass::ALL.into_iter().any(is_long) {
        let text = "fainter: over several levels";
        let at = pos2(row.right() - 12.0, row.center().y);
        let width = ui.painter().layout_no_wrap(text.to_owned(), Text::Caption.font(), t.text3).size().x;
        if at.x - width > x {
            ui.painter().text(at, Align2::RIGHT_CENTER, text, Text::Caption.font(), t.text3);
        }
    }
}

/// Column of the playhead, arrows, boxes, names of rows and timesteps.
pub(super) fn picture(
    ui: &Ui,
    fitted: &Fitted,
    scene: &Scene<'_>,
    origin: Vec2,
    all: Rect,
    hovered: Option<Target>,
) {
    let t = tokens(ui);
    if let Some([_, left, right]) = scene.cursor.and_then(|t| fitted.columns.get(t)) {
        let band = Rect::from_x_y_ranges(left + origin.x - 6.0..=right + origin.x + 6.0, all.y_range());
        ui.painter().rect_filled(band, CornerRadius::same(4), faded(t.playhead, 0.07));
        ui.painter().hline(band.x_range(), band.top() + 0.75, Stroke::new(1.5, t.playhead));
    }
    for (index, arrow) in fitted.arrows.iter().enumerate() {
        draw_arrow(ui, fitted, scene, arrow, origin, hovered, hovered == Some(Target::Arrow(index)));
    }
    for placed in &fitted.boxes {
        draw_box(ui, fitted, scene, placed, origin, hovered);
    }
    for &(node, y) in &fitted.rows {
        let node = &scene.graph().nodes[node];
        let name = widgets::truncated(ui, &node.name, Text::SmallStrong, fitted.gutter - 8.0);
        let at = pos2(origin.x + 2.0, origin.y + y);
        let selected = scene.selected == Some(node.name.as_str());
        let ink = if selected { t.accent } else { t.text2 };
        ui.painter().text(at, Align2::LEFT_CENTER, name, Text::SmallStrong.font(), ink);
    }
    for (timestep, [middle, ..]) in fitted.columns.iter().enumerate() {
        let now = scene.cursor == Some(timestep);
        let (style, ink) = if now { (Text::CaptionStrong, t.text) } else { (Text::Caption, t.text2) };
        let room = fitted.columns.get(1).map_or(99.0, |second| second[0] - fitted.columns[0][0]);
        let text =
            if room >= 38.0 || timestep == 0 { format!("t = {timestep}") } else { timestep.to_string() };
        let at = pos2(origin.x + middle, origin.y + fitted.size().y - 12.0);
        ui.painter().text(at, Align2::CENTER_CENTER, text, style.font(), ink);
    }
}

fn draw_arrow(
    ui: &Ui,
    fitted: &Fitted,
    scene: &Scene<'_>,
    arrow: &ScreenArrow,
    origin: Vec2,
    hovered: Option<Target>,
    is_hovered: bool,
) {
    let t = tokens(ui);
    let mut opacity = 1.0;
    if let Some(connection) = arrow.connection.map(|index| &scene.graph().connections[index]) {
        if let Some(Target::Node(node)) = hovered
            && connection.from != node
            && connection.to != node
        {
            opacity = ASIDE;
        }
        let is_asleep = !scene.is_live(connection.from, connection.delay) || !scene.is_live(connection.to, 0);
        if !fitted.is_unrolled && is_asleep {
            opacity *= ASLEEP;
        }
    }
    let ink = faded(ink(t, arrow.class), opacity);
    let points: Vec<_> = arrow.points.iter().map(|&p| p + origin).collect();
    let width = if is_hovered { WIDTH_HOVERED } else { WIDTH };
    paint_line(ui.painter(), &points, Stroke::new(width, ink), arrow.class.dash().pattern());
    // Concave at the neck: two triangles.
    let [tip, left, neck, right] = arrow.head.map(|p| p + origin);
    for wing in [left, right] {
        ui.painter().add(Shape::convex_polygon(vec![tip, wing, neck], ink, Stroke::NONE));
    }
}

fn draw_box(
    ui: &Ui,
    fitted: &Fitted,
    scene: &Scene<'_>,
    placed: &ScreenBox,
    origin: Vec2,
    hovered: Option<Target>,
) {
    let t = tokens(ui);
    let rect = placed.rect.translate(origin);
    let node = placed.place.map(|place| place.node);
    let asleep = match (fitted.is_unrolled, node) {
        (false, Some(node)) => !scene.is_live(node, 0),
        _ => placed.is_dead,
    };
    let radius = CornerRadius::same(if rect.height() > 24.0 { 8 } else { 4 });
    let selected = node.is_some_and(|node| scene.selected == Some(scene.graph().nodes[node].name.as_str()));
    if asleep {
        ui.painter().rect_filled(rect, radius, faded(t.panel, 0.9));
        let corners =
            [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom(), rect.left_top()];
        ui.painter().extend(Shape::dashed_line(&corners, Stroke::new(1.0, t.hatch), 3.0, 3.0));
    } else {
        let fill = match placed.style {
            BoxStyle::Layer if t.dark => t.raised,
            BoxStyle::Layer => t.well,
            BoxStyle::LayerGray => t.active,
        };
        let is_hovered = node.is_some() && hovered == node.map(Target::Node);
        let line = if is_hovered { t.text2 } else { t.line_strong };
        ui.painter().rect(rect, radius, fill, Stroke::new(1.0, line), StrokeKind::Inside);
    }
    if selected {
        ui.painter().rect_stroke(rect, radius, Stroke::new(2.0, t.accent), StrokeKind::Outside);
    }
    if placed.name.is_empty() {
        return;
    }
    let ink = if asleep { t.disabled } else { t.text };
    if placed.place.is_none() {
        // The final prediction, which no area is named as long as.
        let words: Vec<&str> = placed.name.split(' ').collect();
        for (line, word) in words.iter().enumerate() {
            let y = (line as f32 + 0.5 - words.len() as f32 / 2.0) * 12.0;
            let at = rect.center() + vec2(0.0, y);
            ui.painter().text(at, Align2::CENTER_CENTER, word, Text::Caption.font(), ink);
        }
        return;
    }
    let layout = |text: &str, style: Text, ink: Color32| {
        ui.painter().layout_no_wrap(text.to_owned(), style.font(), ink)
    };
    let shown = widgets::truncated(ui, &placed.name, Text::SmallStrong, rect.width() - 6.0);
    let name = layout(&shown, Text::SmallStrong, ink);
    let shape_ink = if asleep { t.disabled } else { t.text2 };
    let shape = layout(&placed.shape, Text::Caption, shape_ink);
    let gap = if placed.shape.is_empty() { 0.0 } else { SHAPE_GAP as f32 };
    let y = |height: f32| rect.center().y - height / 2.0;
    let left = rect.center().x - (name.size().x + gap + shape.size().x) / 2.0;
    let right = left + name.size().x + gap;
    ui.painter().galley(pos2(left, y(name.size().y)), name, ink);
    ui.painter().galley(pos2(right, y(shape.size().y)), shape, shape_ink);
}
