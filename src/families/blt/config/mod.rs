//! Configuration of the family's networks and the tensors that follow from it.

mod connections;
mod cornet;
mod geometry;
mod infer;
mod link;
mod names;
mod preparation;
mod recurrent;
mod resnet;

use serde::{Deserialize, Serialize};

pub use connections::{AREA_NAMES, ConnectionMatrix, N_AREAS};
pub use cornet::{CORNET_AREAS, Cornet, CornetConfig, S_PASSES};
pub use geometry::{Geometry, Pooling};
pub use infer::{Shapes, infer, recognise_shapes};
pub use link::Link;
pub use names::all_names;
pub use preparation::Normalisation;
pub use recurrent::{BltConfig, GROUPS};
pub use resnet::{BLOCKS_50, Block, ResnetConfig};

use crate::error::{Error, Result};
use crate::settings::ConfigTable;

/// Key that tells the three kinds of network apart.
const ARCHITECTURE: &str = "architecture";

/// The networks of the source that are compared with its own.
pub const CORNETS: [Cornet; 4] = [Cornet::Z, Cornet::S, Cornet::R, Cornet::Rt];
pub const RESNETS: [&str; 2] = ["resnet50", "resnet101"];

/// A network of the family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "architecture", rename_all = "snake_case")]
pub enum Config {
    Blt(BltConfig),
    Cornet(CornetConfig),
    Resnet(ResnetConfig),
}

impl Config {
    /// The network of that name of the source's builder, with 1000 classes.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names there are.
    pub fn named(name: &str) -> Result<Self> {
        if let Some(member) = CORNETS.into_iter().find(|member| member.name() == name) {
            return Ok(Self::Cornet(CornetConfig::new(member)));
        }
        match name {
            "resnet50" => Ok(Self::Resnet(ResnetConfig::new(&BLOCKS_50))),
            "resnet101" => Ok(Self::Resnet(ResnetConfig::new(&[3, 4, 23, 3]))),
            _ if name.starts_with("blt_") => Ok(Self::Blt(BltConfig::named(name)?)),
            _ => {
                let others = CORNETS.map(|member| member.name().to_owned());
                let resnets = RESNETS.map(str::to_owned);
                Err(Error::unknown("network", name, all_names().into_iter().chain(others).chain(resnets)))
            }
        }
    }

    /// The builder's name.
    pub fn name(&self) -> String {
        match self {
            Self::Blt(config) => config.name(),
            Self::Cornet(config) => config.member.name().to_owned(),
            Self::Resnet(config) => config.name(),
        }
    }

    /// # Errors
    /// [`Error::Config`] naming the field that is out of range.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Blt(config) => config.validate(),
            Self::Cornet(config) => config.validate(),
            Self::Resnet(config) => config.validate(),
        }
    }

    /// The layer that answers, without `.weight`.
    pub(super) fn read_out(&self) -> &'static str {
        match self {
            Self::Blt(_) => "read_out.linear",
            Self::Cornet(_) => "decoder.linear",
            Self::Resnet(_) => "classifier",
        }
    }

    /// Channels of the area that answers.
    pub(super) fn top_channels(&self) -> usize {
        let name = format!("{}.weight", self.read_out());
        self.tensors().iter().find(|(own, _)| *own == name).map_or(0, |(_, shape)| shape[1])
    }

    /// The area that answers, counted from the first.
    pub(super) fn top_area(&self) -> usize {
        match self {
            Self::Blt(config) => config.widths.len() - 1,
            Self::Cornet(config) => config.widths.len() - 1,
            Self::Resnet(config) => config.area_shapes().len() - 1,
        }
    }

    /// The typed configuration of a resolved table.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key.
    pub fn resolve(table: &ConfigTable) -> Result<Self> {
        let mut rest = ConfigTable::default();
        for (key, entry) in table.iter().filter(|(key, _)| *key != ARCHITECTURE) {
            rest.set(key, entry.value.clone(), entry.source);
        }
        let architecture = table.get(ARCHITECTURE).and_then(|entry| entry.value.as_str());
        let config = match architecture {
            Some("blt") => Self::Blt(rest.parse()?),
            Some("cornet") => Self::Cornet(rest.parse()?),
            Some("resnet") => Self::Resnet(rest.parse()?),
            other => {
                let found = other.unwrap_or("nothing");
                return Err(Error::config(ARCHITECTURE, "blt, cornet or resnet", found));
            }
        };
        config.validate()?;
        Ok(config)
    }

    /// Names and shapes of the source's tensors.
    pub fn tensors(&self) -> Tensors {
        match self {
            Self::Blt(config) => config.tensors(),
            Self::Cornet(config) => config.tensors(),
            Self::Resnet(config) => config.tensors(),
        }
    }

    pub fn n_classes(&self) -> usize {
        match self {
            Self::Blt(BltConfig { n_classes, .. })
            | Self::Cornet(CornetConfig { n_classes, .. })
            | Self::Resnet(ResnetConfig { n_classes, .. }) => *n_classes,
        }
    }

    pub fn image_size(&self) -> usize {
        match self {
            Self::Blt(BltConfig { image_size, .. })
            | Self::Cornet(CornetConfig { image_size, .. })
            | Self::Resnet(ResnetConfig { image_size, .. }) => *image_size,
        }
    }

    pub fn normalisation(&self) -> Normalisation {
        match self {
            Self::Blt(BltConfig { normalisation, .. })
            | Self::Cornet(CornetConfig { normalisation, .. })
            | Self::Resnet(ResnetConfig { normalisation, .. }) => *normalisation,
        }
    }

    /// Timesteps of a run as published.
    pub fn n_timesteps(&self) -> usize {
        match self {
            Self::Blt(config) => config.n_timesteps(),
            Self::Cornet(config) => config.n_timesteps(),
            Self::Resnet(_) => 1,
        }
    }
}

