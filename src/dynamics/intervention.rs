//! Interventions: silence, clamp, scale, replace, add current or noise, set a control, over a span
//! of timesteps. One mechanism for every family.

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use super::{Area, Controls, Run, Stage, Taps, Units};
use crate::error::{Error, Result};
use crate::{glob, rng};

/// One change to a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intervention {
    /// For the timeline; may be empty.
    #[serde(default)]
    pub name: String,
    /// Name of an area, or a glob over names (`gain*`). Not used by [`Action::Set`].
    #[serde(default)]
    pub area: String,
    #[serde(default)]
    pub units: Units,
    pub action: Action,
    /// First timestep, from 0.
    #[serde(default)]
    pub from: usize,
    /// First timestep after it; `None` is to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<usize>,
    #[serde(default = "enabled")]
    pub enabled: bool,
}

fn enabled() -> bool {
    true
}

/// What an intervention does to the selected units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Activity becomes 0.
    Silence,
    /// Activity becomes `value`.
    Clamp { value: f64 },
    /// Activity is multiplied by `factor`.
    Scale { factor: f64 },
    /// Activity becomes a map of the area's height and width (shared by its channels) or full shape.
    Replace { map: MapSource },
    /// `value` is added before the nonlinearity.
    Current { value: f64 },
    /// Gaussian noise of standard deviation `sd` is added before the nonlinearity.
    Noise { sd: f64 },
    /// A control of the model has this value.
    Set { control: String, value: f64 },
}

/// Where a replacing map comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case", deny_unknown_fields)]
pub enum MapSource {
    /// Row-major numbers: height × width, or channels × height × width.
    Values { values: Vec<f32> },
    /// A disc; centre and radius as fractions of the map's height and width (radius: of the height).
    Disc { row: f64, col: f64, radius: f64, inside: f64, outside: f64 },
}

/// A TOML file of interventions: `[[intervention]]` tables, applied in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterventionFile {
    #[serde(default)]
    pub intervention: Vec<Intervention>,
}

impl Intervention {
    pub fn new(
        area: impl Into<String>,
        units: Units,
        action: Action,
        from: usize,
        to: Option<usize>,
    ) -> Self {
        Self { name: String::new(), area: area.into(), units, action, from, to, enabled: true }
    }

    /// Which of the two taps of an area it uses; `None` for [`Action::Set`].
    pub fn stage(&self) -> Option<Stage> {
        match self.action {
            Action::Silence | Action::Clamp { .. } | Action::Scale { .. } | Action::Replace { .. } => {
                Some(Stage::Activity)
            }
            Action::Current { .. } | Action::Noise { .. } => Some(Stage::Preactivation),
            Action::Set { .. } => None,
        }
    }

    fn is_active(&self, t: usize) -> bool {
        self.enabled && t >= self.from && self.to.is_none_or(|to| t < to)
    }

    /// # Errors
    /// [`Error::Config`] naming a number that is not finite, or a deviation below 0.
    pub fn validate(&self) -> Result<()> {
        let number = |field: &str, value: f64| match value.is_finite() {
            true => Ok(()),
            false => Err(Error::config(field, "a finite number", value)),
        };
        match &self.action {
            Action::Clamp { value } => number("value of a clamp", *value),
            Action::Scale { factor } => number("factor of a scaling", *factor),
            Action::Current { value } => number("value of a current", *value),
            Action::Noise { sd } if *sd < 0.0 => Err(Error::config("sd of noise", "0 or more", sd)),
            Action::Noise { sd } => number("sd of noise", *sd),
            Action::Replace { map: MapSource::Values { values } } => {
                let wrong = values.iter().find(|value| !value.is_finite());
                wrong.map_or(Ok(()), |value| number("values of a map", f64::from(*value)))
            }
            Action::Replace { map: MapSource::Disc { row, col, radius, inside, outside } } => {
                let all = [
                    ("row", row),
                    ("col", col),
                    ("radius", radius),
                    ("inside", inside),
                    ("outside", outside),
                ];
                all.into_iter().try_for_each(|(name, value)| number(&format!("{name} of a disc"), *value))
            }
            Action::Silence | Action::Set { .. } => Ok(()),
        }
    }

