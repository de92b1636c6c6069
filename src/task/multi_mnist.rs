//! Two overlapping digits in one small picture, and a question about one of them (Multi-MNIST).

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    rng::{self, Rng},
    stimulus::{DIGIT_CLASSES, DIGIT_SIZE, Digits, Image},
};

/// How two digits become one picture. Source: `data/multi_mnist_loader.py` of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Composer {
    /// Rows and columns of the canvas.
    pub canvas: usize,
    /// Rows and columns by which the right digit is shifted down and to the right.
    pub right_offset: usize,
    /// Rows and columns of the picture.
    pub size: usize,
}

impl Default for Composer {
    fn default() -> Self {
        Self { canvas: 36, right_offset: 6, size: DIGIT_SIZE }
    }
}

impl Composer {
    /// The canvas row (and column) that each row of the picture shows: the nearest.
    pub fn nearest_map(&self) -> Vec<usize> {
        // The middle of row i lies at (i + 1/2) canvas / size; whole numbers give its floor exactly.
        (0..self.size).map(|i| (2 * i + 1) * self.canvas / (2 * self.size)).collect()
    }

    /// The picture of two digits of `side` rows and columns, `[size, size]` bytes: the larger of both
    /// where they overlap.
    ///
    /// # Errors
    /// [`Error::Shape`] for digits of another size or beyond the canvas.
    pub fn compose(&self, left: &[u8], right: &[u8], side: usize) -> Result<Vec<u8>> {
        for digit in [left, right] {
            if digit.len() != side * side {
                return Err(Error::shape("digit", [side, side], &[digit.len()]));
            }
        }
        if side + self.right_offset > self.canvas || self.size == 0 {
            return Err(Error::shape(
                "two digits",
                [self.canvas, self.canvas],
                &[side + self.right_offset; 2],
            ));
        }
        let pixel = |digit: &[u8], row: usize, column: usize, offset: usize| match (
            row.checked_sub(offset),
            column.checked_sub(offset),
        ) {
            (Some(row), Some(column)) if row < side && column < side => digit[row * side + column],
            _ => 0,
        };
        let map = self.nearest_map();
        let rows = map.iter().flat_map(|&row| map.iter().map(move |&column| (row, column)));
        Ok(rows
            .map(|(row, column)| {
                pixel(left, row, column, 0).max(pixel(right, row, column, self.right_offset))
            })
            .collect())
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Which digit is on the left, or on the right?
    LeftRight,
    /// Which digit is left of a given one, or right of it?
    LeftRightOf,
    /// One digit alone in the picture; which one, is not asked with an instruction.
    Single,
}

/// Which of the two digits is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Drawn anew for each trial.
    Any,
    Left,
    Right,
}

/// A picture of two digits with an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultiMnist {
    pub task: Question,
    pub side: Side,
    /// Whether the two digits are always of different classes.
    pub distinct: bool,
}

impl Default for MultiMnist {
    fn default() -> Self {
        Self { task: Question::LeftRight, side: Side::Any, distinct: false }
    }
}

/// One composed stimulus.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoDigits {
    /// `[1, 28, 28]` in 0 to 1.
    pub picture: Image,
    /// Classes, left and right; of a single digit the same twice.
    pub labels: [u32; 2],
    /// One-hot; empty for a single digit.
    pub instruction: Vec<f32>,
    /// The right answer.
    pub answer: u32,
}

impl MultiMnist {
    /// Entries of the instruction; 0 without one.
    pub fn instruction_size(&self) -> usize {
        match self.task {
            Question::LeftRight => 2,
            Question::LeftRightOf => 2 + DIGIT_CLASSES,
            Question::Single => 0,
        }
    }

