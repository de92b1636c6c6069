//! A stimulus as a value: what recipes, the command line and the window describe and exchange.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    bars_and_digit::BarsAndDigit,
    digit_pairs::DigitPairs,
    multi_mnist::MultiMnist,
    pictures::{PhotographStimulus, PictureStimulus, SceneStimulus, SetStimulus},
    recurrent_gating::{GatingTask, Mode, TaskData},
    timing::{self, Timing},
};
use crate::{
    error::{Error, Result},
    stimulus::{Bar, Grating, Split},
};

/// What is shown, with every setting; the same in TOML, JSON and as text (`digits:n=3,noise=0.1`).
///
/// In TOML and JSON it is one table: `kind`, `data`, `split`, and the settings of the kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct StimulusSpec {
    pub kind: StimulusKind,
    /// Folder with the digits (IDX files) or the data set, and for some tasks `arrows/` or `shapes/`; with
    /// COCO (and BG-20k inside it), STL-10 or CelebA for tasks on photographs; `None` is drawn.
    pub data: Option<PathBuf>,
    /// Which part of the data.
    pub split: Split,
    /// When pictures are shown, of the kinds that are pictures.
    pub timing: Timing,
}

/// The kinds of stimulus with their settings.
#[derive(Clone, Debug, PartialEq)]
pub enum StimulusKind {
    /// Overlapping digits in a row.
    Digits(DigitPairs),
    /// Two overlapping digits in one small picture, with an instruction that asks for one of them.
    MultiMnist(MultiMnist),
    /// A task of the recurrent-gating networks; `noise`: `None` is the mode's own.
    Gating { task: GatingTask, mode: Mode, noise: Option<f64> },
    /// One digit, enlarged to whatever a model takes.
    OneDigit,
    /// A coloured picture made from the seed.
    Scene(SceneStimulus),
    /// One picture file.
    Image(PictureStimulus),
    /// The picture files of a folder, one per trial.
    Folder(PictureStimulus),
    /// Pictures of a data set, each with its class.
    Set(SetStimulus),
    /// The trials of a CSV file: pictures with onsets, durations and conditions.
    Trials(PictureStimulus),
    /// Photographs with two annotated objects.
    Photographs(PhotographStimulus),
    /// One oriented bar; several trials turn it through 180 degrees.
    Bar(Bar),
    /// The object-attention tuning grid at one orientation, beside a digit.
    Bars { orientation: f64, bars: BarsAndDigit },
    /// One grating; several trials turn it through 180 degrees.
    Grating(Grating),
}

/// Keys that belong to the stimulus, whatever its kind.
const COMMON: [&str; 2] = ["data", "split"];

impl From<StimulusKind> for StimulusSpec {
    fn from(kind: StimulusKind) -> Self {
        Self { kind, data: None, split: Split::Test, timing: Timing::default() }
    }
}

