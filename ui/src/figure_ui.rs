//! Draws the library's figures on screen: the same scene that is exported, on the theme's ground.

mod axes;
mod marks;
mod names;

use egui::{Color32, Id, Rect, Role, Sense, Stroke, Ui, Vec2, pos2, vec2};
use gainfield::figure::{Direction, Ground, Ink, Plot, Rgb};

use crate::theme::{Text, Tokens, tokens};
use crate::widgets::{self, Ring, focus_ring};

pub use marks::{marker, paint_line};

/// How the names of series are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// Beside the data, in their colour.
    #[default]
    Direct,
    /// In a row below the plot.
    Legend,
    /// In the right gutter, at the height of each line's end.
    AtEnd,
    /// Not at all: the caller shows them.
    Hidden,
}

/// A plot to be drawn, and what only the screen adds.
pub struct PlotUi<'a> {
    plot: &'a Plot,
    name: &'a str,
    names: Names,
    gutter: Gutter,
    /// A thin line for the playhead.
    playhead: Option<f64>,
    zoomable: bool,
    hollow: Color32,
    /// Room between the ticks of x and its title.
    below: f32,
    /// Colours of the titles of x and y.
    titles: Option<[Color32; 2]>,
    image_aspect: bool,
}

/// Space around the axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gutter {
    pub left: f32,
    pub right: f32,
    pub top: f32,
    pub bottom: f32,
}

impl Default for Gutter {
    fn default() -> Self {
        Self { left: 56.0, right: 16.0, top: 10.0, bottom: 42.0 }
    }
}

/// Where things lie in a plot that was drawn.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The rectangle within the axes.
    pub frame: Rect,
    pub x: [f64; 2],
    pub y: [f64; 2],
    pub response: egui::Response,
    x_axis: gainfield::figure::Axis,
    y_axis: gainfield::figure::Axis,
}

impl Drawn {
    /// Screen position of a point of the axes.
    pub fn at(&self, [x, y]: [f64; 2]) -> egui::Pos2 {
        pos2(self.x_at(x), self.y_at(y))
    }

    pub fn x_at(&self, x: f64) -> f32 {
        place(&self.x_axis, x, self.x, self.frame.left(), self.frame.right())
    }

    pub fn y_at(&self, y: f64) -> f32 {
        place(&self.y_axis, y, self.y, self.frame.bottom(), self.frame.top())
    }

    /// The point of the axes under the pointer, if that is within them.
    pub fn pointer(&self) -> Option<[f64; 2]> {
        let pointer = self.response.hover_pos().filter(|p| self.frame.contains(*p))?;
        let at = f64::from((self.frame.bottom() - pointer.y) / self.frame.height());
        let at = if self.y_axis.reversed { 1.0 - at } else { at };
        let [low, high] = self.y.map(|v| self.y_axis.forward(v));
        Some([self.pointer_x()?, self.y_axis.inverse(low + at * (high - low))])
    }

    /// The value of x under the pointer, if that is within the axes.
    pub fn pointer_x(&self) -> Option<f64> {
        let pointer = self.response.hover_pos().filter(|p| self.frame.contains(*p))?;
        let at = f64::from((pointer.x - self.frame.left()) / self.frame.width());
        let [low, high] = self.x.map(|v| self.x_axis.forward(v));
        Some(self.x_axis.inverse(low + at * (high - low)))
    }
}

fn place(axis: &gainfield::figure::Axis, value: f64, range: [f64; 2], low: f32, high: f32) -> f32 {
    let at = axis.position(value, range).clamp(-10.0, 11.0) as f32;
    let at = if axis.reversed { 1.0 - at } else { at };
    low + at * (high - low)
}

/// What is needed to draw marks.
pub(crate) struct Scene<'a> {
    pub painter: egui::Painter,
    pub t: &'static Tokens,
    pub drawn: &'a Drawn,
    pub hollow: Color32,
}

impl Scene<'_> {
    pub fn ink(&self, ink: Ink) -> Color32 {
        match ink {
            Ink::Text => self.t.text,
            Ink::Muted => self.t.text2,
            Ink::Role(_) | Ink::Category(_) | Ink::Ordered { .. } => color(ink.colour(self.ground())),
        }
    }

    pub fn label_ink(&self, ink: Ink) -> Color32 {
        match ink {
            Ink::Text => self.t.text,
            Ink::Muted => self.t.text2,
            Ink::Role(_) | Ink::Category(_) | Ink::Ordered { .. } => color(ink.label_colour(self.ground())),
        }
    }

    pub fn ground(&self) -> Ground {
        crate::texture::ground(self.t.dark)
    }
}

/// A colour of the library as egui has it.
pub fn color([r, g, b]: Rgb) -> Color32 {
    Color32::from_rgb(r, g, b)
}

/// The part of an axis that is zoomed to, in its own direction only.
#[derive(Clone, Copy, Debug, Default)]
struct Zoom {
    x: Option<[f64; 2]>,
}

impl<'a> PlotUi<'a> {
    /// `name`: for assistive technology and for the state of the zoom.
    pub fn new(plot: &'a Plot, name: &'a str) -> Self {
        Self {
            plot,
            name,
            names: Names::Direct,
            gutter: Gutter::default(),
            playhead: None,
            zoomable: false,
            hollow: Color32::TRANSPARENT,
            below: 0.0,
            titles: None,
            image_aspect: false,
        }
    }

    /// Keeps room between the ticks of x and its title; part of the lower gutter.
    pub fn below(mut self, height: f32) -> Self {
        self.below = height;
        self
    }

