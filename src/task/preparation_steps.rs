//! How a stimulus comes to be what a network takes, in words and with sizes.

use super::pictures::{as_source, fitted_size};
use super::{Canvas, Fit, StimulusKind, StimulusSource};
use crate::error::Result;
use crate::stimulus::image_file::picture_size;
use crate::stimulus::{DIGIT_SIZE, PixelScale, PreparationStep};

impl StimulusSource {
    /// Every step from what `trial` is made of to the input, on `canvas`, of a network that then
    /// normalises its pixels by `normalisation`.
    ///
    /// # Errors
    /// Those of reading the header of a picture.
    pub fn preparation_steps(
        &self,
        canvas: Canvas,
        trial: usize,
        normalisation: Option<&PixelScale>,
    ) -> Result<Vec<PreparationStep>> {
        let Canvas { channels, height, width } = canvas;
        let input = [channels, height, width];
        let drawn = |text: &str| vec![PreparationStep::new(text, input, input)];
        let mut steps = match &self.spec().kind {
            StimulusKind::Image(picture) | StimulusKind::Folder(picture) => {
                let path = &self.pictures[trial % self.pictures.len().max(1)];
                self.of_picture(picture_size(path)?, canvas, picture.fit)
            }
            StimulusKind::Trials(stimulus) => {
                let listed = self.listed()?;
                self.of_picture(picture_size(listed.first_picture(trial))?, canvas, stimulus.fit)
            }
            StimulusKind::Set(stimulus) => {
                let set = self.set()?;
                let [rows, columns, _] = set.pixels(trial % set.len())?.shape;
                match (stimulus.fit, as_source(canvas, stimulus.fit, self.preparation)) {
                    (Fit::Auto, None) => self.of_picture([rows, columns], canvas, Fit::Stretch),
                    (fit, _) => self.of_picture([rows, columns], canvas, fit),
                }
            }
            StimulusKind::OneDigit => enlarged_steps(canvas),
            StimulusKind::Digits(_) => drawn("Composed of digits of 28 × 28 as the source does"),
            StimulusKind::MultiMnist(_) => {
                let overlapped = [1, 36, 36];
                vec![
                    PreparationStep::new(
                        "Two digits overlapping on a canvas, the brighter pixel kept",
                        [1, DIGIT_SIZE, DIGIT_SIZE],
                        overlapped,
                    ),
                    PreparationStep::new("Resized, every pixel from the nearest one", overlapped, input),
                ]
            }
            StimulusKind::Gating { .. } => drawn("Composed as the task of the source does"),
            StimulusKind::Photographs(_) => {
                drawn("Photograph blended with its object, then resized, bilinear on bytes")
            }
            StimulusKind::Scene(_) if channels == 1 => {
                drawn("Drawn in colour at the input's size, luminance taken")
            }
            StimulusKind::Scene(_) => drawn("Drawn at the input's size"),
            StimulusKind::Bar(_) | StimulusKind::Bars { .. } | StimulusKind::Grating(_) => {
                drawn("Drawn at the input's size")
            }
        };
        steps.extend(normalisation.map(|scale| scale.step(input)));
        Ok(steps)
    }

    fn of_picture(&self, [rows, columns]: [usize; 2], canvas: Canvas, fit: Fit) -> Vec<PreparationStep> {
        let Canvas { channels, height, width } = canvas;
        let file = [3, rows, columns];
        let mut steps = vec![PreparationStep::new("Read as red, green and blue bytes", file, file)];
        let colour = [3, height, width];
        match as_source(canvas, fit, self.preparation) {
            Some(preparation) => steps.extend(preparation.steps(file)),
            None => {
                let [h, w] = fitted_size([rows, columns], canvas, fit);
                if [h, w] != [rows, columns] {
                    let text = match fit {
                        Fit::Stretch => "Stretched, bilinear with antialiasing",
                        _ => "Resized in proportion, bilinear with antialiasing",
                    };
                    steps.push(PreparationStep::new(text, file, [3, h, w]));
                }
                if [h, w] != [height, width] {
                    let text = match fit {
                        Fit::Crop => "Middle cut out",
                        _ => "Centred on grey (127 of 255)",
                    };
                    steps.push(PreparationStep::new(text, [3, h, w], colour));
                }
            }
        }
        if channels == 1 {
            let text = "Grey: 0.299 red + 0.587 green + 0.114 blue";
            steps.push(PreparationStep::new(text, colour, [1, height, width]));
        }
        let input = [channels, height, width];
        steps.push(PreparationStep::new("Bytes divided by 255", input, input));
        steps
    }
}

