//! Rectangles and distances in points, y downwards.

use crate::figure::panel::{Direction, Plot};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::figure) struct Rect {
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

impl Rect {
    pub const fn new(x: f64, y: f64, w: f64, h: f64) -> Self {
        Self { x, y, w, h }
    }

    pub fn right(self) -> f64 {
        self.x + self.w
    }

    pub fn bottom(self) -> f64 {
        self.y + self.h
    }

    pub fn centre(self) -> [f64; 2] {
        [self.x + 0.5 * self.w, self.y + 0.5 * self.h]
    }

    pub fn overlaps(self, other: Self) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }

    pub fn contains(self, [x, y]: [f64; 2]) -> bool {
        x >= self.x && x <= self.right() && y >= self.y && y <= self.bottom()
    }

    pub fn grown(self, by: f64) -> Self {
        Self { x: self.x - by, y: self.y - by, w: self.w + 2.0 * by, h: self.h + 2.0 * by }
    }

    /// Distance to a point, 0 inside.
    pub fn distance(self, [x, y]: [f64; 2]) -> f64 {
        let dx = (self.x - x).max(x - self.right()).max(0.0);
        let dy = (self.y - y).max(y - self.bottom()).max(0.0);
        dx.hypot(dy)
    }
}

/// From the coordinates of a plot to points on the page.
pub(in crate::figure) struct Transform<'p> {
    pub plot: &'p Plot,
    pub area: Rect,
    /// Shown range of x and y.
    pub ranges: [[f64; 2]; 2],
}

impl Transform<'_> {
    pub fn x(&self, value: f64) -> f64 {
        let at = self.plot.x.position(value, self.ranges[0]);
        self.area.x + self.area.w * if self.plot.x.reversed { 1.0 - at } else { at }
    }

    pub fn y(&self, value: f64) -> f64 {
        let at = self.plot.y.position(value, self.ranges[1]);
        // Categories are listed downwards, as one reads.
        let downwards = self.plot.y.reversed != self.plot.y.is_categorical();
        self.area.y + self.area.h * if downwards { at } else { 1.0 - at }
    }

    pub fn point(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.x(x), self.y(y)]
    }

    /// Whether both axes can show the point at all (not NaN, positive where logarithmic).
    pub fn shows(&self, [x, y]: [f64; 2]) -> bool {
        self.plot.x.shows(x) && self.plot.y.shows(y)
    }

    /// A point given along and across the categorical direction.
    pub fn turned(&self, categories: Direction, across: f64, along: f64) -> [f64; 2] {
        match categories {
            Direction::X => [across, along],
            Direction::Y => [along, across],
        }
    }
}
