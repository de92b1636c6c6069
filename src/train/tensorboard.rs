//! The numbers of a run as a TensorBoard event file.
//!
//! Records are framed as TFRecord (length, its masked CRC-32C, data, their masked CRC-32C) and hold
//! protocol buffers of `event.proto` and `summary.proto` with scalars alone.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Evaluation, UpdateReport};
use crate::error::{Error, Result};
use crate::files;

/// TensorBoard finds files by a part of their name.
pub const EVENTS: &str = "events.out.tfevents.gainfield";
/// A run of a million updates takes some hundred megabytes.
const MAX_BYTES: u64 = 4 << 30;
/// Tag that every update has and no evaluation.
const OF_UPDATES: &str = "train/learning_rate";
/// Bytes of a record around its data.
const FRAME: usize = 16;

/// An event file being written.
pub struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Begins the file in `folder`, or goes on with it after what it holds up to an update, without the
    /// evaluation of that update where it is due again.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read or written.
    pub fn open(folder: &Path, resumed: Option<(u64, bool)>) -> Result<Self> {
        let path = folder.join(EVENTS);
        let kept = match resumed {
            Some(from) if path.is_file() => whole_records(&files::read(&path, MAX_BYTES)?, from),
            _ => Vec::new(),
        };
        let is_new = kept.is_empty();
        files::write_atomic(&path, kept)?;
        let file = OpenOptions::new().append(true).open(&path).map_err(Error::io("write", &path))?;
        let mut events = Self { path, file };
        if is_new {
            let mut version = Vec::new();
            bytes_field(&mut version, 3, b"brain.Event:2");
            events.record(0, &version)?;
        }
        Ok(events)
    }

    /// Loss terms, learning rate and gradient norm of an update.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn update(&mut self, report: &UpdateReport) -> Result<()> {
        let rate = (OF_UPDATES.to_owned(), report.learning_rate);
        let norm = ("train/gradient_norm".to_owned(), report.gradient_norm);
        let metrics = report.metrics.iter().map(|metric| (format!("train/{}", metric.name), metric.value));
        self.scalars(report.update, [rate, norm].into_iter().chain(metrics))
    }

    /// Score, accuracies of the last pass and further numbers of an evaluation.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn evaluation(&mut self, evaluation: &Evaluation) -> Result<()> {
        let split = &evaluation.split;
        let accuracy =
            evaluation.accuracy.iter().enumerate().filter_map(|(phase, passes)| {
                Some((format!("{split}/accuracy/phase{phase}"), *passes.last()?))
            });
        let metrics =
            evaluation.metrics.iter().map(|metric| (format!("{split}/{}", metric.name), metric.value));
        let score = [(format!("{split}/score"), evaluation.score)];
        self.scalars(evaluation.update, score.into_iter().chain(accuracy).chain(metrics))
    }

    fn scalars(&mut self, step: u64, scalars: impl Iterator<Item = (String, f64)>) -> Result<()> {
        let mut summary = Vec::new();
        for (tag, value) in scalars.filter(|(_, value)| value.is_finite()) {
            let mut entry = Vec::new();
            bytes_field(&mut entry, 1, tag.as_bytes());
            entry.push(key(2, 5));
            entry.extend((value as f32).to_le_bytes());
            bytes_field(&mut summary, 1, &entry);
        }
        let mut event = Vec::new();
        bytes_field(&mut event, 5, &summary);
        self.record(step, &event)
    }

    /// One record, in one write.
    fn record(&mut self, step: u64, content: &[u8]) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let mut event = vec![key(1, 1)];
        event.extend(now.to_le_bytes());
        event.push(key(2, 0));
        varint(&mut event, step);
        event.extend(content);
        let length = (event.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend(masked_crc(&length).to_le_bytes());
        record.extend(&event);
        record.extend(masked_crc(&event).to_le_bytes());
        self.file.write_all(&record).map_err(Error::io("write", &self.path))
    }
}

/// The whole records at the beginning of a file whose steps are at most `update`, without the evaluation
/// of `update` itself where it is due again.
fn whole_records(file: &[u8], (update, is_due): (u64, bool)) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut rest = file;
    while let Some(length) = rest.first_chunk::<8>() {
        let length = u64::from_le_bytes(*length);
        let size = usize::try_from(length).ok().and_then(|length| length.checked_add(FRAME));
        let Some(record) = size.and_then(|size| rest.get(..size)) else { break };
        let event = &record[12..record.len() - 4];
        let crc = masked_crc(event).to_le_bytes();
        // Our own records begin with the time and the step.
        let step = event.get(10..).and_then(read_varint);
        if record[record.len() - 4..] != crc || step.is_none() {
            break;
        }
        let is_update = || event.windows(OF_UPDATES.len()).any(|bytes| bytes == OF_UPDATES.as_bytes());
        if step.is_some_and(|step| step < update || (step == update && (!is_due || is_update()))) {
            kept.extend(record);
        }
        rest = &rest[record.len()..];
    }
    kept
}

/// Number and wire type of a field.
fn key(number: u8, wire: u8) -> u8 {
    number << 3 | wire
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_varint(bytes: &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for (place, &byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * place as u32)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn bytes_field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(key(number, 2));
    varint(out, bytes.len() as u64);
    out.extend(bytes);
}

/// CRC-32C, rotated and shifted as TFRecord has it.
fn masked_crc(bytes: &[u8]) -> u32 {
    let crc = crc32c(bytes);
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Castagnoli's polynomial, reflected.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Metric;

    fn report(update: u64) -> UpdateReport {
        let metrics = vec![
            Metric { name: "loss".to_owned(), value: 0.5 },
            Metric { name: "eigen".to_owned(), value: f64::NAN },
        ];
        UpdateReport { update, metrics, learning_rate: 0.1, gradient_norm: 2.0, n_stimuli: 8 }
    }

    /// Steps of the records of a file.
    fn steps(folder: &Path) -> Vec<u64> {
        let file = std::fs::read(folder.join(EVENTS)).unwrap();
        let mut rest = file.as_slice();
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(rest[8..12], masked_crc(&rest[..8]).to_le_bytes());
            let event = &rest[12..12 + length];
            assert_eq!(rest[12 + length..16 + length], masked_crc(event).to_le_bytes());
            steps.push(read_varint(&event[10..]).unwrap());
            rest = &rest[16 + length..];
        }
        steps
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_resumed_file_forgets_what_came_later_and_what_was_half_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::open(folder.path(), None).unwrap();
        for update in 1..=300 {
            events.update(&report(update)).unwrap();
        }
        drop(events);
        let path = folder.path().join(EVENTS);
        let mut bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(text.contains("brain.Event:2") && text.contains("train/loss") && !text.contains("eigen"));
        bytes.truncate(bytes.len() - 3);
        std::fs::write(&path, bytes).unwrap();
        let mut events = EventFile::open(folder.path(), Some((290, false))).unwrap();
        let evaluation = Evaluation {
            update: 290,
            split: "validation".to_owned(),
            n_stimuli: 10,
            accuracy: vec![vec![0.1, 0.5]],
            score: 0.5,
            is_best: true,
            metrics: Vec::new(),
        };
        events.evaluation(&evaluation).unwrap();
        let steps = steps(folder.path());
        assert_eq!((steps.len(), steps[1], steps[290], steps[291]), (292, 1, 290, 290));
        EventFile::open(folder.path(), Some((290, true))).unwrap();
        assert_eq!(self::steps(folder.path())[..], steps[..291]);
        assert!(EventFile::open(folder.path(), None).is_ok());
        assert_eq!(self::steps(folder.path()), [0]);
    }
}
