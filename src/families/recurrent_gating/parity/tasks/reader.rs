//! Reading recorded draws, and the stored forms of composed trials.

use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed, Value};
use crate::stimulus::{Affine, Image};
use crate::task::recurrent_gating::scene::Colour;
use crate::task::recurrent_gating::{Timed, Trial};

/// The inputs of a file of composed stimuli.
pub(super) struct Reader<'a> {
    pub(super) inputs: &'a GoldenInputs,
    params: Json,
}

/// The settings of one item.
pub(super) struct Settings<'a>(pub(super) &'a Json);

impl<'a> Reader<'a> {
    pub(super) fn new(inputs: &'a GoldenInputs) -> Result<Self> {
        Ok(Self { inputs, params: inputs.parameter("params")? })
    }

    pub(super) fn settings(&self, item: &str) -> Settings<'_> {
        Settings(self.params.get(item).unwrap_or(&Json::Null))
    }

    /// The settings of the whole file.
    pub(super) fn params(&self) -> Settings<'_> {
        Settings(&self.params)
    }

    /// Items that have given tensors, by their prefix.
    pub(super) fn items(&self) -> Vec<String> {
        let mut items: Vec<String> =
            (self.inputs.names()).filter_map(|name| Some(name.split_once('.')?.0.to_owned())).collect();
        items.dedup();
        items
    }

    pub(super) fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        Ok(self.inputs.array(name)?.to_f64())
    }

    pub(super) fn floats(&self, name: &str) -> Result<Vec<f32>> {
        Ok(self.inputs.array(name)?.to_f32())
    }

    pub(super) fn number(&self, name: &str) -> Result<f64> {
        self.numbers(name)?.first().copied().ok_or_else(|| Error::shape(name, [1], &[0]))
    }

    pub(super) fn integers(&self, name: &str) -> Result<Vec<i64>> {
        let array = self.inputs.array(name)?;
        array.to_i64().ok_or_else(|| Error::config(name, "whole numbers", "others"))
    }

    pub(super) fn indices(&self, name: &str) -> Result<Vec<usize>> {
        let index =
            |value: i64| usize::try_from(value).map_err(|_negative| Error::config(name, "0 or more", value));
        self.integers(name)?.into_iter().map(index).collect()
    }

    pub(super) fn index(&self, name: &str) -> Result<usize> {
        self.indices(name)?.first().copied().ok_or_else(|| Error::shape(name, [1], &[0]))
    }

    /// Exactly `N` indices.
    pub(super) fn some_indices<const N: usize>(&self, name: &str) -> Result<[usize; N]> {
        let found = self.indices(name)?;
        let n = found.len();
        found.try_into().map_err(|_other| Error::shape(name, [N], &[n]))
    }

    pub(super) fn colours(&self, name: &str) -> Result<Vec<Colour>> {
        Ok(self.floats(name)?.as_chunks::<3>().0.to_vec())
    }

    pub(super) fn colour(&self, name: &str) -> Result<Colour> {
        self.colours(name)?.first().copied().ok_or_else(|| Error::shape(name, [3], &[0]))
    }

    pub(super) fn warps(&self, name: &str) -> Result<Vec<Affine>> {
        let values = self.numbers(name)?;
        let rows = values.as_chunks::<4>().0.iter();
        Ok(rows.map(|&[deg, tx, ty, scale]| Affine { deg, tx, ty, scale }).collect())
    }

    pub(super) fn warp(&self, name: &str) -> Result<Affine> {
        self.warps(name)?.first().copied().ok_or_else(|| Error::shape(name, [4], &[0]))
    }

    /// All pictures of a tensor `[…, channels, height, width]`; without channels, of one.
    pub(super) fn images(&self, name: &str) -> Result<Vec<Image>> {
        let array = self.inputs.array(name)?;
        let dims = array.dims();
        let [.., height, width] = *dims else { return Err(Error::shape(name, "pictures", dims)) };
        let channels = if dims.len() > 2 { dims[dims.len() - 3] } else { 1 };
        let size = (channels * height * width).max(1);
        let values = array.to_f32();
        values.chunks(size).map(|part| Image::new(channels, height, width, part.to_vec())).collect()
    }

    pub(super) fn image(&self, name: &str) -> Result<Image> {
        self.images(name)?.into_iter().next().ok_or_else(|| Error::shape(name, "a picture", &[0]))
    }
}

