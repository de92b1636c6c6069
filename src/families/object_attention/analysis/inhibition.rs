//! Inhibition of return: how it grows, what it covers, and whether it or the rule of never picking
//! twice moves attention on.

use serde::Serialize;

use super::Trial;

/// One phase over stimuli; a mean over nothing is NaN.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InhibitionPhase {
    /// Mean share of inhibited pixels after the phase, per gate from the picture upwards.
    pub inhibited: Vec<f64>,
    /// Mean share of the picked object's pixels that the phase inhibits.
    pub overlap: f64,
    /// Share of stimuli whose pick would be another if taken objects were not excluded.
    pub forced_pick: f64,
    /// Mean gate of the picture where the phase adds inhibition.
    pub gate_where_added: f64,
    /// And everywhere else, earlier inhibition included.
    pub gate_elsewhere: f64,
}

/// Per phase.
pub fn inhibition(trials: &[Trial]) -> Vec<InhibitionPhase> {
    let n_phases = trials.first().map_or(0, |trial| trial.phases.len());
    (0..n_phases)
        .map(|phase| {
            let results = || trials.iter().map(|trial| &trial.phases[phase]);
            let n_maps = results().next().map_or(0, |result| result.inhibited.len());
            let forced = results()
                .filter_map(|result| Some(f64::from(u8::from(nearest(&result.distances)? != result.pick?))));
            InhibitionPhase {
                inhibited: (0..n_maps)
                    .map(|map| mean(results().map(|result| result.inhibited[map])))
                    .collect(),
                overlap: mean(results().filter_map(|result| result.overlap)),
                forced_pick: mean(forced),
                gate_where_added: mean(results().filter_map(|result| result.gate_where_added)),
                gate_elsewhere: mean(results().filter_map(|result| result.gate_elsewhere)),
            }
        })
        .collect()
}

/// The first of the smallest.
fn nearest(distances: &[f32]) -> Option<usize> {
    (0..distances.len()).reduce(|best, at| if distances[at] < distances[best] { at } else { best })
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0_u64), |(sum, n), value| (sum + value, n + 1));
    sum / n as f64
}

#[cfg(test)]
mod tests {
    use super::super::PhaseResult;
    use super::*;

    #[test]
    fn a_pick_is_forced_where_a_taken_object_is_nearer() {
        let phase = |pick, distances: [f32; 2]| PhaseResult {
            logits: Vec::new(),
            pick: Some(pick),
            distances: distances.to_vec(),
            gate: None,
            inhibited: vec![0.25, 0.5],
            overlap: Some(0.75),
            gate_where_added: None,
            gate_elsewhere: Some(1.0),
        };
        let trial =
            |second| Trial { labels: vec![0, 1], phases: vec![phase(1, [2.0, 1.0]), phase(0, second)] };
        let phases = inhibition(&[trial([1.0, 3.0]), trial([3.0, 1.0])]);
        assert_eq!((phases[0].forced_pick, phases[1].forced_pick), (0.0, 0.5));
        assert_eq!(phases[1].inhibited, [0.25, 0.5]);
        assert!(phases[0].gate_where_added.is_nan());
    }
}
