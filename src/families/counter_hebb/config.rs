//! Configuration of the instructed networks, with the keys of the reference's JSON files.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::architecture::Architecture;
use super::layer_list::LayerSpec;
use super::loss::Loss;
use crate::error::{Error, Result};
use crate::settings::{ConfigTable, Source};

/// The trunks, with their names in the reference's configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trunk {
    #[serde(rename = "fc net")]
    FullyConnected,
    #[serde(rename = "simple net")]
    Simple,
    #[serde(rename = "conv net")]
    Conv,
    #[serde(rename = "tiny resnet")]
    TinyResnet,
    #[serde(rename = "resnet18")]
    Resnet18,
    /// The trunk that the key `layers` lists.
    #[serde(rename = "layers")]
    Layers,
}

impl Trunk {
    pub const ALL: [Self; 6] =
        [Self::FullyConnected, Self::Simple, Self::Conv, Self::TinyResnet, Self::Resnet18, Self::Layers];

    /// As in the reference's configurations.
    pub fn network_name(self) -> &'static str {
        match self {
            Self::FullyConnected => "fc net",
            Self::Simple => "simple net",
            Self::Conv => "conv net",
            Self::TinyResnet => "tiny resnet",
            Self::Resnet18 => "resnet18",
            Self::Layers => "layers",
        }
    }

    /// `fc`, `simple`, `conv`, `tiny_resnet`, `resnet18` or `layers`.
    pub fn variant(self) -> &'static str {
        match self {
            Self::FullyConnected => "fc",
            Self::Simple => "simple",
            Self::Conv => "conv",
            Self::TinyResnet => "tiny_resnet",
            Self::Resnet18 => "resnet18",
            Self::Layers => "layers",
        }
    }

    fn from_network_name(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|trunk| trunk.network_name() == name);
        found.ok_or_else(|| Error::unknown("network_name", name, Self::ALL.map(Self::network_name)))
    }

    pub fn is_residual(self) -> bool {
        matches!(self, Self::TinyResnet | Self::Resnet18)
    }

    /// Does the value of this key shape this trunk? The reference's files give them all to all trunks.
    pub(super) fn uses(self, key: &str) -> bool {
        match key {
            "conv_channels" => self == Self::Simple,
            "last_hidden_size" => matches!(self, Self::Simple | Self::FullyConnected),
            "depth" => self == Self::FullyConnected,
            "norm_layer" => self.is_residual() || self == Self::Layers,
            "layers" => self == Self::Layers,
            _ => true,
        }
    }
}

/// Whether the convolutions of a residual trunk are normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NormLayer {
    NoNorm,
    /// `null` in the reference's files.
    BatchNorm,
}

impl<'de> Deserialize<'de> for NormLayer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        use serde::de::Error as _;
        match Option::<String>::deserialize(deserializer)?.as_deref() {
            Some("no_norm") => Ok(Self::NoNorm),
            None | Some("batch_norm" | "null") => Ok(Self::BatchNorm),
            Some(_) => Err(D::Error::custom("no_norm or batch_norm (null in the reference's files)")),
        }
    }
}

/// What the instruction vector says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// One of the tasks, one-hot.
    #[serde(rename = "one-hot")]
    OneHot,
    /// The left or the right of two digits, one-hot.
    #[serde(rename = "left/right")]
    LeftRight,
    /// What is left or right of a given digit: direction one-hot, then the digit one-hot.
    #[serde(rename = "left/right of")]
    LeftRightOf,
    /// One attribute of many, one-hot.
    #[serde(rename = "binary attribute")]
    BinaryAttribute,
}

/// Name of the instruction that comes with the stimulus, and of none at all.
pub const FROM_STIMULUS: &str = "stimulus";
pub const NO_INSTRUCTION: &str = "none";

