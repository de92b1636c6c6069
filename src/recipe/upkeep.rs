//! Settings that every training run has beside those of its procedure.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::film::FilmProbe;
use crate::error::{Error, Result};
use crate::settings::{ConfigTable, Field, Overrides};
use crate::train::Gathering;

/// How gradients are gathered, when a run ends early, what is kept of it and what is measured meanwhile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upkeep {
    pub accumulate: u64,
    pub clip_norm: f64,
    pub patience: u64,
    pub keep_every: u64,
    pub probe_every: u64,
    /// A feature, or a table with the settings of a probe.
    pub probe: Value,
    pub probe_area: String,
    pub probe_units: String,
}

impl Upkeep {
    /// Names, meanings, ranges and defaults, in the order of the form.
    pub fn fields() -> Vec<Field> {
        let ours = "ours";
        vec![
            Field::number("accumulate", "Accumulate", "upd.", 1.0, 1e6, 1.0, ours).means(
                "Updates whose mean gradient changes the weights once; a phase with an update of its own counts as one.",
            ),
            Field::number("clip_norm", "Largest gradient", "", 0.0, 1e9, 0.0, ours)
                .means("Norm that the mean of accumulated gradients is clipped to, on top of the run's own limit; 0 is none."),
            Field::number("patience", "Patience", "val.", 0.0, 1e6, 0.0, ours)
                .means("Validations without a higher score after which the run ends; 0 never ends early."),
            Field::number("keep_every", "Keep every", "upd.", 0.0, 1e9, 0.0, ours)
                .means("Updates between two checkpoints that stay beside the last and the best; 0 keeps none."),
            Field::number("probe_every", "Probe every", "upd.", 0.0, 1e9, 0.0, ours)
                .means("Updates between two probes of the network in training, kept in the folder probes; 0 is never."),
            Field::text("probe", "Probe", "orientation", ours)
                .means("Feature whose tuning is measured, or a table with the settings of a probe."),
            Field::text("probe_area", "Probed area", "", ours)
                .means("Area of the probed units; empty for the first that holds maps."),
            Field::text("probe_units", "Probed units", "", ours)
                .means("Units of that area, as for gainfield probe; empty for all channels in the middle."),
        ]
    }

    /// Takes the settings of every run out of those of a file and of the user.
    ///
    /// # Errors
    /// [`Error::Config`] for a value that does not fit.
    pub fn taken(map: &mut Map<String, Value>, overrides: &Overrides) -> Result<(Self, Overrides)> {
        let fields = Self::fields();
        let is_own = |key: &str| fields.iter().any(|field| field.key == key);
        let (mut own, mut others) = (Overrides::default(), Overrides::default());
        for (key, value) in overrides.iter() {
            if is_own(key) { &mut own } else { &mut others }.push(key, value.clone());
        }
        let of_file = fields.iter().filter_map(|field| Some((field.key.to_owned(), map.remove(field.key)?)));
        let table = ConfigTable::of_fields(&fields).given(&of_file.collect(), &own)?;
        for field in &fields {
            if let Some(entry) = table.get(field.key) {
                field.check(&entry.value)?;
            }
        }
        let upkeep: Self = table.parse()?;
        if upkeep.probe_every > 0 {
            upkeep.film()?;
        }
        Ok((upkeep, others))
    }

    pub(super) fn values(&self) -> Map<String, Value> {
        match json!(self) {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    pub(super) fn gathering(&self) -> Gathering {
        let clip = if self.clip_norm > 0.0 { self.clip_norm } else { f64::INFINITY };
        Gathering { accumulate: self.accumulate, clip }
    }

    /// The probe that is made of snapshots; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Config`] for a probe that there is not.
    pub(super) fn film(&self) -> Result<Option<FilmProbe>> {
        if self.probe_every == 0 {
            return Ok(None);
        }
        FilmProbe::new(&self.probe, &self.probe_area, &self.probe_units).map(Some)
    }
}

/// Adds the keys of every run to what an unknown key is compared with.
pub(super) fn with_own_keys(err: Error) -> Error {
    match err {
        Error::Unknown { kind: kind @ "recipe key", name, mut known } => {
            known.extend(Upkeep::fields().iter().map(|field| field.key.to_owned()));
            Error::Unknown { kind, name, known }
        }
        other => other,
    }
}
