//! The layers of a network of connected areas, by the names of the source.

use candle_core::Tensor;

use super::config::{BltConfig, GROUPS, Link, N_AREAS, Pooling};
use super::pooling::{HALVING, halve};
use crate::error::Result;
use crate::nn::{Conv2d, ConvTranspose2d, Linear, Norm, NormKind};
use crate::ops::{self, ConvSpec, ConvTransposeSpec, Workspace};
use crate::weights::Weights;

/// One connection with its weights.
#[derive(Clone, Debug)]
enum Connection {
    Conv { conv: Conv2d, pool: Option<Pooling> },
    Transposed(ConvTranspose2d),
    Bridge(Linear),
    Broadcast(ConvTranspose2d),
}

/// All weights of a network.
#[derive(Clone, Debug)]
pub(super) struct Layers {
    stem: Conv2d,
    pool: Pooling,
    /// Per area, by ascending source.
    connections: Vec<Vec<(usize, Connection)>>,
    norms: Vec<Norm>,
    read_out: Linear,
    /// `[channels, height, width]` of each area.
    shapes: Vec<[usize; 3]>,
}

impl Layers {
    /// # Errors
    /// [`crate::Error::Unknown`] for a missing tensor.
    pub(super) fn load(config: &BltConfig, weights: &Weights) -> Result<Self> {
        let [_, stride, padding] = config.geometry.stem();
        let spec = ConvSpec { stride, padding, ..ConvSpec::default() };
        let mut connections = vec![Vec::new(); N_AREAS];
        for (pre, post, link) in config.links() {
            let name = format!("conv_{pre}_{post}{}", link.key());
            connections[post].push((pre, Connection::load(link, config.pool, &name, weights)?));
        }
        let sizes = config.map_sizes();
        Ok(Self {
            stem: Conv2d::load(weights, "conv_input", spec)?,
            pool: config.pool,
            connections,
            norms: (0..N_AREAS)
                .map(|area| Norm::load(weights, &format!("norm_{area}"), NormKind::Group(GROUPS)))
                .collect(),
            read_out: Linear::load(weights, "read_out.linear")?,
            shapes: (0..N_AREAS).map(|area| [config.widths[area], sizes[area], sizes[area]]).collect(),
        })
    }

    /// What the picture adds to the first area at every timestep.
    pub(super) fn drive(&self, image: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        halve(&self.stem.forward(image, ws)?, self.pool)
    }

    /// What `areas` send to `post`, summed by ascending source; `None` if no defined area does.
    pub(super) fn arriving<'a>(
        &self,
        post: usize,
        areas: impl Fn(usize) -> Option<&'a Tensor>,
        ws: &mut Workspace,
    ) -> Result<Option<Tensor>> {
        let mut sum: Option<Tensor> = None;
        for (pre, connection) in &self.connections[post] {
            let Some(xs) = areas(*pre) else { continue };
            let sent = connection.forward(xs, ws)?;
            sum = Some(match sum {
                None => sent,
                Some(sum) if sum.dims() == sent.dims() => ops::add(&sum, &sent)?,
                Some(sum) => sum.broadcast_add(&sent)?,
            });
        }
        let Some(sum) = sum else { return Ok(None) };
        // A single value per channel stands for the whole map.
        let [channels, height, width] = self.shapes[post];
        let full = [sum.dims()[0], channels, height, width];
        Ok(Some(if sum.dims() == full { sum } else { sum.broadcast_as(&full)?.contiguous()? }))
    }

    pub(super) fn norm(&self, area: usize, xs: &Tensor) -> Result<Tensor> {
        self.norms[area].forward(xs)
    }

    /// Class scores from the highest area.
    pub(super) fn read_out(&self, top: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        self.read_out.forward(&ops::global_avg_pool2d(top)?, ws)
    }

    pub(super) fn read_out_weight(&self) -> &Tensor {
        self.read_out.weight.tensor()
    }
}

impl Connection {
    fn load(link: Link, pool: Pooling, name: &str, weights: &Weights) -> Result<Self> {
        Ok(match link {
            Link::Conv { stride, padding, is_pooled, .. } => {
                let spec = ConvSpec { stride, padding, ..ConvSpec::default() };
                let conv = Conv2d::load(weights, name, spec)?;
                Self::Conv { conv, pool: is_pooled.then_some(pool) }
            }
            Link::Transposed { stride, padding, output_padding, .. } => {
                let spec = ConvTransposeSpec { stride, padding, output_padding };
                Self::Transposed(ConvTranspose2d::load(weights, name, spec)?)
            }
            Link::Bridge { .. } => Self::Bridge(Linear::load(weights, name)?),
            Link::Broadcast => {
                Self::Broadcast(ConvTranspose2d::load(weights, name, ConvTransposeSpec::default())?)
            }
        })
    }

    fn forward(&self, xs: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        match self {
            Self::Conv { conv, pool: None } => conv.forward(xs, ws),
            Self::Conv { conv, pool: Some(pool) } => conv.forward(&halve(xs, *pool)?, ws),
            Self::Transposed(conv) | Self::Broadcast(conv) => conv.forward(xs, ws),
            Self::Bridge(linear) => {
                let pooled = ops::max_pool2d(xs, &HALVING)?;
                Ok(linear.forward(&pooled.flatten_from(1)?, ws)?.unsqueeze(2)?.unsqueeze(3)?)
            }
        }
    }
}