impl Settings<'_> {
    pub(super) fn count(&self, key: &str, default: usize) -> usize {
        self.0.get(key).and_then(Json::as_u64).map_or(default, |n| n as usize)
    }

    /// A list of counts; a single one is its only entry.
    pub(super) fn counts<const N: usize>(&self, key: &str, default: [usize; N]) -> Result<[usize; N]> {
        match self.0.get(key) {
            None | Some(Json::Null) => Ok(default),
            Some(value) => {
                let list: Vec<usize> = match value {
                    Json::Array(list) => list.iter().filter_map(Json::as_u64).map(|n| n as usize).collect(),
                    other => other.as_u64().map(|n| n as usize).into_iter().collect(),
                };
                let found = value.to_string();
                list.try_into().map_err(|_other| Error::config(key, format!("{N} numbers"), found))
            }
        }
    }

    pub(super) fn number(&self, key: &str, default: f64) -> f64 {
        self.0.get(key).and_then(Json::as_f64).unwrap_or(default)
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        self.0.get(key).and_then(Json::as_bool).unwrap_or(false)
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Json::as_str)
    }
}

/// Pictures as `[pictures, channels, height, width]`.
pub(super) fn stacked(images: &[Image]) -> Result<Array> {
    let [channels, height, width] = images.first().map_or([0; 3], Image::shape);
    let values = images.iter().flat_map(|image| image.data().iter().copied()).collect();
    Array::f32(&[images.len(), channels, height, width], values)
}

/// Pictures of 0 and 1 as bytes.
pub(super) fn bytes(images: &[Image]) -> Result<Array> {
    let array = stacked(images)?;
    let values = array.to_f32().into_iter().map(|value| value.round() as u8).collect();
    Array::u8(array.dims(), values)
}

pub(super) fn whole(values: impl IntoIterator<Item = i64>) -> Result<Array> {
    let values: Vec<i64> = values.into_iter().collect();
    Array::i64(&[values.len()], values)
}

/// A sequence of pictures in the forms that files store, of which each stores one: whole, every second
/// pixel, and masks as bytes; and which of them each timestep shows.
pub(super) fn insert_timed(recomputed: &mut Recomputed, item: &str, what: &str, timed: &Timed) -> Result<()> {
    let plural = format!("{item}.{what}s");
    let sequence = Timed::distinct((0..timed.len()).map(|t| timed.at(t).clone()));
    let thinned: Vec<Image> = sequence.distinct.iter().map(|image| image.thinned(2)).collect();
    recomputed.insert(format!("{item}.{what}_index"), whole(sequence.index.iter().map(|&k| k as i64))?);
    let mut forms: Vec<Vec<(String, Value)>> = vec![
        vec![(format!("{plural}_s2"), stacked(&thinned)?.into())],
        vec![(plural.clone(), stacked(&sequence.distinct)?.into())],
    ];
    if what == "mask" {
        let halved: Vec<Image> =
            sequence.distinct.iter().map(|mask| mask.map(|value| (value + 1.0) / 2.0)).collect();
        forms.push(vec![(format!("{plural}01_u8"), bytes(&halved)?.into())]);
    }
    recomputed.insert_one_of(forms);
    Ok(())
}

/// Items whose answers no file stores.
const UNLABELLED: [&str; 3] = ["arrowcur", "line", "patterned"];

/// What files store of a finished trial. Masks and components are left out of some: of those that are
/// made of others, or of tasks without them.
pub(super) fn insert_trial(
    recomputed: &mut Recomputed,
    inputs: &GoldenInputs,
    item: &str,
    trial: &Trial,
    n_classes: usize,
) -> Result<()> {
    insert_timed(recomputed, item, "frame", &trial.frames)?;
    let stores_masks = inputs.output_names().any(|name| {
        name.strip_prefix(item)
            .and_then(|rest| rest.strip_prefix('.'))
            .is_some_and(|of| of.starts_with("mask"))
    });
    if stores_masks {
        insert_timed(recomputed, item, "mask", &trial.masks)?;
    }
    let labels = whole(trial.labels.iter().map(|&label| i64::from(label)))?;
    match UNLABELLED.contains(&item) {
        true => recomputed.insert_if_stored(format!("{item}.labels"), labels),
        false => recomputed.insert(format!("{item}.labels"), labels),
    }
    recomputed.insert_if_stored(format!("{item}.components"), stacked(&trial.components)?);
    if let Some(class) = trial.prompt {
        let n = trial.frames.len();
        let row = (0..n_classes).map(|k| f32::from(k == class as usize));
        let rows: Vec<f32> = std::iter::repeat_n(row, n).flatten().collect();
        recomputed.insert(format!("{item}.hot_labels"), Array::f32(&[n, n_classes], rows)?);
    }
    Ok(())
}

/// The last step of all composers without noise.
pub(super) fn finished(mut trial: Trial) -> Trial {
    trial.finish(0.0, &mut crate::rng::stream(0, "no noise", &[]));
    trial
}
