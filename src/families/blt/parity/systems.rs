//! Kind `dsa`: dynamics of stored trajectories, and how alike they are.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::geometry::{array, given};
use crate::analysis::dynamics::{
    AlignmentOptions, DelayEmbedding, Group, LinearDynamics, Rank, Start, align, embedded, hankel, similarity,
};
use crate::analysis::matrix::{Matrix, Svd};
use crate::analysis::pca::pca;
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed};

/// Random starts whose median is compared.
const STARTS: u64 = 5;

#[derive(Deserialize)]
struct Settings {
    pca: Option<usize>,
    n_delays: usize,
    delay_interval: usize,
    rank: Option<usize>,
    rank_explained_variance: Option<f64>,
    rank_thresh: Option<f64>,
}

impl Settings {
    fn embedding(&self) -> Result<DelayEmbedding> {
        let rank = match (self.rank, self.rank_explained_variance, self.rank_thresh) {
            (None, None, None) => Rank::All,
            (Some(rank), None, None) => Rank::Fixed(rank),
            (None, Some(share), None) => Rank::BelowShare(share),
            (None, None, Some(least)) => Rank::Threshold(least),
            _ => return Err(Error::config("rank", "given in one way", "several")),
        };
        Ok(DelayEmbedding { n_delays: self.n_delays, interval: self.delay_interval, rank, ridge: 0.0 })
    }
}

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let systems: Vec<String> = inputs.parameter("systems")?;
    let settings: BTreeMap<String, Settings> = inputs.parameter("cfgs")?;
    let options = AlignmentOptions {
        group: Group::Orthogonal,
        iterations: inputs.count("iters")?,
        learning_rate: inputs.number("lr")?,
    };
    let mut recomputed = Recomputed::new();
    for (tag, settings) in &settings {
        let embedding = settings.embedding()?;
        let mut dynamics = Vec::with_capacity(systems.len());
        for system in &systems {
            let trials = trials(inputs, tag, system, settings, &mut recomputed)?;
            let first = hankel(&trials[0], embedding.n_delays, embedding.interval)?;
            recomputed.insert_if_stored(format!("{tag}.hankel_trial0.{system}"), array(&first)?);
            let found = embedded(&trials, &embedding)?;
            describe(tag, system, &found, &mut recomputed)?;
            dynamics.push(found);
        }
        let mut scores = Vec::new();
        for seed in 0..STARTS {
            scores.extend(score_matrix(&dynamics, seed, &options)?);
        }
        let n = systems.len();
        let plot: Vec<f64> = scores.iter().map(|&score| similarity(score)).collect();
        let dims = [STARTS as usize, n, n];
        recomputed.insert_if_stored(format!("{tag}.score_matrix_3seeds"), Array::f64(&dims, scores)?);
        recomputed.insert_if_stored(format!("{tag}.similarity_plot_seed0"), Array::f64(&dims, plot)?);
    }
    alignments(inputs, &options, &mut recomputed)?;
    Ok(recomputed)
}

/// Trials of one system, one row per timestep, projected where the settings say so.
fn trials(
    inputs: &GoldenInputs,
    tag: &str,
    system: &str,
    settings: &Settings,
    recomputed: &mut Recomputed,
) -> Result<Vec<Matrix>> {
    let name = format!("traj.{system}");
    let array = inputs.array(&name)?;
    let &[steps, n_trials, units] = array.dims() else {
        return Err(Error::shape(name, "[timesteps, trials, units]", array.dims()));
    };
    let all = Matrix::new(steps * n_trials, units, array.to_f64())?;
    // All components leave the data as they are, not even centred.
    let Some(n) = settings.pca.filter(|&n| n < units) else {
        let trial = |k: usize| Matrix::from_fn(steps, units, |t, unit| all.at(t * n_trials + k, unit));
        return Ok((0..n_trials).map(trial).collect());
    };
    let found = pca(&all, n)?;
    let trial = |k: usize| Matrix::from_fn(steps, n, |t, unit| found.scores.at(t * n_trials + k, unit));
    let trials: Vec<Matrix> = (0..n_trials).map(trial).collect();
    let scores = trials.iter().flat_map(|trial| trial.entries().to_vec()).collect();
    let scores = Array::f64(&[n_trials, steps, n], scores)?;
    recomputed.insert_if_stored(format!("{tag}.pca_scores.{system}"), scores);
    let ratio = Array::f64(&[n], found.explained)?;
    recomputed.insert_if_stored(format!("{tag}.pca_ratio.{system}"), ratio);
    Ok(trials)
}

