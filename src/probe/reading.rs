//! Reads the responses of probed units out of the states of a run, as they pass.

use super::condition::{Condition, Read};
use super::tuning::{ConditionResult, UnitId};
use super::{Course, Responses};
use crate::dynamics::{Drive, Dynamics, LabelSet, Pass, Schedule, State};
use crate::error::Result;

/// Responses per condition kept at every timestep at most; a probe of more units has no course.
const MAX_COURSE: usize = 2_000_000;

/// Units of one area, and where their responses go: one result per condition.
pub(super) struct Target {
    pub area: usize,
    pub units: Vec<UnitId>,
    pub results: Vec<ConditionResult>,
}

impl Target {
    pub(super) fn new(area: usize, units: Vec<UnitId>, conditions: &[Condition], n_values: usize) -> Self {
        let result = |condition: &Condition| ConditionResult {
            name: condition.name.to_owned(),
            label: condition.label.to_owned(),
            role: condition.role,
            responses: Responses::new(n_values, units.len()),
            course: None,
        };
        let results = conditions.iter().map(result).collect();
        Self { area, units, results }
    }

    /// Keeps the course of every condition that is read at the end of something, where it fits.
    pub(super) fn with_course(mut self, conditions: &[Condition], schedule: &Schedule) -> Self {
        for (result, condition) in self.results.iter_mut().zip(conditions) {
            let n_times = match condition.read {
                Read::Timestep(_) => continue,
                Read::LastSweep => last_sweep(schedule) + 1,
                Read::Picked(_) => schedule.drives.iter().map(|drive| drive.n_passes).max().unwrap_or(1),
            };
            let (n_values, n_units) = (result.responses.n_values(), self.units.len());
            if n_values * n_units * n_times <= MAX_COURSE {
                result.course = Some(Course::new(n_times, n_values, n_units));
            }
        }
        self
    }
}

/// The last timestep that is not the read-out pass.
pub(super) fn last_sweep(schedule: &Schedule) -> usize {
    schedule.drives.iter().rposition(|drive| drive.pass != Pass::ReadOut).unwrap_or(0)
}

/// Responses of the first target in the phase under way, `[timestep]` of `[trial × unit]`.
type Phase = Vec<Vec<f32>>;

/// One run over one batch: which conditions it serves, and what has been seen of its phase.
pub(super) struct Reader<'a> {
    conditions: &'a [Condition],
    /// Positions of the conditions this run serves.
    group: &'a [usize],
    /// Value and pooled stimulus of every trial.
    batch: &'a [(usize, usize)],
    last_sweep: usize,
    /// Objects number themselves, so that the scored label of a trial is its pick.
    picks: Option<LabelSet>,
    phase: Phase,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        conditions: &'a [Condition],
        group: &'a [usize],
        batch: &'a [(usize, usize)],
        schedule: &Schedule,
    ) -> Self {
        let by_pick = group.iter().any(|&index| matches!(conditions[index].read, Read::Picked(_)));
        let labels = || LabelSet::PerObject((0..2).map(|object| vec![object; batch.len()]).collect());
        Self {
            conditions,
            group,
            batch,
            last_sweep: last_sweep(schedule),
            picks: by_pick.then(labels),
            phase: Vec::new(),
        }
    }

    /// Takes in the state after timestep `t`.
    pub(super) fn take(
        &mut self,
        model: &dyn Dynamics,
        t: usize,
        drive: &Drive,
        state: &State,
        targets: &mut [Target],
    ) -> Result<()> {
        let picked = match &self.picks {
            Some(picks) => model.scored_labels(picks, drive, state)?,
            None => None,
        };
        let has_course = targets
            .first()
            .is_some_and(|target| self.group.iter().any(|&index| target.results[index].course.is_some()));
        if has_course && let Some(target) = targets.first_mut() {
            let values = self.values(target, state)?;
            if drive.pass_index == 0 {
                self.phase.clear();
            }
            for &index in self.group.iter().filter(|&&i| self.conditions[i].read == Read::LastSweep) {
                self.add_course(&mut target.results[index], t, &values, |_| true);
            }
            if self.picks.is_some() {
                self.phase.push(values);
            }
        }
        for &index in self.group {
            let read = self.conditions[index].read;
            let reads = |trial: usize| match read {
                Read::Timestep(at) => at == t,
                Read::LastSweep => t == self.last_sweep,
                Read::Picked(object) => picked.as_ref().is_some_and(|picks| picks[trial] == object as i64),
            };
            if !(0..self.batch.len()).any(reads) {
                continue;
            }
            for target in targets.iter_mut() {
                let values = self.values(target, state)?;
                let n = target.units.len();
                for (trial, &(value, _)) in self.batch.iter().enumerate().filter(|(trial, _)| reads(*trial)) {
                    let of_trial = values[trial * n..(trial + 1) * n].iter().copied();
                    target.results[index].responses.add(value, of_trial);
                }
            }
            if matches!(read, Read::Picked(_))
                && let Some(target) = targets.first_mut()
            {
                for (k, values) in self.phase.iter().enumerate() {
                    self.add_course(&mut target.results[index], k, values, reads);
                }
            }
        }
        Ok(())
    }

    fn add_course(
        &self,
        result: &mut ConditionResult,
        time: usize,
        values: &[f32],
        reads: impl Fn(usize) -> bool,
    ) {
        let Some(course) = &mut result.course else { return };
        let n = values.len() / self.batch.len().max(1);
        for (trial, &(value, _)) in self.batch.iter().enumerate().filter(|(trial, _)| reads(*trial)) {
            course.add(time, value, values[trial * n..(trial + 1) * n].iter().copied());
        }
    }

    /// Responses of the target's units, `[trial × unit]`.
    fn values(&self, target: &Target, state: &State) -> Result<Vec<f32>> {
        let all = state.values(target.area)?;
        let per_trial = all.len() / self.batch.len().max(1);
        let trials = (0..self.batch.len()).map(|trial| &all[trial * per_trial..(trial + 1) * per_trial]);
        Ok(trials.flat_map(|trial| target.units.iter().map(|unit| trial[unit.index])).collect())
    }
}