/// Everything a network follows from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub network_name: Trunk,
    /// Channels, height and width of the picture.
    pub in_shape: [usize; 3],
    pub n_classes: usize,
    /// Does the top-down stream use the bottom-up weights?
    pub shared_weights: bool,
    /// Is there an instruction head (several tasks)?
    pub mtl: bool,
    pub bias: bool,
    /// Biases of the top-down stream.
    pub back_bias: bool,
    pub norm_layer: NormLayer,
    /// Channels of the two convolutions of the simple trunk.
    pub conv_channels: Vec<usize>,
    /// Width of the last layers of the simple and fully connected trunks.
    pub last_hidden_size: usize,
    /// Layers of the fully connected trunk.
    pub depth: usize,
    /// Width of the instruction embedding; `None` is a single layer from the instruction to the trunk.
    pub task_embedding_size: Option<usize>,
    /// Entries of the instruction vector.
    pub task_vector_size: usize,
    /// Instructions that have a decoder of their own where `multi_decoders` is set.
    pub n_tasks: usize,
    /// One read-out per task.
    pub multi_decoders: bool,
    /// The trunk, for `network_name` = `layers`.
    pub layers: Vec<LayerSpec>,
    /// Loss whose slope enters the error pass.
    pub loss_name: Loss,
    pub task: Task,
    /// The instruction in force: the stimulus' own, none (a plain bottom-up pass), or the name of a task.
    pub instruction: String,
    /// Subtracted per channel from pixels in 0 to 1.
    pub mean: Vec<f64>,
    /// What the difference is divided by.
    pub std: Vec<f64>,
}

/// Channels and widths beyond this are a slip of the pen.
const MOST: usize = 1 << 20;

impl Config {
    /// The reference's defaults for a trunk, every key marked as a default.
    pub fn defaults(trunk: Trunk) -> ConfigTable {
        let in_shape = if trunk == Trunk::Resnet18 { [3, 32, 32] } else { [1, 28, 28] };
        let width = match trunk {
            Trunk::FullyConnected => 500,
            Trunk::Conv => 100,
            _ => 50,
        };
        let mut table = ConfigTable::default();
        let mut set = |key: &str, value: Value| table.set(key, value, Source::Default);
        set("network_name", trunk.network_name().into());
        set("in_shape", in_shape.to_vec().into());
        set("n_classes", 10.into());
        set("shared_weights", true.into());
        set("mtl", false.into());
        set("bias", true.into());
        set("back_bias", false.into());
        set("norm_layer", "no_norm".into());
        set("conv_channels", vec![32, 32].into());
        set("last_hidden_size", width.into());
        set("depth", 1.into());
        set("task_embedding_size", Value::Null);
        set("task_vector_size", 2.into());
        set("n_tasks", 2.into());
        set("multi_decoders", false.into());
        set("layers", Value::Array(Vec::new()));
        set("loss_name", "CrossEntropy".into());
        set("task", "one-hot".into());
        set("instruction", FROM_STIMULUS.into());
        set("mean", Value::Array(Vec::new()));
        set("std", Value::Array(Vec::new()));
        table
    }

    /// The configuration of given values, the reference's defaults for the rest.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Config`] naming the key.
    pub fn from_values(values: &Map<String, Value>) -> Result<Self> {
        let mut table = Self::defaults(trunk_of(values)?);
        for (key, value) in values {
            if table.get(key).is_none() {
                return Err(Error::unknown("configuration key", key, table.iter().map(|(key, _)| key)));
            }
            table.set(key, value.clone(), Source::File);
        }
        Self::resolve(&mut table)
    }

    /// Fills in what follows from other keys and checks the whole.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key.
    pub fn resolve(table: &mut ConfigTable) -> Result<Self> {
        let number = |table: &ConfigTable, key: &str| table.get(key)?.value.as_u64();
        let channels = table.get("in_shape").and_then(|entry| entry.value.get(0)?.as_u64()).unwrap_or(1);
        let (mean, std) = if channels == 1 { (0.1307, 0.3081) } else { (0.5, 0.5) };
        for (key, value) in [("mean", mean), ("std", std)] {
            let is_open = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
            if table.get(key).is_some_and(|entry| is_open(&entry.value)) {
                table.set(key, vec![value; channels.min(64) as usize], Source::Default);
            }
        }
        let [tasks, vector, classes] =
            ["n_tasks", "task_vector_size", "n_classes"].map(|key| number(table, key).unwrap_or(0));
        let task = match (tasks, vector, classes) {
            (2, 2, _) => "left/right",
            (2, vector, classes) if vector == classes + 2 => "left/right of",
            (_, _, 1) => "binary attribute",
            _ => "one-hot",
        };
        table.set("task", task, Source::Default);
        if classes == 1 {
            table.set("loss_name", "BCE", Source::Default);
        }
        let config: Self = table.parse()?;
        config.validate()?;
        Ok(config)
    }

