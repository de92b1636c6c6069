//! The nine silhouettes of the shape task: our own drawings, or the ones of a folder.

use std::path::Path as FilePath;

use tiny_skia::{FillRule, Mask, Path, PathBuilder, Transform};

use crate::{
    error::{Error, Result},
    stimulus::{DataFile, Image, image_file::read_picture, resize},
};

/// Names of the shapes in the order of their classes.
pub const SHAPES: [&str; 9] = ["trg", "sqr", "circ", "cross", "hex", "star", "heart", "david", "crs"];
/// Rows and columns of a drawing, of a shape, and zeros around it.
const DRAWN: usize = 60;
const SIZE: usize = 64;
const MARGIN: usize = 32;

/// Silhouettes in `0..=1`, `[1, 60, 60]` each. Cloning copies a pointer.
#[derive(Clone, Debug, PartialEq)]
pub struct ShapeDrawings {
    drawings: std::sync::Arc<[Image]>,
    files: Vec<DataFile>,
}

impl ShapeDrawings {
    /// Our own drawings of the same figures.
    pub fn drawn() -> Self {
        let drawings = (0..SHAPES.len()).map(|shape| {
            let mut mask = Mask::new(DRAWN as u32, DRAWN as u32).expect("60 is a valid size");
            for path in outline(shape).into_iter().flatten() {
                mask.fill_path(&path, FillRule::Winding, true, Transform::identity());
            }
            Image::from_grey_bytes(DRAWN, DRAWN, mask.data())
        });
        Self { drawings: drawings.collect(), files: Vec::new() }
    }

    /// The drawings `trg.png`, `sqr.png`, … of a folder: 60x60, the red channel is the figure.
    ///
    /// # Errors
    /// [`Error::File`] if one has another size, and whatever reading a picture reports.
    pub fn read(folder: &FilePath) -> Result<Self> {
        let (mut drawings, mut files) = (Vec::new(), Vec::new());
        for name in SHAPES {
            let path = folder.join(format!("{name}.png"));
            let (picture, file) = read_picture(&path)?;
            if (picture.height, picture.width) != (DRAWN, DRAWN) {
                let found = format!("{}x{}", picture.height, picture.width);
                return Err(Error::file(path, "a shape of 60x60 pixels", found, "resize it"));
            }
            let red: Vec<u8> = picture.rgb.iter().copied().step_by(3).collect();
            drawings.push(Image::from_grey_bytes(DRAWN, DRAWN, &red));
            files.push(file);
        }
        Ok(Self { drawings: drawings.into(), files })
    }

    /// A shape enlarged to 64 x 64 after `margin` zeros were put around the drawing.
    ///
    /// # Errors
    /// [`Error::Config`] for a class beyond the shapes.
    pub fn enlarged(&self, shape: usize, margin: usize) -> Result<Image> {
        let drawing = self
            .drawings
            .get(shape)
            .ok_or_else(|| Error::config("shape", format!("below {}", SHAPES.len()), shape))?;
        Ok(resize(&drawing.padded(margin), SIZE, SIZE, true))
    }

    /// A shape in the middle of the canvas, `[1, 128, 128]`.
    ///
    /// # Errors
    /// As [`ShapeDrawings::enlarged`].
    pub fn on_canvas(&self, shape: usize) -> Result<Image> {
        Ok(self.enlarged(shape, 0)?.padded(MARGIN))
    }

    /// The files that were read; none for our own drawings.
    pub fn files(&self) -> &[DataFile] {
        &self.files
    }
}

/// Corners of a regular polygon; `radii` alternate from corner to corner.
fn polygon(n: usize, radii: &[f32], turn_deg: f32) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for k in 0..n {
        let (sin, cos) = (turn_deg + 360.0 * k as f32 / n as f32).to_radians().sin_cos();
        let radius = radii[k % radii.len()];
        let (x, y) = (30.0 + radius * sin, 30.0 - radius * cos);
        if k == 0 { builder.move_to(x, y) } else { builder.line_to(x, y) }
    }
    builder.close();
    builder.finish()
}

fn outline(shape: usize) -> Vec<Option<Path>> {
    let rectangle = |left: f32, top: f32, width: f32, height: f32| {
        tiny_skia::Rect::from_xywh(left, top, width, height).map(PathBuilder::from_rect)
    };
    match shape {
        0 => vec![polygon(3, &[29.0], 0.0)],
        1 => vec![rectangle(8.0, 8.0, 44.0, 44.0)],
        2 => vec![PathBuilder::from_circle(30.0, 30.0, 26.0)],
        3 => vec![rectangle(22.0, 3.0, 16.0, 54.0), rectangle(3.0, 22.0, 54.0, 16.0)],
        4 => vec![polygon(6, &[28.0], 30.0)],
        5 => vec![polygon(10, &[29.0, 12.0], 0.0)],
        6 => vec![heart()],
        7 => vec![polygon(3, &[29.0], 0.0), polygon(3, &[29.0], 60.0)],
        _ => vec![crescent()],
    }
}

fn heart() -> Option<Path> {
    let mut builder = PathBuilder::new();
    builder.move_to(30.0, 55.0);
    builder.cubic_to(2.0, 34.0, 2.0, 6.0, 17.0, 6.0);
    builder.cubic_to(24.0, 6.0, 29.0, 11.0, 30.0, 17.0);
    builder.cubic_to(31.0, 11.0, 36.0, 6.0, 43.0, 6.0);
    builder.cubic_to(58.0, 6.0, 58.0, 34.0, 30.0, 55.0);
    builder.close();
    builder.finish()
}

fn crescent() -> Option<Path> {
    let mut builder = PathBuilder::new();
    builder.move_to(38.0, 5.0);
    builder.cubic_to(2.0, 0.0, 2.0, 60.0, 38.0, 55.0);
    builder.cubic_to(20.0, 46.0, 20.0, 14.0, 38.0, 5.0);
    builder.close();
    builder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_shapes_differ_and_lie_in_the_middle_of_the_canvas() {
        let shapes = ShapeDrawings::drawn();
        let all: Vec<Image> = (0..9).map(|shape| shapes.on_canvas(shape).unwrap()).collect();
        for (k, shape) in all.iter().enumerate() {
            assert_eq!(shape.shape(), [1, 128, 128]);
            let ink: f32 = shape.data().iter().sum();
            assert!((400.0..3600.0).contains(&ink), "{}: {ink}", SHAPES[k]);
            for other in &all[..k] {
                let difference: f32 = shape.data().iter().zip(other.data()).map(|(a, b)| (a - b).abs()).sum();
                assert!(difference > 60.0, "{}", SHAPES[k]);
            }
        }
        assert!(shapes.on_canvas(9).is_err());
    }
}