    /// Areas it applies to.
    ///
    /// # Errors
    /// [`Error::Unknown`] if no area has this name.
    pub fn areas(&self, areas: &[Area]) -> Result<Vec<usize>> {
        if self.stage().is_none() {
            return Ok(Vec::new());
        }
        let chosen: Vec<usize> =
            (0..areas.len()).filter(|&area| glob::matches(&self.area, &areas[area].name)).collect();
        if chosen.is_empty() {
            return Err(Error::unknown("area", &self.area, areas.iter().map(|area| area.name.clone())));
        }
        Ok(chosen)
    }
}

/// The interventions of a run, checked against its model once.
pub(super) struct ActiveInterventions<'a> {
    run: Run<'a>,
    resolved: Vec<Resolved>,
}

/// Per chosen area: which units, or `None` for all of them.
struct Resolved {
    areas: Vec<(usize, Option<Vec<u8>>)>,
}

impl<'a> ActiveInterventions<'a> {
    pub(super) fn resolve(run: &Run<'a>) -> Result<Self> {
        let areas = run.model.areas();
        let mut resolved = Vec::with_capacity(run.interventions.len());
        for intervention in run.interventions {
            intervention.validate()?;
            if let Action::Set { control, value } = &intervention.action {
                run.controls.clone().set(run.model.controls(), control, *value)?;
            }
            let mut chosen = Vec::new();
            for area in intervention.areas(areas)? {
                let mask = if intervention.units.is_all() {
                    None
                } else {
                    let mut mask = vec![0; areas[area].n_units()];
                    for unit in intervention.units.indices(&areas[area])? {
                        mask[unit] = 1;
                    }
                    Some(mask)
                };
                if let Action::Replace { map } = &intervention.action {
                    map.values(&areas[area])?;
                }
                chosen.push((area, mask));
            }
            resolved.push(Resolved { areas: chosen });
        }
        Ok(Self { run: *run, resolved })
    }

    /// Controls and taps in force at timestep `t`.
    pub(super) fn at(&mut self, t: usize) -> Result<(Controls, ActiveTaps<'_>)> {
        let mut controls = self.run.controls.clone();
        for intervention in self.run.interventions.iter().filter(|one| one.is_active(t)) {
            if let Action::Set { control, value } = &intervention.action {
                controls.set(self.run.model.controls(), control, *value)?;
            }
        }
        Ok((controls, ActiveTaps { run: self.run, resolved: &self.resolved, t }))
    }
}

/// Applies the interventions of one timestep, in list order.
pub(super) struct ActiveTaps<'a> {
    run: Run<'a>,
    resolved: &'a [Resolved],
    t: usize,
}

impl Taps for ActiveTaps<'_> {
    fn tap(&mut self, area: usize, stage: Stage, value: Tensor) -> Result<Tensor> {
        let mut value = value;
        for (index, (intervention, resolved)) in self.run.interventions.iter().zip(self.resolved).enumerate()
        {
            if !self.is_in_force(intervention, stage) {
                continue;
            }
            let Some((_, mask)) = resolved.areas.iter().find(|(chosen, _)| *chosen == area) else { continue };
            let changed = self.apply(index, &intervention.action, area, &value)?;
            value = match mask {
                None => changed,
                Some(mask) => {
                    let shape = [&[1], self.run.model.areas()[area].shape.as_slice()].concat();
                    let mask =
                        Tensor::from_slice(mask, shape, value.device())?.broadcast_as(value.shape())?;
                    mask.where_cond(&changed, &value)?
                }
            };
        }
        Ok(value)
    }

    fn touches(&self, area: usize, stage: Stage) -> bool {
        let mut all = self.run.interventions.iter().zip(self.resolved);
        all.any(|(intervention, resolved)| {
            self.is_in_force(intervention, stage) && resolved.areas.iter().any(|(chosen, _)| *chosen == area)
        })
    }
}