    /// # Errors
    /// [`Error::Config`] naming the key that is out of range.
    pub fn validate(&self) -> Result<()> {
        let [channels, height, width] = self.in_shape;
        let counts = [
            ("in_shape", channels),
            ("in_shape", height),
            ("in_shape", width),
            ("n_classes", self.n_classes),
            ("last_hidden_size", self.last_hidden_size),
            ("depth", self.depth),
            ("task_embedding_size", self.task_embedding_size.unwrap_or(1)),
            ("task_vector_size", self.task_vector_size),
            ("n_tasks", self.n_tasks),
        ];
        for (field, value) in counts {
            if !(1..=MOST).contains(&value) {
                return Err(Error::config(field, format!("1 to {MOST}"), value));
            }
        }
        if self.network_name == Trunk::Simple
            && (self.conv_channels.len() < 2
                || self.conv_channels.iter().any(|&channels| !(1..=MOST).contains(&channels)))
        {
            let found = format!("{:?}", self.conv_channels);
            return Err(Error::config("conv_channels", "two numbers of 1 or more", found));
        }
        if self.network_name == Trunk::Resnet18 && channels != 3 {
            return Err(Error::config("in_shape", "three channels for resnet18", channels));
        }
        if self.depth > 1000 {
            return Err(Error::config("depth", "1 to 1000", self.depth));
        }
        for (field, values) in [("mean", &self.mean), ("std", &self.std)] {
            if values.len() != channels || values.iter().any(|value| !value.is_finite()) {
                let requirement = format!("{channels} numbers, one per channel of the picture");
                return Err(Error::config(field, requirement, format!("{values:?}")));
            }
        }
        if self.std.iter().any(|&std| std <= 0.0) {
            return Err(Error::config("std", "above 0", format!("{:?}", self.std)));
        }
        let needs_vector = match self.task {
            Task::LeftRightOf => 2 + self.n_classes,
            _ => self.task_vector_size,
        };
        if self.mtl && needs_vector != self.task_vector_size {
            let requirement = format!("{needs_vector} for the task left/right of (2 + n_classes)");
            return Err(Error::config("task_vector_size", requirement, self.task_vector_size));
        }
        if self.multi_decoders && (!self.mtl || self.task_vector_size != self.n_tasks) {
            let requirement = "false without an instruction head whose task_vector_size is n_tasks";
            return Err(Error::config("multi_decoders", requirement, true));
        }
        if self.multi_decoders && self.loss_name != Loss::CrossEntropy && self.n_classes > 1 {
            return Err(Error::config(
                "loss_name",
                "CrossEntropy with multi_decoders",
                self.loss_name.name(),
            ));
        }
        let instructions = self.instructions();
        let is_known = [FROM_STIMULUS, NO_INSTRUCTION].contains(&self.instruction.as_str())
            || instructions.iter().any(|(name, _)| *name == self.instruction);
        if !is_known {
            let known = [FROM_STIMULUS, NO_INSTRUCTION].map(str::to_owned).into_iter();
            return Err(Error::unknown(
                "instruction",
                &self.instruction,
                known.chain(instructions.into_iter().map(|(name, _)| name)),
            ));
        }
        Architecture::new(self).map(|_| ())
    }

    /// Only trunks with residual blocks, and listed ones, heed `norm_layer`.
    pub fn has_norms(&self) -> bool {
        self.norm_layer == NormLayer::BatchNorm && self.network_name.uses("norm_layer")
    }

    /// Entries of the read-out.
    pub fn n_outputs(&self) -> usize {
        self.n_classes * if self.multi_decoders { self.n_tasks } else { 1 }
    }

