//! What happens to picture files that are missing or broken.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::provenance::SkippedFile;
use crate::settings::Field;

/// The rule of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Broken {
    /// Such a file ends the run with its name when it is needed.
    #[default]
    Stop,
    /// All files are read once before the run; those that cannot be are named, counted and left out.
    Skip,
}

impl Broken {
    /// The setting of a run.
    pub fn field() -> Field {
        Field::choice("broken", "Broken pictures", &["stop", "skip"], "ours").means(
            "What a picture file that is missing or broken does: stop the run by its name, or be left out, \
             named in log and manifest.",
        )
    }
}

/// Which of `paths` `check` refuses, by index, and why.
fn unreadable(
    paths: &[PathBuf],
    check: impl Fn(usize, &Path) -> Result<()> + Sync,
) -> Vec<(usize, SkippedFile)> {
    paths
        .par_iter()
        .enumerate()
        .filter_map(|(index, path)| {
            let reason = check(index, path).err()?;
            Some((index, SkippedFile { name: path.display().to_string(), reason: reason.to_string() }))
        })
        .collect()
}

/// The paths that `check` reads without an error, by index, and the others. Those are named in the log.
///
/// # Errors
/// [`Error::Unsupported`] if none can, with the reason of the first.
pub fn readable(
    paths: &[PathBuf],
    check: impl Fn(usize, &Path) -> Result<()> + Sync,
) -> Result<(Vec<usize>, Vec<SkippedFile>)> {
    let broken = unreadable(paths, check);
    if let Some((_, first)) = broken.first()
        && broken.len() == paths.len()
    {
        return Err(Error::Unsupported(format!(
            "none of {} pictures can be read; {}",
            paths.len(),
            first.reason
        )));
    }
    let mut is_broken = vec![false; paths.len()];
    for (index, file) in &broken {
        is_broken[*index] = true;
        tracing::warn!("left out: {}", file.reason);
    }
    let left = (0..paths.len()).filter(|&index| !is_broken[index]).collect();
    Ok((left, broken.into_iter().map(|(_, file)| file).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stimulus::image_file::read_picture;

    #[test]
    fn missing_empty_and_cut_off_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        image::GrayImage::from_fn(20, 20, |x, y| image::Luma([(x * y) as u8])).save(at("a.png")).unwrap();
        let whole = std::fs::read(at("a.png")).unwrap();
        std::fs::write(at("c.png"), &whole[..whole.len() / 2]).unwrap();
        std::fs::write(at("d.png"), "").unwrap();
        let paths: Vec<PathBuf> = ["a.png", "b.png", "c.png", "d.png"].map(at).to_vec();
        let readable = |paths: &[PathBuf]| readable(paths, |_, path| read_picture(path).map(|_| ()));
        let (left, skipped) = readable(&paths).unwrap();
        assert_eq!((left, skipped.len()), (vec![0], 3));
        for (file, name) in skipped.iter().zip(["b.png", "c.png", "d.png"]) {
            assert!(file.name.ends_with(name) && file.reason.contains(name), "{file:?}");
        }
        let none = readable(&paths[1..]).unwrap_err().to_string();
        assert!(none.contains("none of 3") && none.contains("b.png"), "{none}");
        assert_eq!(readable(&paths[..1]).unwrap(), (vec![0], Vec::new()));
    }
}
