//! Binary masks as COCO's column-major run lengths, plain or as its compressed text.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Most pixels of a mask that is decoded.
const MAX_PIXELS: u64 = 1 << 26;

/// A mask of `height` x `width`: run lengths down the columns, zeros first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Compressed", into = "Compressed")]
pub struct RunLengths {
    height: usize,
    width: usize,
    counts: Vec<u64>,
}

/// As annotations files have it.
#[derive(Serialize, Deserialize)]
struct Compressed {
    size: [usize; 2],
    counts: String,
}

impl From<RunLengths> for Compressed {
    fn from(mask: RunLengths) -> Self {
        Self { size: [mask.height, mask.width], counts: mask.compressed() }
    }
}

impl TryFrom<Compressed> for RunLengths {
    type Error = Error;

    fn try_from(Compressed { size: [height, width], counts }: Compressed) -> Result<Self> {
        Self::from_compressed(height, width, &counts)
    }
}

impl RunLengths {
    /// A mask from its run lengths.
    ///
    /// # Errors
    /// [`Error::Config`] if they do not add up to the mask's size, or it is larger than 2^26 pixels.
    pub fn new(height: usize, width: usize, counts: Vec<u64>) -> Result<Self> {
        let pixels = pixels(height, width)?;
        let sum = counts.iter().try_fold(0_u64, |sum, &count| sum.checked_add(count));
        if sum != Some(pixels) {
            let found = sum.map_or_else(|| "more than 2^64".to_owned(), |sum| sum.to_string());
            let requirement = format!("{pixels} in all, one mask of {height}x{width}");
            return Err(Error::config("run lengths", requirement, found));
        }
        Ok(Self { height, width, counts })
    }

    /// A mask from COCO's compressed text.
    ///
    /// # Errors
    /// [`Error::Config`] for other characters, negative runs, or runs that do not add up.
    pub fn from_compressed(height: usize, width: usize, text: &str) -> Result<Self> {
        let broken = |found: String| {
            Error::config("compressed run lengths", "characters '0' to 'o' that form whole numbers", found)
        };
        let mut counts: Vec<i64> = Vec::new();
        let (mut value, mut shift) = (0_i64, 0_u32);
        for (at, byte) in text.bytes().enumerate() {
            let code = match byte {
                48..=111 if shift < 60 => i64::from(byte - 48),
                _ => return Err(broken(format!("{:?} at {at}", char::from(byte)))),
            };
            value |= (code & 31) << shift;
            shift += 5;
            if code & 32 != 0 {
                continue;
            }
            if code & 16 != 0 {
                value -= 1 << shift;
            }
            if counts.len() > 2 {
                value = value.saturating_add(counts[counts.len() - 2]);
            }
            counts.push(value);
            (value, shift) = (0, 0);
        }
        if shift > 0 {
            return Err(broken("an unfinished number at the end".to_owned()));
        }
        let counts = counts
            .into_iter()
            .map(|count| u64::try_from(count).ok().ok_or_else(|| broken(format!("a run of {count}"))))
            .collect::<Result<_>>()?;
        Self::new(height, width, counts)
    }

    /// A mask that toggles at each of `positions` (column * height + row), starting with zeros.
    ///
    /// Equal pairs cancel, a position at the end has no effect.
    pub fn from_toggles(height: usize, width: usize, mut positions: Vec<u64>) -> Result<Self> {
        positions.push(pixels(height, width)?);
        positions.sort_unstable();
        let mut counts: Vec<u64> = Vec::new();
        let (mut previous, mut merge) = (0, false);
        for position in positions {
            let run = position - previous;
            previous = position;
            match counts.last_mut() {
                // A run of length zero joins its neighbours.
                Some(last) if merge => {
                    *last += run;
                    merge = false;
                }
                Some(_) if run == 0 => merge = true,
                _ => counts.push(run),
            }
        }
        Self::new(height, width, counts)
    }

