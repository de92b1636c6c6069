//! Coloured pictures made from a seed, for networks of photographs where no photograph is at hand:
//! ellipses, rectangles and triangles on a cloudy ground.

use super::{Image, pink_noise};
use crate::rng::{self, Rng};

/// Contrast of the clouds and of the grain inside shapes.
const CLOUDS: f32 = 0.12;

/// A shape in fractions of the picture's shorter side, turned about its middle.
struct Shape {
    outline: Outline,
    middle: [f64; 2],
    half: [f64; 2],
    turn: [f64; 2],
    colours: [[f32; 3]; 2],
}

enum Outline {
    Ellipse,
    Rectangle,
    Triangle,
}

/// Picture number `number` of `seed` with `n_shapes` shapes, `[3, height, width]` in `0..=1`. It
/// depends on nothing else.
pub fn coloured_scene(seed: u64, number: u64, n_shapes: usize, height: usize, width: usize) -> Image {
    let mut rng = rng::stream(seed, "coloured scene", &[number]);
    let mut image = Image::zeros(3, height, width);
    let (top, bottom) = (colour(&mut rng), colour(&mut rng));
    let uniforms: Vec<f32> = (0..height * width).map(|_| rng::uniform(&mut rng) as f32).collect();
    let clouds = pink_noise(&uniforms, height, width, 1.5, 1.0);
    let scale = clouds.data().iter().fold(f32::MIN_POSITIVE, |top, value| top.max(value.abs()));
    let cloud = |row: usize, column: usize| CLOUDS * clouds.at(0, row, column) / scale;
    let unit = height.min(width) as f64;
    let shapes: Vec<Shape> =
        (0..n_shapes).map(|_| Shape::draw(&mut rng, height as f64 / unit, width as f64 / unit)).collect();
    for row in 0..height {
        let down = row as f32 / height.max(2) as f32;
        for column in 0..width {
            let mut pixel = mixed(top, bottom, down);
            let at = [(row as f64 + 0.5) / unit, (column as f64 + 0.5) / unit];
            for shape in &shapes {
                if let Some(along) = shape.holds(at) {
                    pixel = mixed(shape.colours[0], shape.colours[1], along);
                }
            }
            for (channel, value) in pixel.into_iter().enumerate() {
                image.set(channel, row, column, (value + cloud(row, column)).clamp(0.0, 1.0));
            }
        }
    }
    image
}

fn colour(rng: &mut Rng) -> [f32; 3] {
    [(); 3].map(|()| rng::uniform(rng) as f32)
}

fn mixed(a: [f32; 3], b: [f32; 3], share: f32) -> [f32; 3] {
    std::array::from_fn(|channel| a[channel] + share * (b[channel] - a[channel]))
}

impl Shape {
    /// Somewhere in a picture of `height` by `width`.
    fn draw(rng: &mut Rng, height: f64, width: f64) -> Self {
        let outline = match rng::index(rng, 0, 3) {
            0 => Outline::Ellipse,
            1 => Outline::Rectangle,
            _ => Outline::Triangle,
        };
        let middle = [height, width].map(|length| length * (0.15 + 0.7 * rng::uniform(rng)));
        let half = [(); 2].map(|()| 0.06 + 0.2 * rng::uniform(rng));
        let angle = std::f64::consts::TAU * rng::uniform(rng);
        Self { outline, middle, half, turn: [angle.cos(), angle.sin()], colours: [colour(rng), colour(rng)] }
    }

    /// How far along its shading a place lies, 0 to 1; `None` outside the shape.
    fn holds(&self, [row, column]: [f64; 2]) -> Option<f32> {
        let (y, x) = (row - self.middle[0], column - self.middle[1]);
        let [cos, sin] = self.turn;
        let v = (cos * y - sin * x) / self.half[0];
        let u = (sin * y + cos * x) / self.half[1];
        let is_inside = match self.outline {
            Outline::Ellipse => u * u + v * v <= 1.0,
            Outline::Rectangle => u.abs() <= 1.0 && v.abs() <= 1.0,
            Outline::Triangle => v.abs() <= 1.0 && u.abs() <= (1.0 + v) / 2.0,
        };
        is_inside.then_some(((1.0 + v) / 2.0) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_repeat_differ_and_have_colours() {
        let picture = |number| coloured_scene(3, number, 5, 40, 56);
        assert_eq!(picture(1), picture(1));
        assert_ne!(picture(1), picture(2));
        let found = picture(1);
        assert_eq!(found.shape(), [3, 40, 56]);
        assert!(found.data().iter().all(|value| (0.0..=1.0).contains(value)));
        assert!(found.plane(0) != found.plane(1));
        let spread = |image: &Image| {
            let (low, high) =
                image.data().iter().fold((1f32, 0f32), |(low, high), &v| (low.min(v), high.max(v)));
            high - low
        };
        assert!(spread(&found) > 0.3);
    }

    #[test]
    fn shapes_cover_the_ground() {
        assert_ne!(coloured_scene(3, 1, 0, 32, 32), coloured_scene(3, 1, 5, 32, 32));
    }
}
