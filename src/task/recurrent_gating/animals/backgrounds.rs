//! Photographs behind cut-out animals: those of BG-20k, or drawn scenes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::rng::Chance;
use crate::stimulus::image_file::read_picture;
use crate::stimulus::{DataIdentity, Image, SkippedFile, Split, coloured_scene, readable, resize};

/// Drawn scenes of both splits, their size, and the shapes of each.
const DRAWN: usize = 1_000;
const DRAWN_SIZE: [usize; 2] = [192, 256];
const DRAWN_SHAPES: usize = 6;
/// Share of the photographs, by path, that is trained on: 15,000 of 20,000 in the source.
const TRAINED: [usize; 2] = [3, 4];
/// Deepest folder that is searched.
const MAX_DEPTH: usize = 4;

/// What animals are laid over. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Backgrounds {
    source: Source,
    identity: DataIdentity,
}

#[derive(Clone, Debug)]
enum Source {
    Images(Arc<[Image]>),
    Files(Arc<[PathBuf]>),
    /// From and up to which number.
    Drawn {
        seed: u64,
        numbers: [usize; 2],
    },
}

impl Backgrounds {
    /// Pictures at hand, `[3, height, width]` each.
    pub fn of_images(images: Vec<Image>) -> Self {
        Self {
            source: Source::Images(images.into()),
            identity: DataIdentity::procedural("backgrounds at hand"),
        }
    }

    /// Coloured shapes on a cloudy ground; the splits share none.
    pub fn drawn(seed: u64, split: Split) -> Self {
        let trained = DRAWN * TRAINED[0] / TRAINED[1];
        let numbers = if split == Split::Train { [0, trained] } else { [trained, DRAWN] };
        let identity = DataIdentity::procedural(format!("drawn backgrounds, {split}, seed {seed}"));
        Self { source: Source::Drawn { seed, numbers }, identity }
    }

    /// The pictures below `folder` in the order of their paths: the first three quarters for training, the
    /// rest otherwise.
    ///
    /// # Errors
    /// [`Error::File`] if there are too few, [`Error::Io`].
    pub fn open(folder: &Path, split: Split) -> Result<Self> {
        let mut paths = Vec::new();
        pictures_below(folder, MAX_DEPTH, &mut paths)?;
        paths.sort();
        let rest = paths.split_off(paths.len() * TRAINED[0] / TRAINED[1]);
        let n = paths.len() + rest.len();
        let chosen = if split == Split::Train { paths } else { rest };
        if chosen.is_empty() {
            let hint = "name the folder that holds the pictures of BG-20k";
            return Err(Error::file(folder, "at least 2 pictures", n.to_string(), hint));
        }
        let identity = DataIdentity {
            name: format!("{} backgrounds of {}, {split}", chosen.len(), folder.display()),
            ..DataIdentity::default()
        };
        Ok(Self { source: Source::Files(chosen.into()), identity })
    }

    /// Those that can be read; the identity names the others.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if none can.
    pub fn without_broken(&self) -> Result<Self> {
        let Source::Files(paths) = &self.source else { return Ok(self.clone()) };
        let (left, skipped): (Vec<usize>, Vec<SkippedFile>) =
            readable(paths, |_, path| read_picture(path).map(|_| ()))?;
        let mut set = self.clone();
        set.source = Source::Files(left.into_iter().map(|index| paths[index].clone()).collect());
        set.identity.skipped = skipped;
        Ok(set)
    }

    pub fn identity(&self) -> &DataIdentity {
        &self.identity
    }

    pub fn len(&self) -> usize {
        match &self.source {
            Source::Images(images) => images.len(),
            Source::Files(paths) => paths.len(),
            Source::Drawn { numbers, .. } => numbers[1] - numbers[0],
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Are they read from files when they are asked for?
    pub fn reads_files(&self) -> bool {
        matches!(self.source, Source::Files(_))
    }

    /// Any of them, `[3, height, width]`.
    ///
    /// # Errors
    /// [`Error::Config`] if there is none; of a file that cannot be read; of recorded choices.
    pub fn any(&self, chance: &mut impl Chance) -> Result<Image> {
        if self.is_empty() {
            return Err(Error::config("backgrounds", "at least one photograph", "none"));
        }
        let index = chance.integer(0, self.len() as i64)? as usize;
        Ok(match &self.source {
            Source::Images(images) => images[index].clone(),
            Source::Files(paths) => read_picture(&paths[index])?.0.to_image(),
            Source::Drawn { seed, numbers } => {
                let [height, width] = DRAWN_SIZE;
                coloured_scene(*seed, (numbers[0] + index) as u64, DRAWN_SHAPES, height, width)
            }
        })
    }
}

fn pictures_below(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let path = entry.map_err(Error::io("list", folder))?.path();
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            _ if path.is_dir() && depth > 0 => pictures_below(&path, depth - 1, paths)?,
            _ if path.is_dir() => {}
            Some("png" | "jpg" | "jpeg") => paths.push(path),
            _ => {}
        }
    }
    Ok(())
}