    /// A mask from pixels down the columns, `[width * height]`.
    fn from_columns(height: usize, width: usize, columns: &[bool]) -> Result<Self> {
        let mut counts = Vec::new();
        if columns.first() == Some(&true) {
            counts.push(0);
        }
        counts.extend(columns.chunk_by(|a, b| a == b).map(|run| run.len() as u64));
        if columns.is_empty() {
            counts.push(0);
        }
        Self::new(height, width, counts)
    }

    /// The union of masks of one size.
    ///
    /// # Errors
    /// [`Error::Shape`] if a mask has another size.
    pub fn union(height: usize, width: usize, masks: &[Self]) -> Result<Self> {
        let pixels = pixels(height, width)?;
        let mut columns = vec![false; pixels as usize];
        for mask in masks {
            if (mask.height, mask.width) != (height, width) {
                return Err(Error::shape("mask", [height, width], &[mask.height, mask.width]));
            }
            mask.for_ones(|range| columns[range].fill(true));
        }
        Self::from_columns(height, width, &columns)
    }

    pub fn height(&self) -> usize {
        self.height
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// The run lengths, zeros first.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Number of set pixels.
    pub fn area(&self) -> u64 {
        self.counts.iter().skip(1).step_by(2).sum()
    }

    /// The mask by rows, `[height * width]`.
    pub fn rows(&self) -> Vec<bool> {
        let mut rows = vec![false; self.height * self.width];
        self.for_ones(|range| {
            for position in range {
                rows[position % self.height * self.width + position / self.height] = true;
            }
        });
        rows
    }

    /// COCO's compressed text.
    pub fn compressed(&self) -> String {
        let mut text = String::new();
        for (k, &count) in self.counts.iter().enumerate() {
            let mut value = count as i64;
            if k > 2 {
                value -= self.counts[k - 2] as i64;
            }
            loop {
                let code = (value & 31) as u8;
                value >>= 5;
                let more = if code & 16 != 0 { value != -1 } else { value != 0 };
                text.push(char::from(48 + code + if more { 32 } else { 0 }));
                if !more {
                    break;
                }
            }
        }
        text
    }

    fn for_ones(&self, mut visit: impl FnMut(std::ops::Range<usize>)) {
        let mut position = 0;
        for (k, &count) in self.counts.iter().enumerate() {
            let end = position + count as usize;
            if k % 2 == 1 {
                visit(position..end);
            }
            position = end;
        }
    }
}

fn pixels(height: usize, width: usize) -> Result<u64> {
    match (height as u64).checked_mul(width as u64) {
        Some(pixels) if pixels <= MAX_PIXELS => Ok(pixels),
        _ => Err(Error::config("mask", "at most 2^26 pixels", format!("{height}x{width}"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn runs_go_down_the_columns_from_zeros() {
        let mask = RunLengths::new(2, 3, vec![1, 2, 3]).unwrap();
        assert_eq!(mask.rows(), [false, true, false, true, false, false]);
        assert_eq!(mask.area(), 2);
        assert_eq!(RunLengths::from_toggles(2, 3, vec![3, 1, 5, 5, 6]).unwrap(), mask);
    }

    #[test]
    fn runs_that_do_not_add_up_are_refused() {
        assert!(RunLengths::new(2, 3, vec![1, 2]).is_err());
        assert!(RunLengths::new(2, 3, vec![u64::MAX, 7]).is_err());
        assert!(RunLengths::new(usize::MAX, 2, vec![]).is_err());
        for text in ["p", "0", "P", "PPPPPPPPPPPPPPP0", "é"] {
            assert!(RunLengths::from_compressed(2, 3, text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_mask_survives_compression(columns in prop::collection::vec(any::<bool>(), 1..400)) {
            let mask = RunLengths::from_columns(columns.len(), 1, &columns).unwrap();
            prop_assert_eq!(&mask.rows(), &columns);
            let back = RunLengths::from_compressed(columns.len(), 1, &mask.compressed()).unwrap();
            prop_assert_eq!(back, mask);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-p]{0,30}") {
            let _ = RunLengths::from_compressed(7, 9, &text);
        }
    }
}