impl ActiveTaps<'_> {
    fn is_in_force(&self, intervention: &Intervention, stage: Stage) -> bool {
        intervention.stage() == Some(stage) && intervention.is_active(self.t)
    }

    /// `value` as if every unit were selected.
    fn apply(&self, index: usize, action: &Action, area: usize, value: &Tensor) -> Result<Tensor> {
        let constant = |number: f64| -> Result<Tensor> {
            Ok(Tensor::full(number, value.shape(), value.device())?.to_dtype(value.dtype())?)
        };
        match action {
            Action::Silence => Ok(value.zeros_like()?),
            Action::Clamp { value: held } => constant(*held),
            Action::Scale { factor } => Ok((value * *factor)?),
            Action::Current { value: current } => Ok((value + *current)?),
            Action::Noise { sd } => {
                let noise = self.noise(index, value.dims())?;
                let noise =
                    Tensor::from_vec(noise, value.shape(), value.device())?.to_dtype(value.dtype())?;
                Ok((value + (noise * *sd)?)?)
            }
            Action::Replace { map } => {
                let area = &self.run.model.areas()[area];
                let [channels, height, width] = area.map_shape();
                let values = map.values(area)?;
                let shared = values.len() == height * width;
                let shape = if shared { [1, 1, height, width] } else { [1, channels, height, width] };
                let map = Tensor::from_vec(values, &shape, value.device())?.to_dtype(value.dtype())?;
                let full = map.broadcast_as(&[value.dims()[0], channels, height, width])?;
                Ok(full.contiguous()?.reshape(value.shape())?)
            }
            Action::Set { .. } => Ok(value.clone()),
        }
    }

    /// Standard normal numbers for every unit, one stream per trial.
    fn noise(&self, index: usize, dims: &[usize]) -> Result<Vec<f64>> {
        let (&batch, shape) =
            dims.split_first().ok_or_else(|| Error::shape("a tapped value", "[batch, …]", dims))?;
        let n_units: usize = shape.iter().product();
        let mut noise = Vec::with_capacity(batch * n_units);
        for trial in 0..batch as u64 {
            let indices = [index as u64, self.t as u64, self.run.first_trial + trial];
            let mut stream = rng::stream(self.run.seed, "intervention noise", &indices);
            noise.extend((0..n_units).map(|_| rng::normal(&mut stream)));
        }
        Ok(noise)
    }
}

impl MapSource {
    /// Numbers of the map for `area`: height × width, or channels × height × width.
    ///
    /// # Errors
    /// [`Error::Shape`] if stored values have neither length.
    pub fn values(&self, area: &Area) -> Result<Vec<f32>> {
        let [channels, height, width] = area.map_shape();
        match self {
            Self::Values { values } => {
                if values.len() != height * width && values.len() != channels * height * width {
                    let expected = format!("{height} × {width} or {channels} × {height} × {width} values");
                    return Err(Error::Shape {
                        what: format!("map for {}", area.name),
                        expected,
                        found: vec![values.len()],
                    });
                }
                Ok(values.clone())
            }
            Self::Disc { row, col, radius, inside, outside } => {
                let (h, w) = (height as f64, width as f64);
                let is_inside = |i: usize, j: usize| {
                    let (dy, dx) = (i as f64 + 0.5 - row * h, j as f64 + 0.5 - col * w);
                    dy.hypot(dx) <= radius * h
                };
                let pixel =
                    |index: usize| if is_inside(index / width, index % width) { *inside } else { *outside };
                Ok((0..height * width).map(|index| pixel(index) as f32).collect())
            }
        }
    }
}

impl InterventionFile {
    /// Reads a TOML file of interventions.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::File`] with the place of the first fault.
    pub fn read(path: &std::path::Path) -> Result<Vec<Intervention>> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let file: Self = toml::from_str(&text).map_err(|err| {
            let hint = "write [[intervention]] tables with area, units, action, from, to";
            Error::file(path, "a TOML list of interventions", err.to_string().trim_end(), hint)
        })?;
        Ok(file.intervention)
    }
}

/// The values of a tensor of one trial as a map.
impl TryFrom<&Tensor> for MapSource {
    type Error = Error;

    fn try_from(map: &Tensor) -> Result<Self> {
        Ok(Self::Values { values: map.to_dtype(DType::F32)?.flatten_all()?.to_vec1()? })
    }
}