impl StimulusSpec {
    /// Names of all kinds.
    pub fn kinds() -> Vec<&'static str> {
        let gating = GatingTask::all();
        ["digits", "multi-mnist"]
            .into_iter()
            .chain(gating.iter().map(GatingTask::name))
            .chain([
                "one-digit",
                "scene",
                "image",
                "folder",
                "set",
                "trials",
                "photographs",
                "bar",
                "bars",
                "grating",
            ])
            .collect()
    }

    /// The kind `name` with its default settings; pictures have an empty path.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest name.
    pub fn default_of(name: &str) -> Result<Self> {
        let kind = match name {
            "digits" => StimulusKind::Digits(DigitPairs::default()),
            "multi-mnist" => StimulusKind::MultiMnist(MultiMnist::default()),
            "one-digit" => StimulusKind::OneDigit,
            "scene" => StimulusKind::Scene(SceneStimulus::default()),
            "image" => StimulusKind::Image(PictureStimulus::default()),
            "folder" => StimulusKind::Folder(PictureStimulus::default()),
            "set" => StimulusKind::Set(SetStimulus::default()),
            "trials" => StimulusKind::Trials(PictureStimulus::default()),
            "photographs" => StimulusKind::Photographs(PhotographStimulus::default()),
            "bar" => StimulusKind::Bar(Bar::default()),
            "bars" => StimulusKind::Bars { orientation: 0.0, bars: BarsAndDigit::default() },
            "grating" => StimulusKind::Grating(Grating::default()),
            _ => match GatingTask::all().into_iter().find(|task| task.name() == name) {
                Some(task) => StimulusKind::Gating { task, mode: Mode::default(), noise: None },
                None => return Err(Error::unknown("stimulus", name, Self::kinds())),
            },
        };
        Ok(kind.into())
    }

    /// Name of the kind.
    pub fn name(&self) -> &'static str {
        match &self.kind {
            StimulusKind::Digits(_) => "digits",
            StimulusKind::MultiMnist(_) => "multi-mnist",
            StimulusKind::Gating { task, .. } => task.name(),
            StimulusKind::OneDigit => "one-digit",
            StimulusKind::Scene(_) => "scene",
            StimulusKind::Image(_) => "image",
            StimulusKind::Folder(_) => "folder",
            StimulusKind::Set(_) => "set",
            StimulusKind::Trials(_) => "trials",
            StimulusKind::Photographs(_) => "photographs",
            StimulusKind::Bar(_) => "bar",
            StimulusKind::Bars { .. } => "bars",
            StimulusKind::Grating(_) => "grating",
        }
    }

    /// `[channels, height, width]` of a task's frames; `None` for other kinds.
    pub fn native_shape(&self) -> Option<[usize; 3]> {
        match &self.kind {
            StimulusKind::Gating { task, .. } => Some(task.frame_shape()),
            _ => None,
        }
    }

    /// Whether it is made of digits, so that `data` and `split` matter.
    pub fn uses_digits(&self) -> bool {
        match &self.kind {
            StimulusKind::Digits(_)
            | StimulusKind::MultiMnist(_)
            | StimulusKind::OneDigit
            | StimulusKind::Bars { .. } => true,
            StimulusKind::Gating { task, .. } => task.uses_digits(),
            _ => false,
        }
    }

    /// Whether it is made of data, so that `data` and `split` matter.
    pub fn uses_data(&self) -> bool {
        match &self.kind {
            StimulusKind::Gating { task, .. } => task.data() != TaskData::None,
            StimulusKind::Set(_) => true,
            _ => self.uses_digits(),
        }
    }

    /// Whether it tells a network which task to do.
    pub fn has_instruction(&self) -> bool {
        match &self.kind {
            StimulusKind::Gating { .. } => true,
            StimulusKind::MultiMnist(stimulus) => stimulus.instruction_size() > 0,
            _ => false,
        }
    }

    /// Whether it is single pictures, so that `timing` matters.
    pub fn is_pictures(&self) -> bool {
        matches!(
            self.kind,
            StimulusKind::OneDigit
                | StimulusKind::Scene(_)
                | StimulusKind::Image(_)
                | StimulusKind::Folder(_)
                | StimulusKind::Set(_)
        )
    }

    /// # Errors
    /// [`Error::Config`] naming the setting that is out of range.
    pub fn validate(&self) -> Result<()> {
        self.timing.validate()?;
        match &self.kind {
            StimulusKind::Digits(pairs) => pairs.validate(),
            StimulusKind::MultiMnist(_) => Ok(()),
            StimulusKind::Gating { task, noise, .. } => match noise {
                Some(noise) if !(0.0..=1.0).contains(noise) => Err(Error::config("noise", "0 to 1", noise)),
                _ => task.validate(),
            },
            StimulusKind::OneDigit => Ok(()),
            StimulusKind::Scene(scene) => scene.validate(),
            StimulusKind::Image(picture) | StimulusKind::Folder(picture) => picture.validate(),
            StimulusKind::Set(_) | StimulusKind::Trials(_) => Ok(()),
            StimulusKind::Photographs(photographs) => photographs.validate(),
            StimulusKind::Bar(bar) => bar.validate(),
            StimulusKind::Bars { orientation, bars } => match orientation.is_finite() {
                true => bars.validate(),
                false => Err(Error::config("orientation", "a finite number", orientation)),
            },
            StimulusKind::Grating(grating) => grating.validate(),
        }
    }

    /// The table of all settings, `kind` first; settings without a value are `null`.
    pub(super) fn table(&self) -> Map<String, Value> {
        let mut table = Map::new();
        table.insert("kind".to_owned(), self.name().into());
        let settings = match &self.kind {
            StimulusKind::Digits(pairs) => object(pairs),
            StimulusKind::MultiMnist(stimulus) => object(stimulus),
            StimulusKind::Gating { task, mode, noise } => {
                let mut settings = object(task);
                settings.insert("mode".to_owned(), value(mode));
                settings.insert("noise".to_owned(), value(noise));
                settings
            }
            StimulusKind::OneDigit => Map::new(),
            StimulusKind::Scene(scene) => object(scene),
            StimulusKind::Image(picture) | StimulusKind::Folder(picture) | StimulusKind::Trials(picture) => {
                object(picture)
            }
            StimulusKind::Set(set) => object(set),
            StimulusKind::Photographs(photographs) => object(photographs),
            StimulusKind::Bar(bar) => object(bar),
            StimulusKind::Bars { orientation, bars } => {
                let mut settings = Map::new();
                settings.insert("orientation".to_owned(), value(orientation));
                settings.extend(object(bars));
                settings
            }
            StimulusKind::Grating(grating) => object(grating),
        };
        table.extend(settings.into_iter().filter(|(key, _)| key != "kind"));
        let is_shapes = matches!(self.kind, StimulusKind::Gating { task: GatingTask::Shapes(_), .. });
        if self.uses_data() || is_shapes {
            table.insert("data".to_owned(), value(&self.data));
        }
        if self.uses_data() {
            table.insert("split".to_owned(), value(&self.split));
        }
        if self.is_pictures() {
            table.extend(object(&self.timing));
        }
        table
    }

    /// Reads a table; what it does not name keeps its default.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a kind or key that does not exist, [`Error::Config`] for a value that
    /// does not fit its key or is out of range.
    pub fn from_table(given: &Map<String, Value>) -> Result<Self> {
        let Some(Value::String(name)) = given.get("kind") else {
            let kinds = format!("one of {}", Self::kinds().join(", "));
            let found = given.get("kind").map_or_else(|| "nothing".to_owned(), Value::to_string);
            return Err(Error::config("stimulus kind", kinds, found));
        };
        let defaults = Self::default_of(name)?.table();
        let mut table = defaults.clone();
        for (key, new) in given {
            if !defaults.contains_key(key) {
                let known = defaults.keys().filter(|key| *key != "kind");
                return Err(Error::unknown("setting of this stimulus", key, known));
            }
            // Alone among defaults, so that a misfit can be blamed on its key.
            let mut one = defaults.clone();
            one.insert(key.clone(), new.clone());
            if let Err(err) = Self::from_full_table(name, one) {
                let requirement = match &defaults[key] {
                    Value::Bool(_) => "true or false".to_owned(),
                    Value::Number(n) if n.is_u64() => "a whole number of 0 or more".to_owned(),
                    Value::Number(_) => "a number".to_owned(),
                    _ => format!("a fitting value ({err})"),
                };
                return Err(Error::config(format!("{name} {key}"), requirement, new));
            }
            table.insert(key.clone(), new.clone());
        }
        let spec = Self::from_full_table(name, table)
            .map_err(|err| Error::config(name.clone(), "a whole table of settings", err))?;
        spec.validate()?;
        Ok(spec)
    }

    fn from_full_table(name: &str, mut table: Map<String, Value>) -> serde_json::Result<Self> {
        let [data, split] = COMMON.map(|key| table.remove(key));
        let data = data.map(serde_json::from_value).transpose()?.flatten();
        let split = split.map(serde_json::from_value).transpose()?.unwrap_or(Split::Test);
        let timing = match Self::default_of(name).is_ok_and(|spec| spec.is_pictures()) {
            true => {
                let taken =
                    timing::KEYS.into_iter().filter_map(|key| Some((key.to_owned(), table.remove(key)?)));
                serde_json::from_value(Value::Object(taken.collect()))?
            }
            false => Timing::default(),
        };
        let mut take = |key: &str| table.remove(key).unwrap_or(Value::Null);
        let kind = match name {
            "bars" => {
                let orientation = serde_json::from_value(take("orientation"))?;
                take("kind");
                StimulusKind::Bars { orientation, bars: serde_json::from_value(table.into())? }
            }
            "one-digit" => StimulusKind::OneDigit,
            "digits" | "multi-mnist" | "scene" | "image" | "folder" | "set" | "trials" | "photographs"
            | "bar" | "grating" => {
                take("kind");
                let table = Value::from(table);
                match name {
                    "digits" => StimulusKind::Digits(serde_json::from_value(table)?),
                    "multi-mnist" => StimulusKind::MultiMnist(serde_json::from_value(table)?),
                    "scene" => StimulusKind::Scene(serde_json::from_value(table)?),
                    "image" => StimulusKind::Image(serde_json::from_value(table)?),
                    "folder" => StimulusKind::Folder(serde_json::from_value(table)?),
                    "set" => StimulusKind::Set(serde_json::from_value(table)?),
                    "trials" => StimulusKind::Trials(serde_json::from_value(table)?),
                    "photographs" => StimulusKind::Photographs(serde_json::from_value(table)?),
                    "bar" => StimulusKind::Bar(serde_json::from_value(table)?),
                    _ => StimulusKind::Grating(serde_json::from_value(table)?),
                }
            }
            _ => StimulusKind::Gating {
                mode: serde_json::from_value(take("mode"))?,
                noise: serde_json::from_value(take("noise"))?,
                task: serde_json::from_value(table.into())?,
            },
        };
        Ok(Self { kind, data, split, timing })
    }
}

