//! Picture files as stimuli, fitted to a model's input.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    stimulus::{
        Image, PictureSet, Preparation, Split,
        image_file::Picture,
        resize, resize_bytes,
        sets::{Drawn, PROCEDURAL, SetKind},
    },
};

/// Grey that fills what a picture leaves free.
const FILL: f32 = 127.0 / 255.0;

/// How a picture of another shape is brought to the model's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// As the model's source prepares pictures, where it says so, else as `Pad`.
    #[default]
    Auto,
    /// All of the picture, centred on grey.
    Pad,
    /// As much of its middle as fills the input.
    Crop,
    /// All of it, its proportions changed.
    Stretch,
}

impl Fit {
    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Auto => "as the source does",
            Self::Pad => "all of it on grey",
            Self::Crop => "its middle, filling the input",
            Self::Stretch => "stretched to the input",
        }
    }
}

/// One file or a folder of files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PictureStimulus {
    pub path: PathBuf,
    pub fit: Fit,
}

/// Coloured pictures made from the seed, one per trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SceneStimulus {
    /// Number of shapes, 0 to 100.
    pub shapes: usize,
}

impl Default for SceneStimulus {
    fn default() -> Self {
        Self { shapes: 6 }
    }
}

impl SceneStimulus {
    /// # Errors
    /// [`Error::Config`] for too many shapes.
    pub fn validate(&self) -> Result<()> {
        match self.shapes {
            0..=100 => Ok(()),
            shapes => Err(Error::config("shapes", "0 to 100", shapes)),
        }
    }
}

/// The pictures of a data set, one per trial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SetStimulus {
    pub set: SetKind,
    pub fit: Fit,
    /// Only the pictures of the first classes; 0 is all.
    pub classes: usize,
    /// The answer is whether a picture has this attribute, 0 or 1, instead of its class.
    pub attribute: String,
}

/// Seed and number of the drawn pictures that stand in where no data is given.
const DRAWN: Drawn = Drawn { seed: 0, n: [4_000, 2_000] };

impl SetStimulus {
    /// # Errors
    /// As [`SetKind::open`].
    pub fn open(&self, folder: Option<&Path>, split: Split) -> Result<PictureSet> {
        let data = folder.map_or_else(|| PROCEDURAL.into(), Path::to_string_lossy);
        let set = self.set.open(&data, split, DRAWN)?;
        if self.classes == 0 { Ok(set) } else { set.of_first_classes(self.classes) }
    }

    /// The number of the attribute that is asked for, if one is.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an attribute that pictures of `set` do not have.
    pub fn attribute_of(&self, set: &PictureSet) -> Result<Option<usize>> {
        if self.attribute.is_empty() {
            return Ok(None);
        }
        let names = set.attribute_names();
        let found = names.iter().position(|name| name.eq_ignore_ascii_case(&self.attribute));
        found.map(Some).ok_or_else(|| Error::unknown("attribute", &self.attribute, names))
    }
}

/// Photographs with two annotated objects each, as the photograph model was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhotographStimulus {
    /// Folder of the pictures.
    pub images: PathBuf,
    /// COCO instances file.
    pub annotations: PathBuf,
    /// How far targets keep the attended object above the rest, 0 to 1.
    pub strength: f64,
}

impl Default for PhotographStimulus {
    fn default() -> Self {
        Self { images: PathBuf::new(), annotations: PathBuf::new(), strength: 0.3 }
    }
}

impl PhotographStimulus {
    /// # Errors
    /// [`Error::Config`] naming the setting that is missing or out of range.
    pub fn validate(&self) -> Result<()> {
        if self.images.as_os_str().is_empty() {
            return Err(Error::config("images", "the folder of the pictures", "nothing"));
        }
        if self.annotations.as_os_str().is_empty() {
            return Err(Error::config("annotations", "the path of a COCO instances file", "nothing"));
        }
        match (0.0..=1.0).contains(&self.strength) {
            true => Ok(()),
            false => Err(Error::config("strength", "0 to 1", self.strength)),
        }
    }
}

/// Size of a model's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canvas {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl PictureStimulus {
    /// # Errors
    /// [`Error::Config`] without a path.
    pub fn validate(&self) -> Result<()> {
        match self.path.as_os_str().is_empty() {
            true => Err(Error::config("path", "the path of a picture or folder", "nothing")),
            false => Ok(()),
        }
    }
}

/// `picture` (3 channels) on `canvas`: fitted, resized with antialiasing, grey if there is one channel.
///
/// # Errors
/// [`Error::Unsupported`] unless the canvas has 1 or 3 channels and both have pixels.
pub fn fitted(picture: &Image, canvas: Canvas, fit: Fit) -> Result<Image> {
    let [channels, height, width] = picture.shape();
    if ![1, 3].contains(&canvas.channels) {
        return Err(Error::Unsupported(format!(
            "pictures have 1 or 3 channels, this model takes {}",
            canvas.channels
        )));
    }
    if [height, width, canvas.height, canvas.width].contains(&0) || channels != 3 {
        return Err(Error::shape("picture", "3 channels and at least one pixel", &picture.shape()));
    }
    let [rows, columns] = fitted_size([height, width], canvas, fit);
    let resized = resize(picture, rows, columns, true);
    let mut out = Image::uniform(&[FILL; 3], canvas.height, canvas.width);
    let middle = |room: usize, length: usize| (room as isize - length as isize).div_euclid(2);
    out.paste(&resized, middle(canvas.height, resized.height()), middle(canvas.width, resized.width()));
    Ok(if canvas.channels == 3 { out } else { luminance(&out) })
}

