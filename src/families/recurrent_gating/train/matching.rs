//! Inhibition of return: which member of a set each visit means.

use candle_core::Tensor;

use super::{Batch, LossTerms, Parts, Responses, Scorer};
use crate::analysis::attention_scores::best_match;
use crate::dynamics::flat;
use crate::error::{Error, Result};
use crate::families::recurrent_gating::config::Config;
use crate::ops;

/// The labels and masks of the objects in the order in which a run visits them.
pub(in super::super) struct Matched {
    /// `[batch, visits, groups]`.
    pub(in super::super) labels: Option<Tensor>,
    /// `[batch, visits, 1, height, width]`.
    pub(in super::super) masks: Tensor,
}

/// Matches each of `maps` (one per visit, `[batch, 1, height, width]`) to the object whose mask it meets
/// best and that no earlier visit took. No gradient flows through the choice.
///
/// # Errors
/// [`Error::Config`] without masks, [`Error::Shape`] for more visits than objects.
pub(in super::super) fn matched(maps: &[&Tensor], batch: &Batch) -> Result<Matched> {
    let masks = batch.masks.as_ref();
    let masks = masks.ok_or_else(|| Error::config("masks of a batch", "one per object to match", "none"))?;
    let (n, objects) = (masks.dim(0)?, masks.dim(1)?);
    if maps.len() > objects {
        return Err(Error::shape("visits of objects", format!("at most {objects}"), &[maps.len()]));
    }
    let targets = flat(masks)?;
    let size = targets.len() / (n * objects).max(1);
    let maps: Vec<Vec<f32>> = maps.iter().map(|map| flat(&map.detach())).collect::<Result<_>>()?;
    let mut order = Vec::with_capacity(n);
    for trial in 0..n {
        let of_trial = &targets[trial * objects * size..][..objects * size];
        let members: Vec<&[f32]> = of_trial.chunks(size.max(1)).collect();
        let mut taken = vec![false; objects];
        let mut visits = Vec::with_capacity(maps.len());
        for map in &maps {
            let found = best_match(&map[trial * size..][..size], &members, &taken).unwrap_or(0);
            taken[found] = true;
            visits.push(found);
        }
        order.push(visits);
    }
    let gathered = |sets: &Tensor| -> Result<Tensor> {
        let rows = order.iter().enumerate().map(|(trial, visits)| {
            let indices: Vec<u32> = visits.iter().map(|&k| k as u32).collect();
            let indices = Tensor::from_vec(indices, visits.len(), sets.device())?;
            Ok(sets.get(trial)?.index_select(&indices, 0)?)
        });
        Ok(Tensor::stack(&rows.collect::<Result<Vec<_>>>()?, 0)?)
    };
    let labels = match &batch.labels {
        Some(labels) => Some(gathered(labels)?),
        None => None,
    };
    let masks = gathered(masks)?;
    Ok(Matched { labels, masks })
}

/// Adds the summed cross-entropies and squared errors (maps and masks from 0 to 1) of all visits.
pub(super) fn add(
    parts: &mut Parts,
    config: &Config,
    batch: &Batch,
    terms: &LossTerms,
    responses: &Responses,
) -> Result<()> {
    let visits = match (terms.masks.first(), terms.labels.first()) {
        (Some(term), _) | (None, Some(term)) => &term.sweeps,
        (None, None) => return Err(super::nothing_to_learn()),
    };
    let maps: Vec<&Tensor> = visits.iter().map(|&sweep| &responses.maps[sweep]).collect();
    let found = matched(&maps, batch)?;
    let weight = |terms: &[super::Term]| terms.first().map_or(0.0, |term| term.weight);
    if let Some(labels) = &found.labels {
        let n = maps[0].dim(0)?;
        let like = &responses.labels[0];
        let scorer = Scorer::new(terms, labels, config.n_classes(), [n, visits.len()], like)?;
        for (visit, &sweep) in visits.iter().enumerate() {
            let value = scorer.cross_entropy(&[&responses.labels[sweep]], &[visit])?;
            parts.add(value, weight(&terms.labels), |losses| &mut losses.labels)?;
        }
    }
    for (visit, map) in maps.iter().enumerate() {
        let target = found.masks.narrow(1, visit, 1)?.squeeze(1)?;
        let target = target.to_device(map.device())?.to_dtype(map.dtype())?;
        // Maps and masks from 0 to 1: half the difference.
        let value = (ops::mse(map, &target)? * 0.25)?;
        parts.add(value, weight(&terms.masks), |losses| &mut losses.masks)?;
    }
    Ok(())
}
