//! The COCO instances file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{RunLengths, rasterised};
use crate::{
    error::{Error, Result},
    files,
    stimulus::DataFile,
};

/// Larger files are refused unread; the 2017 training instances take 450 MB.
const MAX_FILE_BYTES: u64 = 2 << 30;

/// Pictures, their annotated objects, and the categories of these.
#[derive(Clone, Debug, Deserialize)]
pub struct Instances {
    pub images: Vec<PictureEntry>,
    pub annotations: Vec<Annotation>,
    pub categories: Vec<Category>,
}

/// One picture of the data set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PictureEntry {
    pub id: i64,
    pub width: usize,
    pub height: usize,
    pub file_name: String,
}

/// One object in a picture.
#[derive(Clone, Debug, Deserialize)]
pub struct Annotation {
    pub id: i64,
    pub image_id: i64,
    pub category_id: i64,
    /// 1 for a group annotated as one region.
    #[serde(default)]
    pub iscrowd: u8,
    /// Pixels.
    pub area: f64,
    /// Left, top, width, height in pixels.
    #[serde(default)]
    pub bbox: Option<[f64; 4]>,
    pub segmentation: Segmentation,
}

/// What an object's pixels are given as.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Segmentation {
    /// `[x0, y0, x1, y1, …]` each; the object is their union.
    Polygons(Vec<Vec<f64>>),
    /// Run lengths as numbers.
    Runs { size: [usize; 2], counts: Vec<u64> },
    /// Run lengths as COCO's compressed text.
    Compressed { size: [usize; 2], counts: String },
}

/// A class of objects.
#[derive(Clone, Debug, Deserialize)]
pub struct Category {
    pub id: i64,
    pub name: String,
    pub supercategory: String,
}

impl Segmentation {
    /// The object's mask in a picture of `height` x `width`.
    ///
    /// # Errors
    /// [`Error::Shape`] if run lengths are for another size, and what decoding them reports.
    pub fn mask(&self, height: usize, width: usize) -> Result<RunLengths> {
        if let Self::Runs { size, .. } | Self::Compressed { size, .. } = self
            && *size != [height, width]
        {
            return Err(Error::shape("mask of an object", [height, width], size));
        }
        match self {
            Self::Polygons(polygons) => rasterised(polygons, height, width),
            Self::Runs { counts, .. } => RunLengths::new(height, width, counts.clone()),
            Self::Compressed { counts, .. } => RunLengths::from_compressed(height, width, counts),
        }
    }
}

/// Reads an instances file.
///
/// # Errors
/// [`Error::File`] if it is no such JSON, [`Error::Io`].
pub fn read_instances(path: &Path) -> Result<(Instances, DataFile)> {
    let bytes = read_bytes(path)?;
    Ok((parse_instances(path, &bytes)?, DataFile::new(path, &bytes)))
}

pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    files::read(path, MAX_FILE_BYTES)
}

/// The instances in `bytes`; `path` serves messages only.
pub(super) fn parse_instances(path: &Path, bytes: &[u8]) -> Result<Instances> {
    serde_json::from_slice(bytes).map_err(|err| {
        Error::file(
            path,
            "a COCO instances file (JSON with images, annotations and categories)",
            err.to_string(),
            "use a file such as instances_val2017.json",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_forms_of_a_mask_are_read() {
        let read = |text: &str| -> Segmentation { serde_json::from_str(text).unwrap() };
        let runs = read(r#"{"size": [3, 2], "counts": [1, 2, 3]}"#).mask(3, 2).unwrap();
        let text = format!(r#"{{"size": [3, 2], "counts": "{}"}}"#, runs.compressed());
        assert_eq!(read(&text).mask(3, 2).unwrap(), runs);
        assert_eq!(read("[[0, 1, 1, 1, 1, 3, 0, 3]]").mask(3, 2).unwrap(), runs);
        let message = read(&text).mask(2, 3).unwrap_err().to_string();
        assert!(message.contains("expected shape [2, 3]"), "{message}");
    }
}