/// Luminance of a picture of three channels.
pub fn luminance(picture: &Image) -> Image {
    let [red, green, blue] = [0, 1, 2].map(|channel| picture.plane(channel));
    Image::from_fn(picture.height(), picture.width(), |row, column| {
        let at = row * picture.width() + column;
        0.299 * red[at] + 0.587 * green[at] + 0.114 * blue[at]
    })
}

/// The source's preparation, where `fit` leaves it to that and it is one for this canvas.
pub(super) fn as_source(canvas: Canvas, fit: Fit, preparation: Option<Preparation>) -> Option<Preparation> {
    let fits = |preparation: &Preparation| [canvas.height, canvas.width] == [preparation.side; 2];
    preparation.filter(|preparation| fit == Fit::Auto && fits(preparation))
}

/// Height and width that a picture is resized to before it is placed on the canvas.
pub(super) fn fitted_size([height, width]: [usize; 2], canvas: Canvas, fit: Fit) -> [usize; 2] {
    let scales = (canvas.height as f64 / height as f64, canvas.width as f64 / width as f64);
    let scale = match fit {
        Fit::Auto | Fit::Pad => scales.0.min(scales.1),
        Fit::Crop => scales.0.max(scales.1),
        Fit::Stretch => return [canvas.height, canvas.width],
    };
    [height, width].map(|length| ((length as f64 * scale).round() as usize).max(1))
}

/// `picture` on `canvas` as the model's source prepares it, where `fit` leaves that to it and the
/// source says how for this canvas; else [`fitted`].
///
/// # Errors
/// As [`fitted`].
pub fn prepared(
    picture: &Picture,
    canvas: Canvas,
    fit: Fit,
    preparation: Option<Preparation>,
) -> Result<Image> {
    match as_source(canvas, fit, preparation) {
        Some(preparation) if [1, 3].contains(&canvas.channels) => {
            let shape = [picture.height, picture.width, 3];
            let image = preparation.image(&picture.rgb, shape)?;
            Ok(if canvas.channels == 3 { image } else { luminance(&image) })
        }
        _ => fitted(&picture.to_image(), canvas, fit),
    }
}

/// A square of grey `bytes` on `canvas`: resized as Pillow does to the shorter side, in the middle of
/// black, equal in all channels.
///
/// # Errors
/// [`Error::Shape`] if `bytes` is no square or one of them has no pixel.
pub fn enlarged(bytes: &[u8], side: usize, canvas: Canvas) -> Result<Image> {
    let shorter = canvas.height.min(canvas.width);
    if bytes.len() != side * side || side == 0 || shorter == 0 {
        return Err(Error::shape("square of grey bytes", [side, side], &[bytes.len()]));
    }
    let square =
        Image::from_grey_bytes(shorter, shorter, &resize_bytes(bytes, [side, side, 1], [shorter; 2]));
    let mut out = Image::zeros(1, canvas.height, canvas.width);
    let middle = |room: usize| ((room - shorter) / 2) as isize;
    out.paste(&square, middle(canvas.height), middle(canvas.width));
    Ok(out.repeated(canvas.channels))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANVAS: Canvas = Canvas { channels: 3, height: 6, width: 6 };

    fn wide() -> Image {
        Image::from_fn(4, 8, |_, column| column as f32 / 8.0).repeated(3)
    }

    #[test]
    fn padding_shows_all_and_cropping_fills_all() {
        let padded = fitted(&wide(), CANVAS, Fit::Pad).unwrap();
        assert_eq!((padded.at(0, 0, 3), padded.at(2, 5, 0)), (FILL, FILL));
        assert!(padded.at(0, 2, 0) < 0.1 && padded.at(0, 2, 5) > 0.75);
        let cropped = fitted(&wide(), CANVAS, Fit::Crop).unwrap();
        assert!(cropped.at(0, 0, 0) > 0.15 && cropped.at(0, 5, 5) < 0.75);
        let stretched = fitted(&wide(), CANVAS, Fit::Stretch).unwrap();
        assert!(stretched.at(0, 0, 0) < 0.1 && stretched.at(0, 0, 5) > 0.75);
    }

    #[test]
    fn one_channel_takes_the_luminance() {
        let picture = Image::uniform(&[1.0, 0.5, 0.0], 3, 3);
        let grey = fitted(&picture, Canvas { channels: 1, height: 2, width: 2 }, Fit::Stretch).unwrap();
        assert_eq!(grey.shape(), [1, 2, 2]);
        assert!((grey.at(0, 0, 0) - 0.5925).abs() < 1e-6);
        assert!(fitted(&picture, Canvas { channels: 2, height: 2, width: 2 }, Fit::Pad).is_err());
    }
}