    /// The stimulus with digit `left` of the set on the left, everything else drawn.
    ///
    /// # Errors
    /// [`Error::Config`] for a digit outside the set, [`Error::Unsupported`] if different classes are
    /// asked of a set that has one.
    pub fn scene(&self, digits: &Digits, left: usize, rng: &mut Rng) -> Result<TwoDigits> {
        if left >= digits.len() {
            return Err(Error::config("digit index", format!("below {}", digits.len()), left));
        }
        let first = digits.label(left);
        if self.task == Question::Single {
            let picture = digits.image(left);
            return Ok(TwoDigits { picture, labels: [first; 2], instruction: Vec::new(), answer: first });
        }
        if self.distinct && digits.of_class(first).len() == digits.len() {
            return Err(Error::Unsupported(format!(
                "two digits of different classes need two classes, {} has one; allow equal ones",
                digits.identity().name
            )));
        }
        let right = loop {
            let right = rng::index(rng, 0, digits.len());
            if !self.distinct || digits.label(right) != first {
                break right;
            }
        };
        let labels = [first, digits.label(right)];
        let asked = match self.side {
            Side::Any => rng::index(rng, 0, 2),
            Side::Left => 0,
            Side::Right => 1,
        };
        let mut instruction = vec![0.0; self.instruction_size()];
        instruction[asked] = 1.0;
        if self.task == Question::LeftRightOf {
            // "Left of X" names the right digit and is answered by the left one.
            instruction[2 + labels[1 - asked] as usize] = 1.0;
        }
        let bytes = Composer::default().compose(digits.bytes(left), digits.bytes(right), DIGIT_SIZE)?;
        let picture = Image::from_grey_bytes(DIGIT_SIZE, DIGIT_SIZE, &bytes);
        Ok(TwoDigits { picture, labels, instruction, answer: labels[asked] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stimulus::{Split, procedural_digits::procedural_digits};

    #[test]
    fn the_nearest_map_is_the_published_one() {
        let expected = [
            0, 1, 3, 4, 5, 7, 8, 9, 10, 12, 13, 14, 16, 17, 18, 19, 21, 22, 23, 25, 26, 27, 28, 30, 31, 32,
            34, 35,
        ];
        assert_eq!(Composer::default().nearest_map(), expected);
    }

    #[test]
    fn questions_are_answered_by_the_digit_they_ask_for() {
        let digits = procedural_digits(1, Split::Test, 60);
        let mut asked = [0; 2];
        for (task, size) in [(Question::LeftRight, 2), (Question::LeftRightOf, 12)] {
            let stimulus = MultiMnist { task, distinct: true, ..MultiMnist::default() };
            for left in 0..40 {
                let rng = &mut rng::stream(1, "test", &[left as u64]);
                let scene = stimulus.scene(&digits, left, rng).unwrap();
                assert_eq!(scene.instruction.len(), size);
                assert!(scene.labels[0] == digits.label(left) && scene.labels[0] != scene.labels[1]);
                let side = usize::from(scene.instruction[1] == 1.0);
                asked[side] += 1;
                assert_eq!(scene.answer, scene.labels[side]);
                if task == Question::LeftRightOf {
                    assert_eq!(scene.instruction[2 + scene.labels[1 - side] as usize], 1.0);
                }
            }
        }
        assert!(asked.iter().all(|&n| n > 20), "{asked:?}");
    }

    #[test]
    fn a_single_digit_is_shown_as_it_is() {
        let digits = procedural_digits(1, Split::Test, 20);
        let stimulus = MultiMnist { task: Question::Single, ..MultiMnist::default() };
        let scene = stimulus.scene(&digits, 7, &mut rng::stream(1, "test", &[])).unwrap();
        assert_eq!((scene.picture, scene.answer), (digits.image(7), digits.label(7)));
        assert!(scene.instruction.is_empty());
        assert!(stimulus.scene(&digits, 20, &mut rng::stream(1, "test", &[])).is_err());
    }

    #[test]
    fn digits_that_do_not_fit_are_refused() {
        let composer = Composer::default();
        assert!(composer.compose(&[0; 4], &[0; 9], 2).is_err());
        assert!(composer.compose(&[0; 1600], &[0; 1600], 40).is_err());
    }
}
