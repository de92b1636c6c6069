//! Kind `mnist_eval`: statistics over many composed stimuli.

use rayon::prelude::*;

use super::super::analysis::{AccuracyTable, PhaseResult, Trial, accuracy, attend, gating};
use super::super::{Batch, ObjectAttention};
use super::{Network, integers};
use crate::dynamics::{Controls, Workspace};
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::stimulus::{DIGIT_SIZE, DataIdentity, Digits};
use crate::task::digit_pairs::{DigitDraws, DigitPairs};

/// Stimuli run at a time.
const CHUNK: usize = 32;
/// Stimuli whose composition is stored.
const COMPOSED: usize = 4;

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let network = Network::load(inputs)?;
    let batch = composed(inputs)?;
    let controls = network.controls();
    let trials = attend_all(&network.model, &batch, &controls)?;
    let table = accuracy(&trials, network.config.n_classes);

    let mut recomputed = Recomputed::new();
    let first = batch.part(0, COMPOSED.min(batch.len()))?;
    recomputed.insert("x_first4", Array::from_tensor(&first.x)?);
    recomputed.insert("data_first4", Array::from_tensor(&first.targets)?);
    let reader = Reader { trials: &trials, n_phases: network.config.phases };
    recomputed
        .insert("select", integers(&reader.integers(|_, _, phase| phase.pick.map_or(-1, |k| k as i64)))?);
    recomputed
        .insert("selected_label", integers(&reader.integers(|trial, k, _| trial.label(k).unwrap_or(-1)))?);
    let last = network.config.passes - 1;
    recomputed.insert("pred", integers(&reader.integers(|_, _, phase| phase.prediction(last)))?);
    recomputed.insert("distance", reader.distances(network.config.objects)?);
    recomputed.insert("logits", reader.logits(network.config.passes, network.config.n_classes)?);
    recomputed.insert("ior_fraction", reader.inhibited(network.config.variant.n_stages())?);
    shares(&mut recomputed, &table)?;
    let contrast = gating(&trials);
    recomputed.insert("gating_attended", Array::f64(&[contrast.attended.len()], contrast.attended)?);
    recomputed.insert("gating_unattended", Array::f64(&[contrast.unattended.len()], contrast.unattended)?);
    Ok(recomputed)
}

/// The stimuli of the file: its digits, left to right, with its noise.
fn composed(inputs: &GoldenInputs) -> Result<Batch> {
    let bytes = |name: &str| -> Result<Vec<u8>> {
        let values = inputs.array(name)?.to_i64().unwrap_or_default();
        let byte = |value: i64| u8::try_from(value).map_err(|_| Error::config(name, "0 to 255", value));
        values.into_iter().map(byte).collect()
    };
    let digits = Digits::new(DataIdentity::default(), bytes("digits")?, bytes("digit_label")?)?;
    let places = super::label_rows(inputs.array("left_right")?, "left_right")?;
    let n = places.first().map_or(0, Vec::len);
    let task = DigitPairs { n, strength: inputs.number("strength")?, ..DigitPairs::default() };
    let (codes, noise) = (bytes("noise_u8")?, inputs.number("noise")?);
    let size = DIGIT_SIZE * task.width();
    if codes.len() != places.len() * size {
        return Err(Error::shape("noise_u8", [places.len(), DIGIT_SIZE, task.width()], &[codes.len()]));
    }
    let mut scenes = Vec::with_capacity(places.len());
    for (place, codes) in places.iter().zip(codes.chunks(size)) {
        let draws = DigitDraws {
            digits: place.iter().map(|&row| usize::try_from(row).unwrap_or(usize::MAX)).collect(),
            noise: codes.iter().map(|&code| f64::from(code) / 256.0 * noise).collect(),
        };
        scenes.push(task.compose(&digits, &draws)?);
    }
    let x: Vec<f32> = scenes.iter().flat_map(|scene| scene.picture.data()).copied().collect();
    let target = |k: usize| scenes.iter().flat_map(move |scene| scene.targets[k].data()).copied();
    let targets: Vec<f32> = (0..n).flat_map(target).collect();
    let labels = (0..n).map(|k| scenes.iter().map(|scene| i64::from(scene.labels[k])).collect()).collect();
    let shape = [scenes.len(), 1, DIGIT_SIZE, task.width()];
    let x = candle_core::Tensor::from_vec(x, &shape, inputs.device())?;
    let targets = candle_core::Tensor::from_vec(targets, [&[n], shape.as_slice()].concat(), inputs.device())?;
    Batch::new(x, targets, labels, task.strength)
}

fn attend_all(model: &ObjectAttention, batch: &Batch, controls: &Controls) -> Result<Vec<Trial>> {
    let starts: Vec<usize> = (0..batch.len()).step_by(CHUNK).collect();
    let chunks: Vec<Vec<Trial>> = starts
        .par_iter()
        .map(|&from| {
            let part = batch.part(from, (from + CHUNK).min(batch.len()))?;
            attend(model, &part, controls, &mut Workspace::new())
        })
        .collect::<Result<_>>()?;
    Ok(chunks.into_iter().flatten().collect())
}

fn shares(recomputed: &mut Recomputed, table: &AccuracyTable) -> Result<()> {
    for (name, cells) in [("acc_iter", &table.passes), ("acc_any_iter", &table.any_object)] {
        let shares: Vec<f64> = cells.iter().flatten().map(|cell| cell.share).collect();
        let dims = [cells.len(), cells.first().map_or(0, Vec::len)];
        recomputed.insert(name, Array::f64(&dims, shares)?);
    }
    Ok(())
}

/// Puts results of trials into the file's order: phases outermost.
struct Reader<'a> {
    trials: &'a [Trial],
    n_phases: usize,
}

impl Reader<'_> {
    fn integers(&self, value: impl Fn(&Trial, usize, &PhaseResult) -> i64) -> Vec<Vec<i64>> {
        let row = |k: usize| self.trials.iter().map(|trial| value(trial, k, &trial.phases[k])).collect();
        (0..self.n_phases).map(row).collect()
    }

    fn phases(&self, phase: usize) -> impl Iterator<Item = &PhaseResult> {
        self.trials.iter().map(move |trial| &trial.phases[phase])
    }

    fn distances(&self, n_objects: usize) -> Result<Array> {
        let distances =
            (0..self.n_phases).flat_map(|k| self.phases(k)).flat_map(|phase| phase.distances.clone());
        Array::f32(&[self.n_phases, self.trials.len(), n_objects], distances.collect())
    }

    fn logits(&self, n_passes: usize, n_classes: usize) -> Result<Array> {
        let mut logits = Vec::new();
        for k in 0..self.n_phases {
            for pass in 0..n_passes {
                self.phases(k).for_each(|phase| logits.extend_from_slice(&phase.logits[pass]));
            }
        }
        Array::f32(&[self.n_phases, n_passes, self.trials.len(), n_classes], logits)
    }

    fn inhibited(&self, n_maps: usize) -> Result<Array> {
        let mut shares = Vec::new();
        for k in 0..self.n_phases {
            for map in 0..n_maps {
                shares.extend(self.phases(k).map(|phase| phase.inhibited[map]));
            }
        }
        Array::f64(&[self.n_phases, n_maps, self.trials.len()], shares)
    }
}
