//! Kinds `eigen` and `jacobian`: spectra of a recurrence and of one timestep at a state.

use std::ops::ControlFlow;

use super::super::CordsNet;
use super::super::spectrum::{Recurrence, area_jacobians, unit};
use super::{Network, pictures};
use crate::analysis::eigen::{Complex, arnoldi, eigenvalues};
use crate::dynamics::{Controls, Dynamics as _, Presentation, ProtocolOptions, Run, Workspace, rollout};
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed};

pub(super) fn eigen(inputs: &GoldenInputs) -> Result<Recomputed> {
    let (size, m) = (inputs.count("size")?, inputs.count("m")?);
    let mut recurrence = Recurrence::new(&inputs.tensor("in.kernel")?, size)?;
    let n = recurrence.n_units();
    let dense = recurrence.dense()?;
    let mut recomputed = Recomputed::new();
    let all = eigenvalues(&dense, n)?;
    let trace = (0..n).map(|i| dense[i * n + i]).sum();
    recomputed.insert("out.dense_abs", list(all.iter().map(|value| value.abs()))?);
    recomputed.insert("out.dense_real_sorted", list(descending(all.iter().map(|value| value.re)))?);
    recomputed.insert("out.dense_trace", Array::f64(&[], vec![trace])?);
    parts(&mut recomputed, "out.dense", &all)?;

    let start = inputs.array("in.start")?.to_f64();
    let found = arnoldi(|v| recurrence.apply(v), &start, m)?;
    recomputed.insert("out.hessenberg", Array::f64(&[m + 1, m], found.hessenberg.clone())?);
    let ritz = found.ritz_values()?;
    recomputed.insert("out.ritz_abs", list(ritz.iter().map(|value| value.abs()))?);
    parts(&mut recomputed, "out.ritz", &ritz)?;

    let starts = inputs.array("in.power_start")?;
    let iterations = inputs.count("power_iters")?;
    let (mut vectors, mut rayleigh, mut sum) = (Vec::new(), Vec::new(), vec![0.0; n]);
    for start in starts.to_f64().chunks(n.max(1)) {
        let v = recurrence.power(start, iterations)?;
        rayleigh.push(recurrence.rayleigh(&v)?);
        sum.iter_mut().zip(&v).for_each(|(sum, v)| *sum += v);
        vectors.extend(v);
    }
    recomputed.insert("out.power_vec", Array::f64(starts.dims(), vectors)?);
    recomputed.insert("out.power_rayleigh", list(rayleigh)?);
    recomputed.insert("out.power_mean_vec", list(unit(&sum))?);
    Ok(recomputed)
}

pub(super) fn jacobian(inputs: &GoldenInputs) -> Result<Recomputed> {
    let Network { config, weights, .. } = Network::read(inputs)?;
    let model = CordsNet::new(&config, &weights)?;
    let schedule = model.schedule(&Presentation::held(pictures(inputs)?), &ProtocolOptions::default())?;
    let controls = Controls::defaults(model.controls());
    let run = Run::plain(&model, &schedule, &controls);
    let go_on = |_: usize, _: &_, _: &_| Ok(ControlFlow::Continue(()));
    let rest = model.rest(schedule.batch())?;
    let state = rollout(&run, rest, 0..schedule.len(), &mut Workspace::new(), go_on)?;
    let Some(last) = schedule.drives.last() else {
        return Err(Error::config("stim", "1 or more", 0));
    };
    let mut jacobians = area_jacobians(&model, &last.frame, &state, &controls)?;
    let mut all = Vec::new();
    let mut recomputed = Recomputed::new();
    let n_areas = jacobians.len();
    for (area, jacobian) in jacobians.iter_mut().enumerate() {
        let n = jacobian.recurrence.n_units();
        let block = jacobian.dense()?;
        all.extend(eigenvalues(&block, n)?);
        if area + 1 == n_areas {
            recomputed.insert("out.block_last", Array::f64(&[n, n], block)?);
        }
    }
    let mut rates = Vec::new();
    for area in 0..n_areas {
        rates.extend(state.values(area)?.into_iter().map(f64::from));
    }
    recomputed.insert("out.state", list(rates)?);
    recomputed.insert("out.eig_abs", list(descending(all.iter().map(|value| value.abs())))?);
    recomputed.insert("out.eig_real", list(descending(all.iter().map(|value| value.re)))?);
    parts(&mut recomputed, "out.eig_blocks", &all)?;
    Ok(recomputed)
}

/// Real and imaginary parts under `{name}_re` and `{name}_im`.
fn parts(recomputed: &mut Recomputed, name: &str, values: &[Complex]) -> Result<()> {
    recomputed.insert(format!("{name}_re"), list(values.iter().map(|value| value.re))?);
    recomputed.insert(format!("{name}_im"), list(values.iter().map(|value| value.im))?);
    Ok(())
}

fn list(values: impl IntoIterator<Item = f64>) -> Result<Array> {
    let values: Vec<f64> = values.into_iter().collect();
    Array::f64(&[values.len()], values)
}

fn descending(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    values
}
