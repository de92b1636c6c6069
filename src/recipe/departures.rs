//! In what a run leaves the protocol that its network was trained on: one answer for the window, the
//! command line and the provenance.

use crate::dynamics::{Controls, Departure, Schedule};
use crate::families;
use crate::model::Model;
use crate::settings::Source;
use crate::task::{Fit, StimulusKind, StimulusSpec};

/// Every departure of a run of `model` on `stimulus` by `schedule` with `controls` from the published
/// protocol, as far as the source fixes one. Interventions are what an experiment does on purpose and
/// do not count.
pub fn departures(
    model: &Model,
    stimulus: &StimulusSpec,
    schedule: &Schedule,
    controls: &Controls,
) -> Vec<Departure> {
    let dynamics = model.dynamics.as_ref();
    let config = &model.info.config;
    let replaced = |key: &str| {
        let entry = config.get(key).filter(|entry| entry.source == Source::Given)?;
        Some((entry.replaced.as_ref()?, &entry.value))
    };
    let mut departures = dynamics.departures(schedule);
    for (index, control) in dynamics.controls().iter().enumerate() {
        let Some(trained) = control.trained else { continue };
        let before = replaced(&control.name).and_then(|(before, _)| before.as_f64());
        let (trained, value) = (before.unwrap_or(trained), controls.get(index));
        if value != trained {
            let label = control.label.to_lowercase();
            departures.push(Departure::new(label, control.text_of(trained), control.text_of(value)));
        }
    }
    let is_control = |key: &str| dynamics.controls().iter().any(|control| control.name == key);
    for key in families::protocol_keys(model.info.family).iter().filter(|key| !is_control(key)) {
        if let Some((before, value)) = replaced(key) {
            departures.push(Departure::new(*key, plain(before), plain(value)));
        }
    }
    let fit = match &stimulus.kind {
        StimulusKind::Image(picture) | StimulusKind::Folder(picture) | StimulusKind::Trials(picture) => {
            picture.fit
        }
        StimulusKind::Set(set) => set.fit,
        _ => Fit::Auto,
    };
    if let (true, Some(preparation)) = (fit != Fit::Auto, dynamics.preparation()) {
        departures.push(Departure::new("preparation of the picture", preparation, fit.label()));
    }
    departures
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
