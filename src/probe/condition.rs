//! Conditions: what is done to the network, and when its response is read.

use crate::dynamics::{Action, AreaKind, Dynamics, Intervention, MapSource, Units};
use crate::error::{Error, Result};
use crate::figure::Role;
use crate::model::{Family, Model};

/// When the response of a trial is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// At the end of this timestep.
    Timestep(usize),
    /// At the end of the last timestep but the read-out pass.
    LastSweep,
    /// At the end of the phase in which this object was picked.
    Picked(usize),
}

/// One condition of a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// In files and on the command line.
    pub name: &'static str,
    /// On screen.
    pub label: &'static str,
    pub role: Role,
    pub interventions: Vec<Intervention>,
    pub read: Read,
    /// Taken where a recipe names no conditions.
    pub is_usual: bool,
}

/// Where the probed stimulus is, as fractions of the picture; its radius as a fraction of the height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub row: f64,
    pub col: f64,
    pub radius: f64,
}

/// All conditions that can be asked for of a model, in order.
pub fn offered(model: &Model) -> Vec<Condition> {
    conditions(model.info.family, model.dynamics.as_ref(), Place { row: 0.5, col: 0.5, radius: 0.25 })
}

/// All conditions a family offers.
pub(super) fn conditions(family: Family, model: &dyn Dynamics, place: Place) -> Vec<Condition> {
    let plain = |name, label, role, read| Condition {
        name,
        label,
        role,
        interventions: Vec::new(),
        read,
        is_usual: true,
    };
    let mut all = match family {
        Family::ObjectAttention => vec![
            plain("attended", "attend the stimulus", Role::Attended, Read::Picked(0)),
            plain("unattended", "attend the digit", Role::Unattended, Read::Picked(1)),
            plain("first_pass", "first pass, no gain", Role::Neutral, Read::Timestep(0)),
        ],
        // No gain to set and nothing to attend: what the network does by itself.
        Family::Blt => vec![
            plain("first_step", "first timestep", Role::Neutral, Read::Timestep(0)),
            plain("free", "last timestep", Role::Recorded, Read::LastSweep),
        ],
        Family::CounterHebb => {
            // An instructed network predicts after its instruction; the others at once.
            let Some(instruction) = model.controls().iter().find(|control| control.name == "instruction")
            else {
                return vec![plain("plain", "bottom-up pass", Role::Recorded, Read::Timestep(0))];
            };
            let instructed = |name, label, role, choice: usize| {
                let set = Action::Set { control: instruction.name.clone(), value: choice as f64 };
                Condition {
                    interventions: vec![Intervention::new("", Units::all(), set, 0, None)],
                    ..plain(name, label, role, Read::Timestep(1))
                }
            };
            // After "stimulus" and "none" come the instructions.
            let mut conditions = vec![
                instructed("plain", "no instruction", Role::Neutral, 1),
                instructed("first_instruction", "first instruction", Role::Attended, 2),
            ];
            if instruction.choices.len() > 3 {
                let second = ("second_instruction", "second instruction", Role::Unattended);
                conditions.push(instructed(second.0, second.1, second.2, 3));
            }
            conditions
        }
        Family::CordsNet => vec![plain("response", "shown alone", Role::Recorded, Read::LastSweep)],
        Family::RecurrentGating => {
            let elsewhere = Place { row: 1.0 - place.row, col: 1.0 - place.col, ..place };
            let opposite = if (place.row, place.col) == (0.5, 0.5) {
                Place { row: 0.15, col: 0.15, ..place }
            } else {
                elsewhere
            };
            vec![
                Condition {
                    interventions: gain_discs(model, place),
                    ..plain("attended", "attend in", Role::Attended, Read::LastSweep)
                },
                Condition {
                    interventions: gain_discs(model, opposite),
                    ..plain("unattended", "attend out", Role::Unattended, Read::LastSweep)
                },
                plain("first_pass", "first sweep, no gain", Role::Neutral, Read::Timestep(0)),
                plain("free", "own gain", Role::Recorded, Read::LastSweep),
            ]
        }
    };
    let held = gains_held(model);
    if !held.is_empty() {
        all.push(Condition {
            interventions: held,
            is_usual: false,
            ..plain("gain_off", "gain off", Role::Intervention, Read::LastSweep)
        });
    }
    all
}

/// Every gain map held at 0, so that nothing is multiplied.
fn gains_held(model: &dyn Dynamics) -> Vec<Intervention> {
    let gains = model.areas().iter().filter(|area| area.is_gain());
    gains
        .map(|area| Intervention::new(&area.name, Units::all(), Action::Clamp { value: 0.0 }, 0, None))
        .collect()
}

/// Every gain map held at +1 inside a disc and −1 outside.
fn gain_discs(model: &dyn Dynamics, place: Place) -> Vec<Intervention> {
    let is_gain = |kind: &AreaKind| matches!(kind, AreaKind::Gain(_));
    let gains = model.areas().iter().filter(|area| is_gain(&area.kind));
    gains
        .map(|area| {
            let map = MapSource::Disc {
                row: place.row,
                col: place.col,
                radius: place.radius,
                inside: 1.0,
                outside: -1.0,
            };
            Intervention::new(&area.name, Units::all(), Action::Replace { map }, 0, None)
        })
        .collect()
}

/// The conditions called `names`, in the family's order; the usual ones for no names.
pub(super) fn chosen(all: Vec<Condition>, names: &[String]) -> Result<Vec<Condition>> {
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|one| one.name == **name)) {
        return Err(Error::unknown("condition", unknown, all.iter().map(|one| one.name)));
    }
    let is_chosen = |one: &Condition| match names {
        [] => one.is_usual,
        names => names.iter().any(|name| name == one.name),
    };
    Ok(all.into_iter().filter(is_chosen).collect())
}
