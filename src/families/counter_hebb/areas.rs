//! Names, shapes and positions of what a network records.

use super::architecture::Architecture;
use crate::dynamics::{Area, AreaKind};

/// Positions of the areas of a network.
///
/// Each set of units has up to four: its activity bottom-up, its activity in the instruction pass
/// (`td.`), the gate that this opens (`gate.`) and its error (`err.`). A network without an
/// instruction head has neither instruction activity nor gates.
#[derive(Clone, Copy, Debug)]
pub(super) struct AreaIndex {
    /// Sets of units, the picture included.
    n_units: usize,
    /// Bundles of the instruction head.
    n_task: usize,
}

impl AreaIndex {
    pub(super) fn new(architecture: &Architecture) -> Self {
        Self { n_units: architecture.units.len(), n_task: architecture.task_head.len() }
    }

    /// Bottom-up activity of a set of units; 0 is the picture.
    pub(super) fn bottom_up(self, units: usize) -> usize {
        units
    }

    pub(super) fn logits(self) -> usize {
        self.n_units
    }

    /// Activity of a set of units in the instruction pass.
    pub(super) fn top_down(self, units: usize) -> usize {
        self.n_units + 1 + units
    }

    /// The upper side of a bundle of the instruction head; of the last, the instruction itself.
    pub(super) fn instruction(self, bundle: usize) -> usize {
        2 * self.n_units + 1 + bundle
    }

    /// Gate of a set of units above the picture.
    pub(super) fn gate(self, units: usize) -> usize {
        2 * self.n_units + self.n_task + units
    }

    /// Error of a set of units.
    pub(super) fn error(self, units: usize) -> usize {
        let guided = if self.n_task > 0 { 2 * self.n_units - 1 + self.n_task } else { 0 };
        self.n_units + 1 + guided + units
    }

    /// The error vector at the logits.
    pub(super) fn error_of_logits(self) -> usize {
        self.error(self.n_units)
    }
}

/// The areas in the order of [`AreaIndex`].
pub(super) fn areas(architecture: &Architecture) -> Vec<Area> {
    let units = &architecture.units;
    let head = architecture.head.output.as_slice();
    let prefixed = |prefix: &'static str, kind: fn(String, &[usize]) -> Area| {
        units.iter().map(move |units| kind(format!("{prefix}{}", units.name), &units.shape))
    };
    let hidden = |name: String, shape: &[usize]| Area::new(name, shape, AreaKind::Hidden);
    let mut areas: Vec<Area> = prefixed("", Area::activity).collect();
    areas.push(Area::activity("head_layer", head));
    if !architecture.task_head.is_empty() {
        areas.extend(prefixed("td.", Area::activity));
        let task_head = architecture.task_head.iter();
        areas.extend(task_head.map(|bundle| Area::activity(format!("td.{}", bundle.name), &bundle.output)));
        areas.extend(units.iter().skip(1).map(|units| {
            let kind = AreaKind::Gate { target: units.name.clone() };
            Area::new(format!("gate.{}", units.name), &units.shape, kind)
        }));
    }
    areas.extend(prefixed("err.", hidden));
    areas.push(hidden("err.head_layer".to_owned(), head));
    areas
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::config::Config;
    use super::*;

    #[test]
    fn positions_and_names_agree() {
        for (values, n_task) in [
            (json!({"network_name": "simple net", "mtl": true, "task_embedding_size": 5}), 2),
            (json!({"network_name": "tiny resnet", "mtl": true}), 1),
            (json!({"network_name": "fc net"}), 0),
        ] {
            let config = Config::from_values(values.as_object().unwrap()).unwrap();
            let architecture = Architecture::new(&config).unwrap();
            let (at, areas) = (AreaIndex::new(&architecture), areas(&architecture));
            assert_eq!(areas.len(), at.error_of_logits() + 1);
            let name = |index: usize| areas[index].name.as_str();
            assert_eq!((name(at.bottom_up(0)), name(at.logits())), ("in", "head_layer"));
            for (index, units) in architecture.units.iter().enumerate() {
                assert_eq!(name(at.bottom_up(index)), units.name);
                assert_eq!(name(at.error(index)), format!("err.{}", units.name));
                if n_task > 0 {
                    assert_eq!(name(at.top_down(index)), format!("td.{}", units.name));
                }
                if n_task > 0 && index > 0 {
                    assert_eq!(name(at.gate(index)), format!("gate.{}", units.name));
                    assert_eq!(areas[at.gate(index)].shape, units.shape);
                }
            }
            for bundle in 0..n_task {
                assert_eq!(name(at.instruction(bundle)), format!("td.task_head.{bundle}"));
            }
            assert_eq!(name(at.error_of_logits()), "err.head_layer");
        }
    }
}