    /// Names of the classes that are reported; a single logit is reported as "no" and "yes".
    pub fn class_names(&self) -> Vec<String> {
        match self.n_classes {
            1 => vec!["no".to_owned(), "yes".to_owned()],
            n => (0..n).map(|class| class.to_string()).collect(),
        }
    }

    /// Every instruction by its name and vector; none without an instruction head.
    pub fn instructions(&self) -> Vec<(String, Vec<f32>)> {
        let size = self.task_vector_size.min(MOST);
        let one_hot = |at: &[usize]| (0..size).map(|i| f32::from(at.contains(&i))).collect::<Vec<f32>>();
        let names: Vec<(String, Vec<f32>)> = match self.task {
            Task::LeftRight if size == 2 => ["left", "right"]
                .into_iter()
                .enumerate()
                .map(|(i, name)| (name.to_owned(), one_hot(&[i])))
                .collect(),
            Task::LeftRightOf => (0..2)
                .flat_map(|direction| (0..size.saturating_sub(2)).map(move |class| (direction, class)))
                .map(|(direction, class)| {
                    let side = ["left", "right"][direction];
                    (format!("{side} of {class}"), one_hot(&[direction, 2 + class]))
                })
                .collect(),
            Task::BinaryAttribute => (0..size).map(|i| (format!("attribute {i}"), one_hot(&[i]))).collect(),
            Task::OneHot | Task::LeftRight => {
                (0..size).map(|i| (format!("task {i}"), one_hot(&[i]))).collect()
            }
        };
        if self.mtl { names } else { Vec::new() }
    }
}

/// The trunk that `network_name` names.
pub(super) fn trunk_of(values: &Map<String, Value>) -> Result<Trunk> {
    match values.get("network_name") {
        Some(Value::String(name)) => Trunk::from_network_name(name),
        Some(other) => Err(Error::config("network_name", "a name", other)),
        None => Err(Error::config("network_name", "one of the trunks' names", "nothing")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(values: Value) -> Result<Config> {
        Config::from_values(values.as_object().unwrap())
    }

    #[test]
    fn defaults_follow_the_picture_and_the_tasks() {
        let net = config(json!({"network_name": "simple net", "mtl": true})).unwrap();
        assert_eq!((net.mean.as_slice(), net.task), ([0.1307].as_slice(), Task::LeftRight));
        assert_eq!(net.instructions()[1], ("right".to_owned(), vec![0.0, 1.0]));
        let of = config(json!({"network_name": "fc net", "mtl": true, "task_vector_size": 12})).unwrap();
        assert_eq!((of.task, of.last_hidden_size), (Task::LeftRightOf, 500));
        let (name, vector) = &of.instructions()[13];
        assert_eq!(name, "right of 3");
        assert_eq!(vector.iter().filter(|&&v| v == 1.0).count(), 2);
        assert_eq!((vector[1], vector[5]), (1.0, 1.0));
        let faces = config(json!({"network_name": "resnet18", "norm_layer": null, "n_classes": 1}));
        let faces = faces.unwrap();
        assert_eq!((faces.loss_name, faces.norm_layer), (Loss::Bce, NormLayer::BatchNorm));
        assert_eq!(faces.class_names(), ["no", "yes"]);
    }

    #[test]
    fn the_key_at_fault_is_named() {
        for (values, key) in [
            (json!({"network_name": "simple net", "conv_channels": [3]}), "conv_channels"),
            (json!({"network_name": "simple net", "in_shape": [1, 9, 28]}), "in_shape"),
            (json!({"network_name": "resnet18", "in_shape": [1, 28, 28]}), "in_shape"),
            (json!({"network_name": "fc net", "depth": 0}), "depth"),
            (json!({"network_name": "fc net", "norm_layer": "layer"}), "norm_layer"),
            (json!({"network_name": "fc net", "multi_decoders": true}), "multi_decoders"),
            (json!({"network_name": "fc net", "instruction": "left"}), "no instruction"),
            (json!({"network_name": "resnet"}), "no network_name"),
            (json!({"network_name": "layers"}), "layers"),
        ] {
            let message = config(values).unwrap_err().to_string();
            assert!(message.starts_with(key), "{message}");
        }
    }
}
