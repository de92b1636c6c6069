//! Interventions in words and pictures, and the ones that keys make.

use gainfield::dynamics::{Action, Area, Intervention, Units};
use gainfield::figure::number::significant;

use crate::document::{Document, UnitRef};
use crate::icons::{self, Icon};

/// "Silence conv2 · 7", or the name it was given.
pub fn describe(intervention: &Intervention) -> String {
    if !intervention.name.is_empty() {
        return intervention.name.clone();
    }
    let place = if intervention.units.is_all() {
        intervention.area.clone()
    } else {
        format!("{} · {}", intervention.area, intervention.units)
    };
    let number = |value: f64| significant(value, 3);
    match &intervention.action {
        Action::Silence => format!("Silence {place}"),
        Action::Clamp { value } => format!("Clamp {place} at {}", number(*value)),
        Action::Scale { factor } => format!("Scale {place} by {}", number(*factor)),
        Action::Replace { .. } => format!("Replace {place}"),
        Action::Current { value } => format!("Current {} into {place}", number(*value)),
        Action::Noise { sd } => format!("Noise sd {} on {place}", number(*sd)),
        Action::Set { control, value } => format!("{control} = {}", number(*value)),
    }
}

pub fn icon(intervention: &Intervention) -> Icon {
    match intervention.action {
        Action::Silence | Action::Clamp { .. } => icons::SILENCE,
        Action::Scale { .. } | Action::Set { .. } => icons::SLIDERS,
        Action::Replace { .. } => icons::GRID,
        Action::Current { .. } => icons::CURRENT,
        Action::Noise { .. } => icons::NOISE,
    }
}

/// The kinds of action, as the inspector offers them.
pub const KINDS: [&str; 6] = ["Silence", "Clamp", "Scale", "Replace map", "Add current", "Add noise"];

/// Position of an action in [`KINDS`]; `None` for a control.
pub fn kind_of(action: &Action) -> Option<usize> {
    match action {
        Action::Silence => Some(0),
        Action::Clamp { .. } => Some(1),
        Action::Scale { .. } => Some(2),
        Action::Replace { .. } => Some(3),
        Action::Current { .. } => Some(4),
        Action::Noise { .. } => Some(5),
        Action::Set { .. } => None,
    }
}

/// An action of kind `kind` with a value that shows an effect.
pub fn action_of(kind: usize) -> Action {
    match kind {
        1 => Action::Clamp { value: 0.0 },
        2 => Action::Scale { factor: 0.5 },
        3 => Action::Replace {
            map: gainfield::dynamics::MapSource::Disc {
                row: 0.5,
                col: 0.5,
                radius: 0.25,
                inside: 1.0,
                outside: 0.0,
            },
        },
        4 => Action::Current { value: 1.0 },
        5 => Action::Noise { sd: 0.1 },
        _ => Action::Silence,
    }
}

/// Channel, row and column of a flat unit index.
pub fn place_of(area: &Area, unit: usize) -> [usize; 3] {
    let [_, height, width] = area.map_shape();
    let plane = (height * width).max(1);
    [unit / plane, unit % plane / width.max(1), unit % width.max(1)]
}

/// "7 (16, 17)" for a unit of a map, "7" for one of a vector.
pub fn unit_text(area: &Area, unit: usize) -> String {
    let [channel, row, col] = place_of(area, unit);
    let [_, height, width] = area.map_shape();
    if height * width <= 1 { channel.to_string() } else { format!("{channel} ({row}, {col})") }
}

/// Silences the pinned units from `t` on: their channels, one intervention per area.
pub fn silence_pinned(document: &Document, areas: &[Area], t: usize) -> Vec<Intervention> {
    let mut by_area: Vec<(&Area, Units)> = Vec::new();
    for UnitRef { area: name, unit } in &document.pinned {
        let Some(area) = areas.iter().find(|area| area.name == *name) else { continue };
        let [channel, ..] = place_of(area, *unit);
        let units = Units::channel(channel);
        match by_area.iter_mut().find(|(known, _)| known.name == *name) {
            Some((_, known)) => *known = known.clone().union(units),
            None => by_area.push((area, units)),
        }
    }
    by_area
        .into_iter()
        .map(|(area, units)| Intervention::new(&area.name, units, Action::Silence, t, None))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interventions_say_what_they_do() {
        let silence = Intervention::new("conv2", Units::channel(7), Action::Silence, 3, None);
        assert_eq!(describe(&silence), "Silence conv2 · 7");
        let set = Action::Set { control: "softness".to_owned(), value: 0.5 };
        let set = Intervention::new("", Units::all(), set, 3, None);
        assert_eq!(describe(&set), "softness = 0.500");
        for kind in 0..KINDS.len() {
            assert_eq!(kind_of(&action_of(kind)), Some(kind));
        }
    }

    #[test]
    fn pinned_units_of_one_area_make_one_intervention() {
        let area = Area::activity("conv1", &[4, 3, 3]);
        let pin = |unit| UnitRef { area: "conv1".to_owned(), unit };
        let mut document = Document::default();
        document.pinned = vec![pin(0), pin(13), pin(10)];
        let made = silence_pinned(&document, std::slice::from_ref(&area), 5);
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].units.to_string(), "0,1,1");
        assert_eq!(made[0].from, 5);
    }

    #[test]
    fn a_flat_index_is_channel_row_column() {
        let area = Area::activity("conv1", &[4, 3, 5]);
        assert_eq!(place_of(&area, 2 * 15 + 7), [2, 1, 2]);
        assert_eq!(unit_text(&Area::activity("fc", &[10]), 7), "7");
    }
}
