//! NumPy archives (`.npz`): arrays by name, as `numpy.load` reads them without pickles.

use std::fs::File;
use std::io::{self, BufReader, Seek, Write};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::error::{Error, Result};
use crate::files;

/// Bytes before the text of a header of version 1.0.
const PREAMBLE: usize = 10;
/// Data begin at a multiple of this.
const ALIGNMENT: usize = 64;

/// One array of an archive, in the order of C.
#[derive(Clone, Debug, PartialEq)]
pub struct NpyArray {
    pub name: String,
    pub shape: Vec<usize>,
    pub data: NpyData,
}

/// The numbers of an array, or where they are.
#[derive(Clone, Debug, PartialEq)]
pub enum NpyData {
    /// `<f4`, as they lie in a file.
    FloatFile(PathBuf),
    /// `<i8`, as they lie in a file.
    IntegerFile(PathBuf),
    Integers(Vec<i64>),
    /// As many characters each as the longest needs.
    Texts(Vec<String>),
}

impl NpyArray {
    pub fn new(name: impl Into<String>, shape: Vec<usize>, data: NpyData) -> Self {
        Self { name: name.into(), shape, data }
    }

    /// A list of texts.
    pub fn texts(name: impl Into<String>, texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let texts: Vec<String> = texts.into_iter().map(Into::into).collect();
        Self::new(name, vec![texts.len()], NpyData::Texts(texts))
    }

    fn width(&self) -> usize {
        match &self.data {
            NpyData::Texts(texts) => texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1),
            _ => 1,
        }
    }

    fn descr(&self) -> String {
        match &self.data {
            NpyData::FloatFile(_) => "<f4".to_owned(),
            NpyData::IntegerFile(_) | NpyData::Integers(_) => "<i8".to_owned(),
            NpyData::Texts(_) => format!("<U{}", self.width()),
        }
    }

    fn header(&self) -> Vec<u8> {
        let mut shape = self.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        if self.shape.len() == 1 {
            shape.push(',');
        }
        let mut text =
            format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({shape}), }}", self.descr());
        let unpadded = PREAMBLE + text.len() + 1;
        text.push_str(&" ".repeat(unpadded.next_multiple_of(ALIGNMENT) - unpadded));
        text.push('\n');
        let mut header = b"\x93NUMPY\x01\x00".to_vec();
        // A shape of few axes stays far below 64 KiB.
        header.extend((text.len() as u16).to_le_bytes());
        header.extend(text.into_bytes());
        header
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.header())?;
        let n: usize = self.shape.iter().product();
        match &self.data {
            NpyData::FloatFile(path) => copy(path, n * size_of::<f32>(), out),
            NpyData::IntegerFile(path) => copy(path, n * size_of::<i64>(), out),
            NpyData::Integers(values) => {
                values.iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))
            }
            NpyData::Texts(texts) => {
                let width = self.width();
                texts.iter().try_for_each(|text| {
                    let padded = text.chars().chain(std::iter::repeat('\0')).take(width);
                    padded.into_iter().try_for_each(|c| out.write_all(&u32::from(c).to_le_bytes()))
                })
            }
        }
    }
}

/// All of a file, which must be as long as its array.
fn copy(path: &Path, n_bytes: usize, out: &mut impl Write) -> io::Result<()> {
    let file = File::open(path)?;
    let found = file.metadata()?.len();
    if found != n_bytes as u64 {
        let message = format!("{} holds {found} bytes instead of {n_bytes}", path.display());
        return Err(io::Error::other(message));
    }
    io::copy(&mut BufReader::new(file), out).map(|_| ())
}

/// Writes an uncompressed archive whole or not at all; the same arrays give the same bytes.
///
/// # Errors
/// [`Error::Config`] for two arrays of one name, [`Error::Io`].
pub fn write_npz(path: &Path, arrays: &[NpyArray]) -> Result<()> {
    for (at, array) in arrays.iter().enumerate() {
        if arrays[..at].iter().any(|other| other.name == array.name) {
            return Err(Error::config("arrays of an archive", "named differently", &array.name));
        }
    }
    files::write_atomic_with(path, |file| archive(file, arrays))
}

fn archive(file: &mut (impl Write + Seek), arrays: &[NpyArray]) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .large_file(true);
    let mut archive = ZipWriter::new(file);
    for array in arrays {
        archive.start_file(format!("{}.npy", array.name), options)?;
        array.write(&mut archive)?;
    }
    archive.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn arrays_lie_as_numpy_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let raw = folder.path().join("raw");
        std::fs::write(&raw, [1.5f32, -2.0].map(f32::to_le_bytes).concat()).unwrap();
        let arrays = [
            NpyArray::new("area", vec![2, 1], NpyData::FloatFile(raw)),
            NpyArray::new("labels", vec![1], NpyData::Integers(vec![-1])),
            NpyArray::texts("files", ["ä.png", "b"]),
        ];
        let (first, second) = (folder.path().join("a.npz"), folder.path().join("b.npz"));
        write_npz(&first, &arrays).unwrap();
        write_npz(&second, &arrays).unwrap();
        assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
        let mut archive = zip::ZipArchive::new(File::open(&first).unwrap()).unwrap();
        let mut entry = |name: &str| {
            let mut bytes = Vec::new();
            archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        };
        let area = entry("area.npy");
        assert_eq!((&area[..8], area.len() - 8), (&b"\x93NUMPY\x01\x00"[..], 128));
        let header = String::from_utf8_lossy(&area[10..128]).into_owned();
        assert!(
            header.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }"),
            "{header}"
        );
        assert!(header.ends_with('\n'));
        assert_eq!(area[128..132], 1.5f32.to_le_bytes());
        let names = entry("files.npy");
        assert!(String::from_utf8_lossy(&names).contains("'<U5'") && names.len() == 128 + 2 * 5 * 4);
        assert_eq!(names[128 + 20..128 + 28], [98, 0, 0, 0, 0, 0, 0, 0]);
        assert!(write_npz(&first, &[arrays[1].clone(), arrays[1].clone()]).is_err());
        let short = NpyArray { shape: vec![3], ..arrays[0].clone() };
        assert!(write_npz(&second, &[short]).unwrap_err().to_string().contains("8 bytes instead of 12"));
    }
}