fn describe(tag: &str, system: &str, found: &LinearDynamics, recomputed: &mut Recomputed) -> Result<()> {
    let name = |what: &str| format!("{tag}.{what}.{system}");
    let list = |values: Vec<f64>| Array::f64(&[values.len()], values);
    recomputed.insert(name("S"), list(found.singular_values.clone())?);
    recomputed.insert(name("cumvar"), list(found.cumulative.clone())?);
    recomputed.insert(name("rank"), Array::i64(&[1], vec![found.rank as i64])?);
    recomputed.insert(name("A_v"), array(&found.operator)?);
    let Svd { values, .. } = found.operator.svd()?;
    recomputed.insert(name("sv"), list(values)?);
    let eigenvalues = found.eigenvalues()?;
    let parts = eigenvalues.iter().flat_map(|value| [value.re, value.im]).collect();
    recomputed.insert(name("eig_re_im"), Array::f64(&[found.rank, 2], parts)?);
    let mut moduli: Vec<f64> = eigenvalues.iter().map(|value| value.abs()).collect();
    moduli.sort_by(|a, b| b.total_cmp(a));
    recomputed.insert(name("eig_abs"), list(moduli)?);
    Ok(())
}

/// Angles between all systems, row by row.
fn score_matrix(dynamics: &[LinearDynamics], seed: u64, options: &AlignmentOptions) -> Result<Vec<f64>> {
    let n = dynamics.len();
    let mut scores = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..i {
            let (a, b) = (&dynamics[i].operator, &dynamics[j].operator);
            let start = Start::random(a.rows().max(b.rows()), seed);
            let score = align(a, b, &start, options)?.angular;
            (scores[i * n + j], scores[j * n + i]) = (score, score);
        }
    }
    Ok(scores)
}

/// One pair of operators in every group: from the stored starts, and from our own.
fn alignments(inputs: &GoldenInputs, options: &AlignmentOptions, recomputed: &mut Recomputed) -> Result<()> {
    if !inputs.has("align.A") {
        return Ok(());
    }
    let (a, b) = (given(inputs, "align.A")?, given(inputs, "align.B")?);
    let at: BTreeMap<String, Vec<usize>> = inputs.parameter("loss_iterations")?;
    for (word, group) in [("SO", Group::Rotations), ("GL", Group::Invertible)] {
        let layer = |index: usize| given(inputs, &format!("align.{word}.L{index}"));
        let start = Start { layers: [layer(1)?, layer(2)?, layer(3)?] };
        let found = align(&a, &b, &start, &AlignmentOptions { group, ..*options })?;
        for (name, steps) in at.iter().filter(|(name, _)| name.starts_with(&format!("align.{word}."))) {
            let losses = steps.iter().map(|&step| found.losses.get(step).copied().unwrap_or(f64::NAN));
            recomputed.insert(name.clone(), Array::f64(&[steps.len()], losses.collect())?);
        }
        recomputed.insert(format!("align.{word}.C_final"), array(&found.change)?);
        recomputed.insert(format!("align.{word}.angular"), Array::f64(&[1], vec![found.angular])?);
        recomputed.insert(format!("align.{word}.euclidean"), Array::f64(&[1], vec![found.euclidean])?);
    }
    let n = STARTS as usize;
    let from_starts = |a: &Matrix| -> Result<Vec<f64>> {
        let size = a.rows().max(b.rows());
        (0..STARTS).map(|seed| Ok(align(a, &b, &Start::random(size, seed), options)?.angular)).collect()
    };
    recomputed.insert_if_stored("align.On.angular_5seeds", Array::f64(&[n], from_starts(&a)?)?);
    for name in inputs.output_names().map(str::to_owned).collect::<Vec<_>>() {
        let size = name.strip_prefix("align.On.").and_then(|name| name.split_once("_vs_"));
        let Some((what, _)) = size else { continue };
        let rank =
            if what == "rank0" { Some(0) } else { what.strip_prefix("zero_pad_").and_then(first_number) };
        let Some(rank) = rank else { continue };
        let corner = Matrix::from_fn(rank, rank, |i, j| a.at(i, j));
        let scores = from_starts(&corner)?;
        // Nothing is left to chance where there is no operator.
        let scores =
            if rank == 0 { Array::f64(&[1], scores[..1].to_vec())? } else { Array::f64(&[n, 1], scores)? };
        recomputed.insert_if_stored(name, scores);
    }
    Ok(())
}

fn first_number(text: &str) -> Option<usize> {
    text.split('x').next()?.parse().ok()
}
