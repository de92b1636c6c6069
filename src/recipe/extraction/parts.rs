//! The unfinished files of an extraction: what lies there is whole up to the last batch that was noted.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::showing::KnownData;
use crate::error::{Error, Result};
use crate::files;

/// Says what is whole.
const NOTE: &str = "state.json";
/// Held by the process that writes.
const LOCK: &str = "lock";
/// A note is never long.
const MAX_NOTE_BYTES: u64 = 64 << 20;

/// What is known of an extraction besides its numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// What the numbers follow from: another extraction does not go on from here.
    pub(super) identity: Value,
    /// Trials whose numbers are whole.
    pub(super) done: usize,
    /// Timesteps that are kept.
    pub(super) steps: Vec<usize>,
    /// Answers per trial; 0 without.
    pub(super) answers: usize,
    /// Names of the conditions.
    pub(super) conditions: Vec<String>,
    pub(super) data: KnownData,
    /// Bytes of each file that are whole.
    lengths: Vec<u64>,
}

/// Files that grow batch by batch, in a folder of their own.
pub(super) struct Parts {
    folder: PathBuf,
    files: Vec<File>,
    pub(super) state: State,
    _lock: File,
}

impl Parts {
    /// Opens the folder, goes on from what lies there, or begins.
    ///
    /// # Errors
    /// [`Error::File`] if another extraction was begun there or is under way, [`Error::Io`].
    pub(super) fn open(folder: &Path, names: &[String], identity: Value) -> Result<Self> {
        files::create_folder(folder)?;
        let lock_path = folder.join(LOCK);
        let lock = File::create(&lock_path).map_err(Error::io("create", &lock_path))?;
        if lock.try_lock().is_err() {
            let hint = "wait for it, or name another file";
            return Err(Error::file(folder, "no other extraction under way", "one", hint));
        }
        let note = folder.join(NOTE);
        let mut state =
            State { identity: identity.clone(), lengths: vec![0; names.len()], ..State::default() };
        if note.is_file() {
            let text = files::read_text(&note, MAX_NOTE_BYTES)?;
            let hint = "delete that folder to begin anew, or name another file";
            state = serde_json::from_str(&text)
                .map_err(|err| Error::file(&note, "the note of an extraction", err.to_string(), hint))?;
            if state.identity != identity || state.lengths.len() != names.len() {
                let found = "the beginning of another (other model, stimulus or settings)";
                return Err(Error::file(folder, "the beginning of this extraction", found, hint));
            }
        }
        let open = |(name, &length): (&String, &u64)| -> Result<File> {
            let path = folder.join(name);
            let file = OpenOptions::new().create(true).write(true).truncate(false).open(&path);
            let mut file = file.map_err(Error::io("open", &path))?;
            let found = file.metadata().map_err(Error::io("read", &path))?.len();
            if found < length {
                let expected = format!("at least {length} bytes");
                let hint = "delete its folder to begin anew";
                return Err(Error::file(&path, expected, found.to_string(), hint));
            }
            // A batch that was not noted may be there in part.
            file.set_len(length).map_err(Error::io("shorten", &path))?;
            file.seek(SeekFrom::End(0)).map_err(Error::io("read", &path))?;
            Ok(file)
        };
        let files = names.iter().zip(&state.lengths).map(open).collect::<Result<Vec<_>>>()?;
        Ok(Self { folder: folder.to_owned(), files, state, _lock: lock })
    }

    /// Appends to the file of this number.
    ///
    /// # Errors
    /// [`Error::Io`], on a full disk for example; what was noted before stays whole.
    pub(super) fn append(&mut self, number: usize, bytes: &[u8]) -> Result<()> {
        let written = self.files[number].write_all(bytes);
        written.map_err(Error::io("write", &self.folder))?;
        self.state.lengths[number] += bytes.len() as u64;
        Ok(())
    }

    /// Notes that everything appended so far is whole and belongs to the first `done` trials.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn note(&mut self, done: usize) -> Result<()> {
        self.state.done = done;
        for file in &self.files {
            file.sync_data().map_err(Error::io("write", &self.folder))?;
        }
        let text = serde_json::to_vec(&self.state)
            .map_err(|err| Error::Unsupported(format!("the note cannot be written as JSON: {err}")))?;
        files::write_atomic(self.folder.join(NOTE), text)
    }

    /// Removes the folder.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn remove(self) -> Result<()> {
        let Self { folder, files, .. } = self;
        drop(files);
        fs::remove_dir_all(&folder).map_err(Error::io("remove", &folder))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_not_noted_is_dropped_and_strangers_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.part");
        let names = ["a".to_owned()];
        let open = |identity| Parts::open(&path, &names, identity);
        let mut parts = open(json!(1)).unwrap();
        parts.append(0, b"whole").unwrap();
        parts.note(3).unwrap();
        parts.append(0, b"half").unwrap();
        assert!(open(json!(1)).err().unwrap().to_string().contains("under way"));
        drop(parts);
        assert!(open(json!(2)).err().unwrap().to_string().contains("another"));
        let mut parts = open(json!(1)).unwrap();
        assert_eq!(parts.state.done, 3);
        parts.append(0, b"!").unwrap();
        assert_eq!(std::fs::read(path.join("a")).unwrap(), b"whole!");
        parts.remove().unwrap();
        assert!(!path.exists());
    }
}
