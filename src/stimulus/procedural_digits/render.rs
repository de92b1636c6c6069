//! From distorted lines to 28x28 bytes.

use tiny_skia::{FillRule, LineCap, LineJoin, Mask, Path, PathBuilder, Stroke, Transform};

use super::{DIGIT_SIZE, Distortion, Drawing, Polyline};
use crate::rng::{self, Rng};

/// Fainter ink is background: the empty part must be exactly 0.
const FAINTEST: f32 = 8.0;

/// Draws `drawing` under `distortion` into `pixels`, `[28 * 28]`; `rng` gives the grain.
pub(super) fn render(drawing: &Drawing<'_>, distortion: &Distortion, rng: &mut Rng, pixels: &mut [u8]) {
    let coverage = match drawing {
        Drawing::Outline(outlines) => outline_coverage(outlines, distortion),
        Drawing::Pen(strokes) => path(strokes, distortion, false)
            .and_then(|line| line.stroke(&round_stroke(distortion.stroke_px), 1.0))
            .map_or_else(|| vec![0; pixels.len()], |path| fill(&path)),
    };
    let blurred = binomial_blur(&coverage);
    for ((pixel, &sharp), soft) in pixels.iter_mut().zip(&coverage).zip(blurred) {
        let ink = (f32::from(sharp) * (1.0 - distortion.blur) + soft * distortion.blur) * distortion.gain;
        let ink = ink.min(255.0) * (1.0 - distortion.grain * rng::uniform(rng) as f32);
        *pixel = if ink < FAINTEST { 0 } else { ink.round() as u8 };
    }
}

fn outline_coverage(outlines: &[Polyline], distortion: &Distortion) -> Vec<u8> {
    let Some(outline) = path(outlines, distortion, true) else {
        return vec![0; DIGIT_SIZE * DIGIT_SIZE];
    };
    let inside = fill(&outline);
    // A stroke of this width reaches half of it to either side of the outline.
    let rim = outline.stroke(&round_stroke(distortion.stroke_px.abs()), 1.0).map(|path| fill(&path));
    let Some(rim) = rim else { return inside };
    inside
        .iter()
        .zip(rim)
        .map(|(&ink, rim)| if distortion.stroke_px > 0.0 { ink.max(rim) } else { ink.saturating_sub(rim) })
        .collect()
}

/// The lines in pixels: aspect, warp, shear, rotation, then scaled and centred by their bounds.
fn path(lines: &[Polyline], distortion: &Distortion, closed: bool) -> Option<Path> {
    let (sin, cos) = distortion.rotation_rad.sin_cos();
    let place = |&[x, y]: &[f32; 2]| {
        let (mut px, mut py) = (x * distortion.aspect, y);
        for wave in &distortion.waves {
            let bend = (wave.frequency[0] * x + wave.frequency[1] * y + wave.phase).sin();
            px += wave.amplitude[0] * bend;
            py += wave.amplitude[1] * bend;
        }
        px -= distortion.shear * py;
        [cos * px - sin * py, sin * px + cos * py]
    };
    let placed: Vec<Polyline> = lines.iter().map(|line| line.iter().map(place).collect()).collect();
    let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
    for point in placed.iter().flatten() {
        for axis in 0..2 {
            low[axis] = low[axis].min(point[axis]);
            high[axis] = high[axis].max(point[axis]);
        }
    }
    let scale = distortion.size_px / (high[0] - low[0]).max(high[1] - low[1]);
    let middle = DIGIT_SIZE as f32 / 2.0;
    let to_pixel = |point: &[f32; 2], axis: usize| {
        (point[axis] - (low[axis] + high[axis]) / 2.0) * scale + middle + distortion.shift_px[axis]
    };
    let mut builder = PathBuilder::new();
    for line in &placed {
        for (k, point) in line.iter().enumerate() {
            let (x, y) = (to_pixel(point, 0), to_pixel(point, 1));
            if k == 0 { builder.move_to(x, y) } else { builder.line_to(x, y) }
        }
        if closed {
            builder.close();
        }
    }
    builder.finish()
}

fn round_stroke(width: f32) -> Stroke {
    Stroke {
        width: width.max(0.05),
        line_cap: LineCap::Round,
        line_join: LineJoin::Round,
        ..Stroke::default()
    }
}

fn fill(path: &Path) -> Vec<u8> {
    let mut mask = Mask::new(DIGIT_SIZE as u32, DIGIT_SIZE as u32).expect("28 is a valid size");
    mask.fill_path(path, FillRule::Winding, true, Transform::identity());
    mask.take()
}

/// The 3x3 kernel (1 2 1)x(1 2 1)/16, zeros outside.
fn binomial_blur(pixels: &[u8]) -> Vec<f32> {
    let size = DIGIT_SIZE;
    let at = |row: usize, column: usize| f32::from(pixels[row * size + column]);
    let mut rows = vec![0.0; pixels.len()];
    for row in 0..size {
        for column in 0..size {
            let left = if column > 0 { at(row, column - 1) } else { 0.0 };
            let right = if column + 1 < size { at(row, column + 1) } else { 0.0 };
            rows[row * size + column] = (left + 2.0 * at(row, column) + right) / 4.0;
        }
    }
    (0..pixels.len())
        .map(|i| {
            let above = if i >= size { rows[i - size] } else { 0.0 };
            let below = rows.get(i + size).copied().unwrap_or(0.0);
            (above + 2.0 * rows[i] + below) / 4.0
        })
        .collect()
}
