//! Names, shapes and positions of what a network records and remembers.

use super::config::{Config, Stage};
use crate::dynamics::{Area, AreaKind, GainRule};

/// Name of the control that scales every gate.
pub(super) const STRENGTH: &str = "strength";

/// Positions of the areas of a network with `n_stages` stages.
#[derive(Clone, Copy, Debug)]
pub(super) struct AreaIndex {
    n_stages: usize,
}

impl AreaIndex {
    pub(super) fn new(n_stages: usize) -> Self {
        Self { n_stages }
    }

    /// The gated picture.
    pub(super) fn input(self) -> usize {
        0
    }

    pub(super) fn conv(self, stage: usize) -> usize {
        1 + 2 * stage
    }

    pub(super) fn pooled(self, stage: usize) -> usize {
        2 + 2 * stage
    }

    /// Class scores.
    pub(super) fn scores(self) -> usize {
        1 + 2 * self.n_stages
    }

    /// The class scores projected back onto the last stage.
    pub(super) fn top_down(self) -> usize {
        2 + 2 * self.n_stages
    }

    pub(super) fn gate(self, stage: usize) -> usize {
        3 + 2 * self.n_stages + stage
    }

    pub(super) fn inhibition(self, stage: usize) -> usize {
        3 + 3 * self.n_stages + stage
    }

    pub(super) fn len(self) -> usize {
        3 + 4 * self.n_stages
    }
}

/// The areas in the order of [`AreaIndex`]. The names after `gate.` and `ior.`, and all others, are
/// those that the source records.
pub(super) fn areas(config: &Config, stages: &[Stage]) -> Vec<Area> {
    let mut areas = vec![Area::activity("in", &stages[0].input)];
    for (i, stage) in (1..).zip(stages) {
        areas.push(Area::activity(format!("conv{i}_out"), &stage.conv));
        areas.push(Area::activity(format!("maxpool{i}_out"), &stage.pooled));
    }
    areas.push(Area::activity("linear_out", &[config.n_classes]));
    let top = stages[stages.len() - 1].pooled;
    areas.push(Area::new("linear_in", &top, AreaKind::Hidden));
    for (i, stage) in stages.iter().enumerate() {
        let target = if i == 0 { "input".to_owned() } else { format!("maxpool{i}_out") };
        let rule = GainRule { target, sign: -1.0, control: STRENGTH.to_owned() };
        areas.push(Area::new(format!("gate.conv{}_in", i + 1), &stage.input, AreaKind::Gain(rule)));
    }
    for (i, stage) in (1..).zip(stages) {
        areas.push(Area::new(format!("ior.conv{i}_in"), &stage.input, AreaKind::Hidden));
    }
    areas
}

/// Positions of what [`crate::dynamics::State::memory`] holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct MemoryIndex {
    n_stages: usize,
}

impl MemoryIndex {
    pub(super) fn new(n_stages: usize) -> Self {
        Self { n_stages }
    }

    /// Inhibition of the present phase, before interventions.
    pub(super) fn inhibition(self, stage: usize) -> usize {
        stage
    }

    /// Inhibition of the phase to come.
    pub(super) fn next(self, stage: usize) -> usize {
        self.n_stages + stage
    }

    pub(super) fn taken(self) -> usize {
        2 * self.n_stages
    }

    pub(super) fn pick(self) -> usize {
        2 * self.n_stages + 1
    }

    pub(super) fn distance(self) -> usize {
        2 * self.n_stages + 2
    }
}

/// Names in the order of [`MemoryIndex`].
pub(super) fn memory(n_stages: usize) -> Vec<String> {
    let maps = |what: &'static str| (1..=n_stages).map(move |i| format!("{what}.conv{i}_in"));
    let objects = ["taken", "pick", "distance"].map(str::to_owned);
    maps("inhibition").chain(maps("next_inhibition")).chain(objects).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_names_agree() {
        for config in [Config::digits(3), Config::photographs()] {
            let stages = config.stages().unwrap();
            let n = stages.len();
            let (at, areas) = (AreaIndex::new(n), areas(&config, &stages));
            assert_eq!(areas.len(), at.len());
            let name = |index: usize| areas[index].name.as_str();
            assert_eq!(name(at.input()), "in");
            assert_eq!(name(at.scores()), "linear_out");
            assert_eq!(name(at.top_down()), "linear_in");
            for stage in 0..n {
                assert_eq!(name(at.conv(stage)), format!("conv{}_out", stage + 1));
                assert_eq!(name(at.pooled(stage)), format!("maxpool{}_out", stage + 1));
                assert_eq!(name(at.gate(stage)), format!("gate.conv{}_in", stage + 1));
                assert_eq!(name(at.inhibition(stage)), format!("ior.conv{}_in", stage + 1));
                assert_eq!(areas[at.gate(stage)].shape, stages[stage].input);
            }
            let (at, names) = (MemoryIndex::new(n), memory(n));
            assert_eq!(names[at.inhibition(n - 1)], format!("inhibition.conv{n}_in"));
            assert_eq!(names[at.next(0)], "next_inhibition.conv1_in");
            assert_eq!(
                [at.taken(), at.pick(), at.distance()].map(|i| names[i].as_str()),
                ["taken", "pick", "distance"]
            );
        }
    }
}