/// A digit on an input of any size.
fn enlarged_steps(canvas: Canvas) -> Vec<PreparationStep> {
    let Canvas { channels, height, width } = canvas;
    let (digit, side) = ([1, DIGIT_SIZE, DIGIT_SIZE], height.min(width));
    let square = [1, side, side];
    let mut steps = Vec::new();
    if digit == square {
        steps.push(PreparationStep::new("Digit as it is", digit, square));
    } else {
        let text = "Digit resized, bilinear with antialiasing, rounded to bytes";
        steps.push(PreparationStep::new(text, digit, square));
    }
    if height != width {
        steps.push(PreparationStep::new("Centred on black", square, [1, height, width]));
    }
    let input = [channels, height, width];
    if channels > 1 {
        steps.push(PreparationStep::new("Repeated in every channel", [1, height, width], input));
    }
    steps.push(PreparationStep::new("Bytes divided by 255", input, input));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stimulus::{Preparation, Resizing};
    use crate::task::StimulusSpec;

    fn steps(text: &str, canvas: Canvas, preparation: Option<Preparation>) -> Vec<String> {
        let spec: StimulusSpec = text.parse().unwrap();
        let source = StimulusSource::open(&spec, None).unwrap().prepared_by(preparation);
        let scale = PixelScale { mean: vec![0.5], std: vec![0.25] };
        let steps = source.preparation_steps(canvas, 0, Some(&scale)).unwrap();
        for pair in steps.windows(2) {
            assert_eq!(pair[0].to, pair[1].from, "{text}: {} then {}", pair[0], pair[1]);
        }
        let Canvas { channels, height, width } = canvas;
        assert_eq!(steps.last().unwrap().to, [channels, height, width], "{text}");
        steps.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_picture_says_what_is_done_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        image::RgbImage::new(640, 480).save(&path).unwrap();
        let text = |fit: &str| format!("image:{},fit={fit}", path.display());
        let canvas = Canvas { channels: 3, height: 224, width: 224 };
        let preparation = Some(Preparation { resizing: Resizing::Shorter(256), side: 224 });
        let said = steps(&text("auto"), canvas, preparation);
        assert_eq!(
            said,
            [
                "Read as red, green and blue bytes (3 × 480 × 640)",
                "Shorter side resized to 256, bilinear with antialiasing, rounded to bytes (3 × 480 × 640 to 3 × 256 × 341)",
                "Middle cut out (3 × 256 × 341 to 3 × 224 × 224)",
                "Bytes divided by 255 (3 × 224 × 224)",
                "Normalised: minus 0.5, divided by 0.25 (3 × 224 × 224)",
            ]
        );
        let grey = Canvas { channels: 1, height: 40, width: 60 };
        for (fit, words) in [("pad", "Centred on grey"), ("crop", "Middle cut out"), ("stretch", "Stretched")]
        {
            let said = steps(&text(fit), grey, preparation);
            assert!(said.iter().any(|step| step.starts_with(words)), "{said:?}");
            assert!(said.iter().any(|step| step.starts_with("Grey: ")), "{said:?}");
        }
    }

    #[test]
    fn every_kind_ends_at_the_input() {
        let small = Canvas { channels: 1, height: 28, width: 28 };
        let wide = Canvas { channels: 3, height: 32, width: 48 };
        for (text, canvas) in [
            ("one-digit", small),
            ("one-digit", wide),
            ("multi-mnist", small),
            ("scene", wide),
            ("grating", wide),
        ] {
            assert!(steps(text, canvas, None).len() >= 2);
        }
    }
}
