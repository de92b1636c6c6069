//! Files: atomic writes, bounded reads, digests.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// Writes `bytes` to `path`, whole or not at all; creates missing folders.
pub fn write_atomic(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<()> {
    write_atomic_with(path, |file| file.write_all(bytes.as_ref()))
}

/// As [`write_atomic`], with the content written by `write`.
///
/// The content goes to a temporary file in the same folder, is flushed to the disk and then takes
/// the place of `path`, so a reader sees the old file or the new one and a failure leaves the old.
pub fn write_atomic_with(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    let path = path.as_ref();
    let folder = folder_of(path);
    create_folder(&folder)?;
    replace(path, &folder, write).map_err(Error::io("write", path))
}

fn replace(
    path: &Path,
    folder: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PARTIAL.0).suffix(PARTIAL.1);
    #[cfg(unix)]
    {
        // Exports are ordinary files: the process's umask decides, not the private default.
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let (file, temporary) = builder.tempfile_in(folder)?.into_parts();
    let mut writer = BufWriter::new(file);
    write(&mut writer)?;
    let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    drop(file);
    temporary.persist(path).map_err(|err| err.error)?;
    // The rename itself lives in the folder. Some file systems refuse to sync one; the data is safe anyway.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// How names of files begin and end that are not written to their end yet.
const PARTIAL: (&str, &str) = (".gainfield-", ".part");

/// Removes what writers that were killed have left in a folder that nobody else writes to.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be read or a file not removed.
pub fn remove_partial(folder: impl AsRef<Path>) -> Result<()> {
    let folder = folder.as_ref();
    for entry in fs::read_dir(folder).map_err(Error::io("read the folder", folder))? {
        let entry = entry.map_err(Error::io("read the folder", folder))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PARTIAL.0) && name.ends_with(PARTIAL.1) {
            fs::remove_file(entry.path()).map_err(Error::io("remove", entry.path()))?;
        }
    }
    Ok(())
}

/// Creates a folder and its parents.
pub fn create_folder(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    fs::create_dir_all(path).map_err(Error::io("create the folder", path))
}

/// The whole content of a file of at most `limit` bytes.
///
/// # Errors
/// [`Error::File`] if the file is larger, before anything is read.
pub fn read(path: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let file = open(path)?;
    let found = file.metadata().map_err(Error::io("read", path))?.len();
    let too_large = |found: u64| {
        Error::file(
            path,
            format!("at most {limit} bytes"),
            format!("{found} bytes"),
            "check that this is the file meant",
        )
    };
    if found > limit {
        return Err(too_large(found));
    }
    // Devices and pipes report no length: the limit holds for what arrives.
    let mut bytes = Vec::with_capacity(usize::try_from(found).unwrap_or(0));
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// The text of a UTF-8 file of at most `limit` bytes, without a byte order mark.
pub fn read_text(path: impl AsRef<Path>, limit: u64) -> Result<String> {
    let path = path.as_ref();
    let mut text = String::from_utf8(read(path, limit)?).map_err(|err| {
        let at = err.utf8_error().valid_up_to();
        Error::file(
            path,
            "UTF-8 text",
            format!("other bytes at offset {at}"),
            "check that this is the file meant",
        )
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// Largest configuration file, in bytes.
const MAX_DOCUMENT: u64 = 4 << 20;

/// A configuration file as JSON: TOML by its extension, else JSON.
///
/// # Errors
/// [`Error::File`] with the line of the mistake, [`Error::Io`].
pub fn read_document(path: impl AsRef<Path>) -> Result<serde_json::Value> {
    let path = path.as_ref();
    let text = read_text(path, MAX_DOCUMENT)?;
    let is_toml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let parsed = if is_toml {
        toml::from_str(&text).map_err(|err| {
            let before = err.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            format!("{} at line {line}", err.message())
        })
    } else {
        serde_json::from_str(&text).map_err(|err| err.to_string())
    };
    let expected = if is_toml { "TOML" } else { "JSON" };
    parsed.map_err(|found| Error::file(path, expected, format!("a mistake ({found})"), "repair it"))
}

/// Opens an existing file (not a folder) for reading.
pub fn open(path: impl AsRef<Path>) -> Result<File> {
    let path = path.as_ref();
    let file = File::open(path).map_err(Error::io("open", path))?;
    if file.metadata().map_err(Error::io("open", path))?.is_dir() {
        return Err(Error::file(path, "a file", "a folder", "name one of the files in it"));
    }
    Ok(file)
}

/// SHA-256 of a file's content, in lower-case hexadecimal.
pub fn sha256(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let mut file = open(path)?;
    let mut hash = Sha256::new();
    io::copy(&mut file, &mut hash).map_err(Error::io("read", path))?;
    Ok(hex(hash))
}

/// SHA-256 of bytes in memory, in lower-case hexadecimal.
pub fn sha256_bytes(bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(bytes);
    hex(hash)
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `path` with `suffix` in place of its extension: `a/net.safetensors` and `.toml` give `a/net.toml`.
pub fn beside(path: impl AsRef<Path>, suffix: &str) -> PathBuf {
    let path = path.as_ref();
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_creates_folders_and_replaces_the_old_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c.txt");
        write_atomic(&path, "old").unwrap();
        write_atomic(&path, "new").unwrap();
        assert_eq!(read_text(&path, 3).unwrap(), "new");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.txt");
        write_atomic(&path, "old").unwrap();
        let failed = write_atomic_with(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        });
        assert!(failed.unwrap_err().to_string().contains("disk full"));
        assert_eq!(read_text(&path, 100).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_written_file_is_readable_by_others_as_the_umask_allows() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain");
        fs::write(&plain, "").unwrap();
        let ours = folder.path().join("ours");
        write_atomic(&ours, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[test]
    fn a_read_refuses_what_is_over_its_limit_and_what_is_no_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.bin");
        write_atomic(&path, [0x61, 0xff]).unwrap();
        assert!(read(&path, 1).unwrap_err().to_string().contains("at most 1 bytes, found 2 bytes"));
        assert!(read_text(&path, 2).unwrap_err().to_string().contains("offset 1"));
        assert!(read(folder.path(), 2).unwrap_err().to_string().contains("found a folder"));
        write_atomic(&path, "\u{feff}key").unwrap();
        assert_eq!(read_text(&path, 100).unwrap(), "key");
    }

    #[test]
    fn the_digest_is_sha256_in_hexadecimal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        write_atomic(&path, "abc").unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&path).unwrap(), expected);
        assert_eq!(sha256_bytes(b"abc"), expected);
    }

    #[test]
    fn names_beside_a_file_replace_its_extension() {
        assert_eq!(beside("a/net.safetensors", ".toml"), Path::new("a/net.toml"));
        assert_eq!(beside("net", ".json"), Path::new("net.json"));
    }
}
