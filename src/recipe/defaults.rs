//! What a model is shown and asked where the recipe does not say.

use std::collections::BTreeMap;
use std::path::Path;

use crate::dynamics::Setting;
use crate::error::{Error, Result};
use crate::families::{counter_hebb, recurrent_gating};
use crate::model::{Family, Model};
use crate::pretrained;
use crate::stimulus::image_file::pictures_in;
use crate::stimulus::sets::SetKind;
use crate::task::{PictureStimulus, SetStimulus, StimulusKind, StimulusSource, StimulusSpec};

/// Classes from which on single digits may be what a network of one channel reads.
const DIGIT_CLASSES: usize = 10;

/// What a model was trained on, as far as this program can make it; else pictures made from the seed
/// that fill its input: coloured scenes, or grey ones, or a digit where it may read digits.
///
/// # Errors
/// [`Error::Unsupported`] asking for a stimulus for a model that takes neither 1 nor 3 channels.
pub fn default_stimulus(model: &Model) -> Result<StimulusSpec> {
    let bundled = model.info.origin.path.as_deref().map_or(Ok(None), pretrained::named)?;
    if let Some(stimulus) = bundled.and_then(|bundled| bundled.stimulus) {
        return stimulus.parse();
    }
    let shape = model.dynamics.input_shape();
    if model.info.family == Family::RecurrentGating
        && let Some(spec) = recurrent_gating::default_stimulus(&model.info.config)
        && spec.native_shape().is_none_or(|own| own == shape)
    {
        return Ok(spec);
    }
    let n_classes = model.dynamics.classes().len();
    let text = match (model.info.family, shape) {
        (Family::ObjectAttention, [1, 28, width]) if width >= 28 && width % 14 == 0 => {
            format!("digits:n={}", (width - 28) / 14 + 1)
        }
        (Family::CounterHebb, [1, 28, 28]) if n_classes == DIGIT_CLASSES => {
            match model.dynamics.tasks().len() {
                0 => "multi-mnist:task=single".to_owned(),
                2 => "multi-mnist".to_owned(),
                20 => "multi-mnist:task=left_right_of".to_owned(),
                _ => "one-digit".to_owned(),
            }
        }
        (_, [1, ..]) if n_classes >= DIGIT_CLASSES => "one-digit".to_owned(),
        (_, [1 | 3, ..]) => "scene".to_owned(),
        _ => {
            let [channels, height, width] = shape;
            return Err(Error::Unsupported(format!(
                "this model takes {channels} x {height} x {width} images that are not built in; \
                 name a stimulus, for example --stimulus grating"
            )));
        }
    };
    text.parse()
}

/// What lies at `path`: a list of trials, a data set, a picture or a folder of pictures.
///
/// # Errors
/// [`Error::File`] saying what was looked for.
pub fn stimulus_at(path: &Path) -> Result<StimulusSpec> {
    let is_list = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let picture = || PictureStimulus { path: path.to_owned(), ..PictureStimulus::default() };
    if is_list || path.join("trials.csv").is_file() {
        return Ok(StimulusKind::Trials(picture()).into());
    }
    if path.is_file() {
        return Ok(StimulusKind::Image(picture()).into());
    }
    if let Some(set) = SetKind::found_in(path) {
        let kind = StimulusKind::Set(SetStimulus { set, ..SetStimulus::default() });
        return Ok(StimulusSpec { data: Some(path.to_owned()), ..kind.into() });
    }
    match pictures_in(path) {
        Ok(_) => Ok(StimulusKind::Folder(picture()).into()),
        Err(Error::File { .. }) => {
            let expected = "pictures, folders of them by class, a trials.csv, or the files of a data set";
            Err(Error::file(path, expected, "none of these", "name what is there with --stimulus"))
        }
        Err(err) => Err(err),
    }
}

/// What a model is shown where only `data` is given: its own stimulus where it can be made of that, else
/// what lies there.
///
/// # Errors
/// As [`stimulus_at`].
pub fn stimulus_of_data(model: &Model, data: &Path) -> Result<StimulusSpec> {
    let own = default_stimulus(model).ok().filter(StimulusSpec::uses_data);
    match own {
        Some(own) if StimulusSource::open(&own, Some(data)).is_ok() => Ok(own),
        _ => stimulus_at(data),
    }
}

/// The task that a network of several is given with a default stimulus that names none: its first,
/// unless the configuration of the model chooses.
pub fn default_controls(model: &Model, shown: &StimulusSpec) -> BTreeMap<String, Setting> {
    let dynamics = model.dynamics.as_ref();
    // Tasks are offered by one control, whatever the family calls it.
    let offered = dynamics.controls().iter().find_map(|control| {
        let first = dynamics.tasks().first().filter(|first| control.choice(first).is_some())?;
        Some((control.name.clone(), Setting::Choice(first.clone())))
    });
    let chosen = |name: &str| {
        let entry = model.info.config.get(name);
        entry.is_some_and(|entry| entry.value.as_str() != Some(counter_hebb::FROM_STIMULUS))
    };
    let open = offered.filter(|(name, _)| !shown.has_instruction() && !chosen(name));
    open.into_iter().collect()
}