/// Names and shapes of tensors, in the order in which they are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tensors(Vec<(String, Vec<usize>)>);

impl Tensors {
    fn new() -> Self {
        Self::default()
    }

    fn push(&mut self, name: &str, shape: Vec<usize>) {
        self.0.push((name.to_owned(), shape));
    }

    /// A weight and, with a number of entries, its bias.
    fn layer(&mut self, name: &str, weight: Vec<usize>, bias: Option<usize>) {
        self.push(&format!("{name}.weight"), weight);
        if let Some(bias) = bias {
            self.push(&format!("{name}.bias"), vec![bias]);
        }
    }

    fn batch_norm(&mut self, name: &str, width: usize) {
        self.layer(name, vec![width], Some(width));
        self.push(&format!("{name}.running_mean"), vec![width]);
        self.push(&format!("{name}.running_var"), vec![width]);
    }

    pub fn as_slice(&self) -> &[(String, Vec<usize>)] {
        &self.0
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.0.iter().map(|(name, shape)| (name.as_str(), shape.as_slice()))
    }

    /// Learnable numbers: neither constants of blur pooling nor running statistics.
    pub fn n_parameters(&self) -> usize {
        let is_learnable = |name: &str| !is_constant(name);
        self.iter()
            .filter(|(name, _)| is_learnable(name))
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum()
    }
}

/// Is this a tensor that no gradient changes?
pub fn is_constant(name: &str) -> bool {
    [".filt", ".running_mean", ".running_var", ".num_batches_tracked"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Learnable parameters with 1000 classes, from the specification.
    const COUNTS: [(&str, usize); 37] = [
        ("blt_b", 4_471_464),
        ("blt_bt", 8_416_936),
        ("blt_blt", 13_948_072),
        ("blt_b2", 7_774_248),
        ("blt_b2t", 11_719_720),
        ("blt_b2lt", 17_250_856),
        ("blt_b3", 12_477_736),
        ("blt_b3t", 16_423_208),
        ("blt_b3lt", 21_954_344),
        ("blt_bl", 10_002_600),
        ("blt_bt2", 11_718_824),
        ("blt_blt2", 17_249_960),
        ("blt_b2l", 13_305_384),
        ("blt_b2t2", 15_021_608),
        ("blt_b2lt2", 20_552_744),
        ("blt_b3l", 18_008_872),
        ("blt_b3t2", 19_725_096),
        ("blt_b3lt2", 25_256_232),
        ("blt_b_pm", 5_020_392),
        ("blt_bt3", 16_421_288),
        ("blt_blt3", 21_952_424),
        ("blt_b_top2linear", 14_104_552),
        ("blt_b2t3", 19_724_072),
        ("blt_b2lt3", 25_255_208),
        ("blt_bl_top2linear", 22_484_904),
        ("blt_b3t3", 24_427_560),
        ("blt_b3lt3", 29_958_696),
        ("blt_blt_top2linear", 43_433_832),
        ("blt_bt2_top2linear", 38_413_160),
        ("blt_blt2_top2linear", 46_793_512),
        ("blt_bt3_top2linear", 41_723_176),
        ("blt_blt3_top2linear", 50_103_528),
        ("cornet_z", 2_071_656),
        ("cornet_s", 53_416_616),
        ("cornet_rt", 5_208_936),
        ("cornet_r", 5_208_936),
        ("resnet50", 25_557_032),
    ];

    #[test]
    fn parameters_are_as_many_as_in_the_source() {
        for (name, count) in COUNTS {
            let mut config = Config::named(name).unwrap();
            config.validate().unwrap();
            assert_eq!(config.tensors().n_parameters(), count, "{name}");
            assert_eq!(config.name(), name);
            if let Config::Blt(blt) = &mut config {
                blt.pool = Pooling::Blur;
                assert_eq!(config.tensors().n_parameters(), count, "{name} blurred");
            }
        }
        assert!(Config::named("cornet_q").unwrap_err().to_string().contains("cornet_"));
    }

    #[test]
    fn the_field_at_fault_is_named() {
        type Break = fn(&mut BltConfig);
        let broken: [(&str, Break); 6] = [
            ("widths", |config| config.widths[2] = 100),
            ("widths", |config| config.widths.truncate(5)),
            ("times", |config| config.times = 5),
            ("image_size", |config| config.image_size = 32),
            ("image_size", |config| config.image_size = 100),
            ("connections", |config| config.connections = ConnectionMatrix::new([(0, 1)]).unwrap()),
        ];
        for (field, break_it) in broken {
            let mut config = BltConfig::named("blt_bl").unwrap();
            break_it(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.starts_with(field), "{message}");
        }
        let small = BltConfig { image_size: 64, ..BltConfig::named("blt_bl_top2linear").unwrap() };
        assert!(small.validate().is_err());
    }

    #[test]
    fn more_hops_answer_sooner() {
        for (name, least) in [("blt_bl", 6), ("blt_b2l", 4), ("blt_b3l", 3)] {
            let config = |times| BltConfig { times, ..BltConfig::named(name).unwrap() };
            assert!(config(least).validate().is_ok() && config(least - 1).validate().is_err(), "{name}");
        }
    }
}