fn value(setting: &impl Serialize) -> Value {
    serde_json::to_value(setting).expect("settings are numbers, texts and lists of them")
}

fn object(settings: &impl Serialize) -> Map<String, Value> {
    match value(settings) {
        Value::Object(map) => map,
        other => unreachable!("settings are a table, not {other}"),
    }
}

impl TryFrom<Map<String, Value>> for StimulusSpec {
    type Error = Error;

    fn try_from(table: Map<String, Value>) -> Result<Self> {
        Self::from_table(&table)
    }
}

impl From<StimulusSpec> for Map<String, Value> {
    fn from(spec: StimulusSpec) -> Self {
        spec.table().into_iter().filter(|(_, value)| !value.is_null()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_toml_and_json() {
        for name in StimulusSpec::kinds() {
            let mut spec = StimulusSpec::default_of(name).unwrap();
            assert_eq!(spec.name(), name);
            if let StimulusKind::Image(picture) | StimulusKind::Folder(picture) = &mut spec.kind {
                picture.path = "a b/c.png".into();
            }
            if let StimulusKind::Photographs(photographs) = &mut spec.kind {
                (photographs.images, photographs.annotations) = ("a".into(), "b.json".into());
            }
            let json = serde_json::to_string(&spec).unwrap();
            assert_eq!(serde_json::from_str::<StimulusSpec>(&json).unwrap(), spec, "{json}");
            let text = toml::to_string(&spec).unwrap();
            assert_eq!(toml::from_str::<StimulusSpec>(&text).unwrap(), spec, "{text}");
        }
    }

    #[test]
    fn wrong_kinds_keys_and_values_are_named() {
        let message = |text: &str| toml::from_str::<StimulusSpec>(text).unwrap_err().to_string();
        assert!(message("kind = \"digit\"").contains("did you mean \"digits\"?"));
        assert!(message("n = 3").contains("stimulus kind must be one of digits"));
        let unknown = message("kind = \"digits\"\nnoize = 0.2");
        assert!(unknown.contains("noize") && unknown.contains("did you mean \"noise\"?"), "{unknown}");
        assert!(message("kind = \"digits\"\nn = 2.5").contains("digits n must be a whole number"));
        assert!(message("kind = \"digits\"\nn = 9").contains("n must be 1 to 5 digits, found 9"));
        assert!(message("kind = \"recognition\"\nstatic = 1").contains("static must be true or false"));
        assert!(message("kind = \"grating\"\naperture = \"square\"").contains("gaussian"));
        assert!(message("kind = \"grating\"\nsplit = \"train\"").contains("no setting"));
    }

    #[test]
    fn settings_that_are_not_named_keep_their_defaults() {
        let spec: StimulusSpec =
            toml::from_str("kind = \"recognition\"\nstatic = true\nsplit = \"train\"").unwrap();
        let StimulusKind::Gating { task: GatingTask::Recognition(task), mode, noise } = spec.kind else {
            panic!("another kind")
        };
        assert!(task.still && !task.blank);
        assert_eq!((task.stride, mode, noise, spec.split), (16, Mode::Test, None, Split::Train));
    }
}
