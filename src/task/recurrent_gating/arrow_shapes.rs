//! The eight arrows: our own drawings, or the ones of a folder.

use std::path::Path;

use tiny_skia::{FillRule, Mask, PathBuilder, Transform};

use super::scene::CELL;
use crate::{
    error::{Error, Result},
    stimulus::{DataFile, Image, image_file::read_picture},
};

/// Directions in the order of the shapes.
pub const DIRECTIONS: [&str; 8] = ["n", "e", "w", "s", "ne", "nw", "se", "sw"];
/// Degrees clockwise from north, in the same order.
const CLOCKWISE_DEG: [f32; 8] = [0.0, 90.0, 270.0, 180.0, 45.0, 315.0, 135.0, 225.0];
/// Rows and columns of a drawing.
const SIZE: usize = 30;

/// Arrows as 0/1 cells of 32x32, in the order of [`DIRECTIONS`].
#[derive(Clone, Debug, PartialEq)]
pub struct ArrowShapes {
    cells: Vec<Image>,
    files: Vec<DataFile>,
}

impl ArrowShapes {
    /// Our own drawings: a shaft with a triangular head, 28 pixels long.
    pub fn drawn() -> Self {
        let cells =
            CLOCKWISE_DEG.iter().map(|&deg| in_cell(&drawing(deg), |covered| covered > 127)).collect();
        Self { cells, files: Vec::new() }
    }

    /// The drawings `n.png`, `e.png`, … of a folder: 30x30, an arrow where the red channel is above 0.
    ///
    /// # Errors
    /// [`Error::File`] if one has another size, and whatever reading a picture reports.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut shapes = Self { cells: Vec::new(), files: Vec::new() };
        for direction in DIRECTIONS {
            let path = folder.join(format!("{direction}.png"));
            let (picture, file) = read_picture(&path)?;
            if (picture.height, picture.width) != (SIZE, SIZE) {
                let found = format!("{}x{}", picture.height, picture.width);
                return Err(Error::file(path, "an arrow of 30x30 pixels", found, "resize it"));
            }
            let red: Vec<u8> = picture.rgb.iter().copied().step_by(3).collect();
            shapes.cells.push(in_cell(&red, |red| red > 0));
            shapes.files.push(file);
        }
        Ok(shapes)
    }

    /// The cell of a direction, `[1, 32, 32]`. Panics from 8 on.
    pub fn cell(&self, direction: usize) -> &Image {
        &self.cells[direction]
    }

    /// The files that were read; none for our own drawings.
    pub fn files(&self) -> &[DataFile] {
        &self.files
    }
}

fn in_cell(drawing: &[u8], is_arrow: impl Fn(u8) -> bool) -> Image {
    let offset = (CELL - SIZE) / 2;
    let part = Image::from_fn(SIZE, SIZE, |row, column| f32::from(is_arrow(drawing[row * SIZE + column])));
    let mut cell = Image::zeros(1, CELL, CELL);
    cell.paste(&part, offset as isize, offset as isize);
    cell
}

fn drawing(clockwise_deg: f32) -> Vec<u8> {
    let mut builder = PathBuilder::new();
    builder.move_to(15.0, 1.0);
    for (x, y) in [(23.0, 11.5), (18.0, 11.5), (18.0, 29.0), (12.0, 29.0), (12.0, 11.5), (7.0, 11.5)] {
        builder.line_to(x, y);
    }
    builder.close();
    let mut mask = Mask::new(SIZE as u32, SIZE as u32).expect("30 is a valid size");
    if let Some(path) = builder.finish() {
        mask.fill_path(&path, FillRule::Winding, true, Transform::from_rotate_at(clockwise_deg, 15.0, 15.0));
    }
    mask.take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_arrows_have_their_head_where_they_point() {
        let shapes = ArrowShapes::drawn();
        for (k, name) in DIRECTIONS.iter().enumerate() {
            let cell = shapes.cell(k);
            assert!(cell.data().iter().all(|&v| v == 0.0 || v == 1.0));
            let ink: f32 = cell.data().iter().sum();
            assert!((150.0..260.0).contains(&ink), "{name}: {ink}");
            // The head is wider than the shaft: more ink toward the end that is pointed at.
            let (east, south) = CLOCKWISE_DEG[k].to_radians().sin_cos();
            let outer = |sign: f32| -> f32 {
                let along = |at: usize| (at % 32) as f32 * east - (at / 32) as f32 * south;
                let middle = 15.5 * (east - south);
                (0..1024).filter(|&at| sign * (along(at) - middle) > 4.0).map(|at| cell.data()[at]).sum()
            };
            assert!(outer(1.0) > outer(-1.0) + 10.0, "{name}: {} and {}", outer(1.0), outer(-1.0));
        }
    }
}
