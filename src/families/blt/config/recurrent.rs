//! Configuration of the networks of bottom-up, lateral and top-down connections.

use serde::{Deserialize, Serialize};

use super::connections::{AREA_NAMES, ConnectionMatrix, N_AREAS};
use super::geometry::{Geometry, Pooling};
use super::link::Link;
use super::preparation::Normalisation;
use super::{Tensors, names};
use crate::error::{Error, Result};

/// Groups of every group norm.
pub const GROUPS: usize = 32;
/// Side of the pictures of the source.
pub const IMAGE_SIZE: usize = 224;
/// A picture's side halves five times.
const HALVINGS: usize = 32;
/// Timesteps of the source's command line.
pub const DEFAULT_TIMES: usize = 10;

/// A network that the connection matrix makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BltConfig {
    /// `[pre][post]`, 1 where there is a connection.
    pub connections: ConnectionMatrix,
    pub geometry: Geometry,
    /// Channels of each area, multiples of 32.
    pub widths: Vec<usize>,
    pub pool: Pooling,
    /// Timesteps, the first included; the chain of one pass ignores it.
    pub times: usize,
    pub n_classes: usize,
    /// Side of the square picture in pixels: a multiple of 32 from 64 on.
    pub image_size: usize,
    pub normalisation: Normalisation,
}

impl BltConfig {
    /// The network of that name of the builder, with 1000 classes and pictures of 224 pixels.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name that the builder does not take.
    pub fn named(name: &str) -> Result<Self> {
        let (connections, geometry) = names::parse(name)?;
        Ok(Self {
            connections,
            geometry,
            widths: geometry.default_widths().to_vec(),
            pool: Pooling::Max,
            times: DEFAULT_TIMES,
            n_classes: 1000,
            image_size: IMAGE_SIZE,
            normalisation: Normalisation::default(),
        })
    }

    /// The builder's name, or `blt_custom` for a matrix that has none.
    pub fn name(&self) -> String {
        names::name_of(&self.connections, self.geometry).unwrap_or_else(|| "blt_custom".to_owned())
    }

    /// Whether a run is one pass through the chain of areas.
    pub fn is_one_pass(&self) -> bool {
        self.connections.is_chain()
    }

    /// Timesteps of a run as published.
    pub fn n_timesteps(&self) -> usize {
        if self.is_one_pass() { 1 } else { self.times }
    }

    /// # Errors
    /// [`Error::Config`] naming the field that is out of range.
    pub fn validate(&self) -> Result<()> {
        if self.widths.len() != N_AREAS {
            return Err(Error::config("widths", format!("{N_AREAS} numbers"), self.widths.len()));
        }
        let fits = |width: &&usize| !width.is_multiple_of(GROUPS) || !(GROUPS..=1 << 14).contains(*width);
        if let Some(wrong) = self.widths.iter().find(fits) {
            return Err(Error::config("widths", format!("multiples of {GROUPS} up to 16384"), wrong));
        }
        if !(1..=1 << 16).contains(&self.n_classes) {
            return Err(Error::config("n_classes", "1 to 65536", self.n_classes));
        }
        let is_fixed = self.geometry == Geometry::Top2linear;
        if is_fixed && self.image_size != IMAGE_SIZE {
            let requirement = format!("{IMAGE_SIZE} where the highest areas are vectors");
            return Err(Error::config("image_size", requirement, self.image_size));
        }
        let is_divisible = self.image_size.is_multiple_of(HALVINGS);
        if !is_divisible || !(2 * HALVINGS..=1 << 13).contains(&self.image_size) {
            let requirement = format!("a multiple of {HALVINGS} from {} on", 2 * HALVINGS);
            return Err(Error::config("image_size", requirement, self.image_size));
        }
        for (pre, post) in self.connections.iter() {
            if Link::between(self.geometry, pre, post).is_none() {
                let found = format!("{} to {}", AREA_NAMES[pre], AREA_NAMES[post]);
                return Err(Error::config("connections", "between maps a power of two apart", found));
            }
        }
        let reach = self.connections.live_from();
        if let Some(area) = reach.iter().position(Option::is_none) {
            let requirement = format!("a way from {} to every area", AREA_NAMES[0]);
            return Err(Error::config("connections", requirement, format!("none to {}", AREA_NAMES[area])));
        }
        // Fewer timesteps than the way to the top leave a network that never answers.
        let first = reach[N_AREAS - 1].unwrap_or(0) + 1;
        if !(first..=100_000).contains(&self.n_timesteps()) {
            let requirement = format!("{first} or more, for an answer to exist");
            return Err(Error::config("times", requirement, self.times));
        }
        Ok(())
    }

    /// Side of each area's map.
    pub fn map_sizes(&self) -> [usize; N_AREAS] {
        let scaled = |nominal: usize| match self.geometry {
            Geometry::Top2linear => nominal,
            _ => nominal * self.image_size / IMAGE_SIZE,
        };
        self.geometry.nominal_sizes().map(scaled)
    }

    /// Connections with their operations, ascending in (pre, post).
    pub fn links(&self) -> impl Iterator<Item = (usize, usize, Link)> {
        let link = |(pre, post)| Some((pre, post, Link::between(self.geometry, pre, post)?));
        self.connections.iter().filter_map(link)
    }

    /// Names and shapes of the source's tensors. The constants of blur pooling are among them.
    pub fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::new();
        let [kernel, ..] = self.geometry.stem();
        let first = self.widths[0];
        tensors.layer("conv_input", vec![first, 3, kernel, kernel], Some(first));
        let is_blurred = self.pool == Pooling::Blur;
        if is_blurred {
            tensors.push("pool_input.filt", vec![first, 1, 4, 4]);
        }
        for post in 0..N_AREAS {
            tensors.layer(&format!("norm_{post}"), vec![self.widths[post]], Some(self.widths[post]));
            for (pre, _, link) in self.links().filter(|link| link.1 == post) {
                let (from, to) = (self.widths[pre], self.widths[post]);
                let name = format!("conv_{pre}_{post}");
                if is_blurred && link.is_pooled() {
                    tensors.push(&format!("{name}.blurpool.filt"), vec![from, 1, 4, 4]);
                }
                tensors.layer(&format!("{name}{}", link.key()), link.weight_shape(from, to), Some(to));
            }
        }
        let top = self.widths[N_AREAS - 1];
        tensors.layer("read_out.linear", vec![self.n_classes, top], Some(self.n_classes));
        tensors
    }
}