    /// Colours the titles of the axes, where each stands for a condition.
    pub fn title_colors(mut self, x: Color32, y: Color32) -> Self {
        self.titles = Some([x, y]);
        self
    }

    /// Gives a unit of x the length of a unit of y, as images need it.
    pub fn image_aspect(mut self) -> Self {
        self.image_aspect = true;
        self
    }

    pub fn names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    pub fn gutter(mut self, gutter: Gutter) -> Self {
        self.gutter = gutter;
        self
    }

    pub fn playhead(mut self, x: f64) -> Self {
        self.playhead = Some(x);
        self
    }

    /// Wheel zooms along x, drag pans, double click fits.
    pub fn zoomable(mut self) -> Self {
        self.zoomable = true;
        self
    }

    /// Fills all of `size`.
    pub fn show(mut self, ui: &mut Ui, size: Vec2) -> Drawn {
        let t = tokens(ui);
        self.hollow = t.panel;
        let legend = if self.names == Names::Legend { 20.0 } else { 0.0 };
        let sense = if self.zoomable { Sense::click_and_drag() } else { Sense::click() };
        let (rect, response) = ui.allocate_exact_size(size, sense);
        let [x, y] = self.plot.ranges();
        let height = rect.height() - self.gutter.top - self.gutter.bottom - legend;
        let left = self.gutter.left.max(axes::room_of_y(ui, self.plot, y, height));
        let mut frame = Rect::from_min_max(
            rect.min + vec2(left, self.gutter.top),
            rect.max - vec2(self.gutter.right, self.gutter.bottom + legend),
        );
        if self.plot.equal_axes {
            let side = frame.width().min(frame.height());
            frame = Rect::from_min_size(frame.min, vec2(side, side));
        }
        let id = response.id.with("zoom");
        if self.image_aspect {
            frame = same_scale(frame, (x[1] - x[0]).abs(), (y[1] - y[0]).abs());
        }
        let mut y_axis = self.plot.y.clone();
        // Named rows are listed downwards.
        y_axis.reversed ^= y_axis.is_categorical();
        let mut drawn = Drawn { frame, x, y, response, x_axis: self.plot.x.clone(), y_axis };
        if self.zoomable {
            drawn.x = zoomed(ui, id, &drawn);
        }
        if frame.width() < 8.0 || frame.height() < 8.0 || !ui.is_rect_visible(rect) {
            return drawn;
        }
        axes::show(ui, self.plot, &drawn, rect, self.below, self.titles);
        let scene =
            Scene { painter: ui.painter_at(frame.expand(4.0)), t, drawn: &drawn, hollow: self.hollow };
        marks::show(ui, self.plot, &scene, self.names);
        if let Some(at) = self.playhead.filter(|at| (drawn.x[0]..=drawn.x[1]).contains(at)) {
            let x = drawn.x_at(at);
            ui.painter().vline(x, frame.y_range(), Stroke::new(crate::theme::metrics::PLAYHEAD, t.playhead));
        }
        if self.names == Names::Legend {
            let row = Rect::from_min_max(pos2(rect.left(), rect.bottom() - legend), rect.max);
            marks::legend(ui, self.plot, &scene, row);
        }
        focus_ring(ui, &drawn.response, rect, 0, Ring::Inside);
        widgets::name(&drawn.response, Role::Figure, self.name);
        drawn
    }
}

/// The largest part of `frame`, from its top left, in which `x` and `y` have the same scale.
fn same_scale(frame: Rect, x: f64, y: f64) -> Rect {
    if !(x > 0.0 && y > 0.0) {
        return frame;
    }
    let scale = (f64::from(frame.width()) / x).min(f64::from(frame.height()) / y);
    Rect::from_min_size(frame.min, vec2((x * scale) as f32, (y * scale) as f32))
}

fn zoomed(ui: &Ui, id: Id, drawn: &Drawn) -> [f64; 2] {
    let mut zoom: Zoom = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let full = drawn.x;
    let mut shown = zoom.x.unwrap_or(full);
    let response = &drawn.response;
    if response.double_clicked() {
        zoom.x = None;
        shown = full;
    } else if let Some(pointer) = response.hover_pos().filter(|p| drawn.frame.contains(*p)) {
        let scroll = ui.input(|i| i.smooth_scroll_delta().y);
        if scroll != 0.0 {
            let at = f64::from((pointer.x - drawn.frame.left()) / drawn.frame.width());
            let factor = f64::from((-scroll * 0.005).exp());
            let center = shown[0] + at * (shown[1] - shown[0]);
            shown = shown.map(|end| center + (end - center) * factor);
            zoom.x = Some(shown);
        }
        if response.dragged() && zoom.x.is_some() {
            let moved = f64::from(response.drag_delta().x / drawn.frame.width()) * (shown[1] - shown[0]);
            shown = shown.map(|end| end - moved);
            zoom.x = Some(shown);
        }
    }
    if let Some([low, high]) = zoom.x {
        let kept = [low.max(full[0]), high.min(full[1])];
        zoom.x = (kept[1] - kept[0] > 1e-9 * (full[1] - full[0]).abs() && kept != full).then_some(kept);
        shown = zoom.x.unwrap_or(full);
    }
    ui.data_mut(|data| data.insert_temp(id, zoom));
    shown
}

/// The direction along which the categories of a plot lie, if it has any.
pub(crate) fn categories(plot: &Plot) -> Option<Direction> {
    plot.categories()
}

/// The text style of ticks and direct labels.
pub(crate) const TICK: Text = Text::Caption;
