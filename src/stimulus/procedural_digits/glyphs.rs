//! Outlines of the digits 0 to 9 in the bundled fonts, as polylines.

use std::sync::OnceLock;

use ttf_parser::{Face, OutlineBuilder};

use super::Polyline;

/// Pieces per curve or line: fine enough to bend smoothly under a warp.
const PIECES: usize = 6;

/// Outlines of one font, indexed by class.
type DigitOutlines = Vec<Vec<Polyline>>;

/// The digits of every bundled font, centred, one unit high.
pub(super) fn digit_outlines() -> &'static [DigitOutlines] {
    static FONTS: OnceLock<Vec<DigitOutlines>> = OnceLock::new();
    FONTS.get_or_init(|| {
        [
            include_bytes!("../../../assets/fonts/Inter-Regular-tnum.otf").as_slice(),
            include_bytes!("../../../assets/fonts/Inter-Medium-tnum.otf"),
            include_bytes!("../../../assets/fonts/Inter-SemiBold-tnum.otf"),
            include_bytes!("../../../assets/fonts/JetBrainsMono-Regular-subset.ttf"),
        ]
        .into_iter()
        .map(|bytes| {
            let face = Face::parse(bytes, 0).expect("the bundled fonts parse");
            ('0'..='9').map(|digit| outline(&face, digit)).collect()
        })
        .collect()
    })
}

fn outline(face: &Face<'_>, digit: char) -> Vec<Polyline> {
    let glyph = face.glyph_index(digit).expect("the bundled fonts have the digits");
    let mut flattener = Flattener::default();
    let bounds = face.outline_glyph(glyph, &mut flattener).expect("digits have outlines");
    let height = f32::from(bounds.y_max - bounds.y_min);
    let centre = [
        f32::from(bounds.x_min + bounds.x_max) / 2.0,
        f32::from(bounds.y_min) / 2.0 + f32::from(bounds.y_max) / 2.0,
    ];
    for contour in &mut flattener.contours {
        for point in contour {
            // Fonts count y upwards.
            *point = [(point[0] - centre[0]) / height, (centre[1] - point[1]) / height];
        }
    }
    flattener.contours
}

#[derive(Default)]
struct Flattener {
    contours: Vec<Polyline>,
}

impl Flattener {
    fn pieces(&mut self, end: [f32; 2], point: impl Fn([f32; 2], f32) -> [f32; 2]) {
        if let Some(contour) = self.contours.last_mut()
            && let Some(&start) = contour.last()
        {
            contour.extend((1..PIECES).map(|k| point(start, k as f32 / PIECES as f32)));
            contour.push(end);
        }
    }
}

impl OutlineBuilder for Flattener {
    fn move_to(&mut self, x: f32, y: f32) {
        self.contours.push(vec![[x, y]]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.pieces([x, y], |[x0, y0], t| [x0 + (x - x0) * t, y0 + (y - y0) * t]);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let bezier = |a: f32, b: f32, c: f32, t: f32| {
            let s = 1.0 - t;
            s * s * a + 2.0 * s * t * b + t * t * c
        };
        self.pieces([x, y], |[x0, y0], t| [bezier(x0, x1, x, t), bezier(y0, y1, y, t)]);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let bezier = |a: f32, b: f32, c: f32, d: f32, t: f32| {
            let s = 1.0 - t;
            s * s * s * a + 3.0 * s * s * t * b + 3.0 * s * t * t * c + t * t * t * d
        };
        self.pieces([x, y], |[x0, y0], t| [bezier(x0, x1, x2, x, t), bezier(y0, y1, y2, y, t)]);
    }

    fn close(&mut self) {
        // A closing line bends like every other.
        if let Some(&[x, y]) = self.contours.last().and_then(|contour| contour.first()) {
            self.line_to(x, y);
        }
    }
}
