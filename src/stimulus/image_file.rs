//! PNG and JPEG files, and folders of them.

use std::{
    io::Cursor,
    path::{Path, PathBuf},
};

use image::{ImageReader, Limits};

use super::{DataFile, Image};
use crate::{
    error::{Error, Result},
    files,
};

/// Larger files are refused unread.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// Longest side of a picture that is decoded.
const MAX_SIDE: u32 = 16_384;
/// Memory that decoding may take.
const MAX_DECODED_BYTES: u64 = 512 << 20;

/// A decoded picture: interleaved red, green, blue bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub height: usize,
    pub width: usize,
    /// `[height, width, 3]`.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// Channels first, bytes / 255: `[3, height, width]`.
    pub fn to_image(&self) -> Image {
        let mut image = Image::zeros(3, self.height, self.width);
        for channel in 0..3 {
            let bytes = self.rgb[channel..].iter().step_by(3);
            for (value, &byte) in image.plane_mut(channel).iter_mut().zip(bytes) {
                *value = f32::from(byte) / 255.0;
            }
        }
        image
    }
}

/// Decodes a PNG or JPEG file to red, green, blue.
///
/// Grey is replicated, palette and CMYK are converted, alpha is dropped, 16 bits become 8; the EXIF
/// orientation is ignored. Sizes are checked before the pixels are decoded.
///
/// # Errors
/// [`Error::File`] if it is no such picture, is damaged, or is too large; [`Error::Io`].
pub fn read_picture(path: &Path) -> Result<(Picture, DataFile)> {
    let bytes = files::read(path, MAX_FILE_BYTES)?;
    Ok((decode_picture(path, &bytes)?, DataFile::new(path, &bytes)))
}

/// Height and width of a PNG or JPEG file, from its header alone.
///
/// # Errors
/// [`Error::File`] if it is no such picture, [`Error::Io`].
pub fn picture_size(path: &Path) -> Result<[usize; 2]> {
    let reader = ImageReader::open(path).map_err(Error::io("open", path))?;
    let reader = reader.with_guessed_format().map_err(Error::io("read", path))?;
    let (width, height) = reader
        .into_dimensions()
        .map_err(|err| Error::file(path, "a PNG or JPEG picture", err.to_string(), "convert it to PNG"))?;
    Ok([height as usize, width as usize])
}

/// Decodes the bytes of a PNG or JPEG file; `path` serves messages only.
pub fn decode_picture(path: &Path, bytes: &[u8]) -> Result<Picture> {
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(Error::io("read", path))?;
    if reader.format().is_none() {
        let found = if bytes.is_empty() { "an empty file" } else { "another kind of file" };
        return Err(Error::file(path, "a PNG or JPEG picture", found, "convert it to PNG"));
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let decoded = reader.decode().map_err(|err| {
        let expected = format!("a whole PNG or JPEG picture of at most {MAX_SIDE} pixels a side");
        Error::file(path, expected, err.to_string(), "convert it to PNG, or make it smaller")
    })?;
    let rgb = decoded.into_rgb8();
    Ok(Picture { height: rgb.height() as usize, width: rgb.width() as usize, rgb: rgb.into_raw() })
}

/// The PNG and JPEG files of a folder, sorted by name; folders inside it are not searched, and what begins
/// with `._`, which some systems leave beside a picture, is none.
///
/// # Errors
/// [`Error::File`] if there is none, [`Error::Io`] if it cannot be listed.
pub fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let path = entry.map_err(Error::io("list", folder))?.path();
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        let is_shadow = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("._"));
        if matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg")) && path.is_file() && !is_shadow {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(Error::file(
            folder,
            ".png, .jpg or .jpeg files",
            "none",
            "choose the folder that holds them",
        ));
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, ImageFormat};

    use super::*;

    fn encoded(picture: &DynamicImage) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn decode(bytes: &[u8]) -> Result<Picture> {
        decode_picture(Path::new("picture"), bytes)
    }

    #[test]
    fn grey_is_replicated_and_alpha_dropped() {
        let mut grey = DynamicImage::new_luma8(2, 1);
        grey.as_mut_luma8().unwrap().put_pixel(1, 0, image::Luma([7]));
        assert_eq!(decode(&encoded(&grey)).unwrap().rgb, [0, 0, 0, 7, 7, 7]);
        let mut clear = DynamicImage::new_rgba8(1, 1);
        clear.as_mut_rgba8().unwrap().put_pixel(0, 0, image::Rgba([10, 20, 30, 0]));
        let picture = decode(&encoded(&clear)).unwrap();
        assert_eq!(picture, Picture { height: 1, width: 1, rgb: vec![10, 20, 30] });
        assert_eq!(picture.to_image().shape(), [3, 1, 1]);
    }

    #[test]
    fn a_huge_announced_size_is_refused() {
        let mut bytes = encoded(&DynamicImage::new_luma8(2, 2));
        // Width of the header chunk, and its checksum left wrong on purpose or not: either is refused.
        bytes[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
        assert!(decode(&bytes).is_err());
        let wide = DynamicImage::new_luma8(MAX_SIDE + 1, 1);
        let message = decode(&encoded(&wide)).unwrap_err().to_string();
        assert!(message.contains("16384"), "{message}");
    }

    #[test]
    fn other_files_are_named_as_such() {
        assert!(decode(b"").unwrap_err().to_string().contains("an empty file"));
        assert!(decode(b"%PDF-1.7").unwrap_err().to_string().contains("another kind"));
    }

    #[test]
    fn folders_list_their_pictures_by_name() {
        let folder = tempfile::tempdir().unwrap();
        assert!(pictures_in(folder.path()).unwrap_err().to_string().contains("found none"));
        for name in ["b.PNG", "a.jpeg", "c.txt", "._a.jpeg"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<_> =
            pictures_in(folder.path()).unwrap().iter().map(|p| p.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["a.jpeg", "b.PNG"]);
    }
}