/// The top-left `height` x `width` of a photograph, mirrored where it is too small, shrunk where it is
/// larger both ways.
pub fn background(photograph: &Image, height: usize, width: usize) -> Image {
    let [channels, h, w] = photograph.shape();
    let (missing_rows, missing_columns) = (height.saturating_sub(h), width.saturating_sub(w));
    let mut image = photograph.clone();
    if missing_rows > 0 || missing_columns > 0 {
        // An axis without any deficit still gets one row or column on each side.
        let (above, beside) = (1 + missing_rows / 2, 1 + missing_columns / 2);
        let mirrored = |at: usize, pad: usize, n: usize| {
            let period = 2 * (n.max(2) - 1);
            let at = (at as isize - pad as isize).unsigned_abs() % period;
            (if at >= n { period - at } else { at }).min(n - 1)
        };
        let (tall, wide) = (h + 2 * above, w + 2 * beside);
        image = Image::zeros(channels, tall, wide);
        for channel in 0..channels {
            for row in 0..tall {
                for column in 0..wide {
                    let source = (mirrored(row, above, h), mirrored(column, beside, w));
                    image.set(channel, row, column, photograph.at(channel, source.0, source.1));
                }
            }
        }
    }
    let [_, h, w] = image.shape();
    if h > height && w > width {
        let scale = (h as f64 / height as f64).min(w as f64 / width as f64);
        let shrunk = |n: usize| (n as f64 / scale) as usize + 1;
        image = resize(&image, shrunk(h), shrunk(w), false);
    }
    let mut out = Image::zeros(channels, height, width);
    out.paste(&image, 0, 0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    #[test]
    fn small_photographs_are_mirrored_and_large_ones_shrunk() {
        let colours = [0.2, 0.4, 0.6];
        for size in [[3, 4], [90, 50], [20, 10], [20, 20]] {
            let found = background(&Image::uniform(&colours, size[0], size[1]), 20, 20);
            assert_eq!(found.shape(), [3, 20, 20]);
            let is_kept =
                |channel: usize| found.plane(channel).iter().all(|v| (v - colours[channel]).abs() < 1e-6);
            assert!((0..3).all(is_kept), "{size:?}");
        }
        let fitting = Image::from_fn(5, 4, |row, column| (row * 4 + column) as f32);
        assert_eq!(background(&fitting, 5, 4), fitting);
    }

    #[test]
    fn folders_are_searched_and_divided_by_path() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("BG-20k/train");
        std::fs::create_dir_all(&inner).unwrap();
        assert!(Backgrounds::open(folder.path(), Split::Train).unwrap_err().to_string().contains("BG-20k"));
        for number in 0..4 {
            let path = inner.join(format!("{number}.png"));
            image::GrayImage::from_pixel(4, 4, image::Luma([number * 51])).save(path).unwrap();
        }
        let test = Backgrounds::open(folder.path(), Split::Test).unwrap();
        assert_eq!((test.len(), Backgrounds::open(folder.path(), Split::Train).unwrap().len()), (1, 3));
        let mut rng = rng::stream(1, "t", &[]);
        assert!((test.any(&mut rng).unwrap().at(0, 0, 0) - 0.6).abs() < 1e-6);
        std::fs::write(inner.join("1.png"), "").unwrap();
        let train = Backgrounds::open(folder.path(), Split::Train).unwrap().without_broken().unwrap();
        assert_eq!((train.len(), train.identity().skipped.len()), (2, 1));
        assert!(Backgrounds::of_images(Vec::new()).any(&mut rng).is_err());
    }
}
