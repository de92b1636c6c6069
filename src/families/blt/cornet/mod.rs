//! CORnet: four areas that are passed once (Z), several times one after the other (S), or
//! together at every timestep with a state of their own (R, RT).

mod r;
mod s;
mod z;

use candle_core::Tensor;

use super::config::{CORNET_AREAS, Cornet, CornetConfig, S_PASSES};
use super::model::{Body, Parts};
use super::norms::Statistics;
use crate::dynamics::{Area, Drive, State, StepContext};
use crate::error::Result;
use crate::nn::Linear;
use crate::ops;
use crate::weights::Weights;
use r::R;
use s::S;
use z::Z;

/// The areas of a network of the CORnet family. Every timestep of R and RT answers, the last counts; a
/// sweep of S answers at its end.
#[derive(Clone, Debug)]
pub(super) struct CornetAreas {
    member: Member,
    decoder: Linear,
}

#[derive(Clone, Debug)]
enum Member {
    Z(Z),
    S(S),
    /// Each area sees its predecessor of the same timestep.
    R(R),
    /// Each area sees its predecessor of the timestep before.
    Rt(R),
}

impl CornetAreas {
    pub(super) fn parts(config: &CornetConfig, weights: &Weights) -> Result<Parts> {
        let member = match config.member {
            Cornet::Z => Member::Z(Z::load(weights)?),
            Cornet::S => Member::S(S::load(weights)?),
            Cornet::R => Member::R(R::load(weights)?),
            Cornet::Rt => Member::Rt(R::load(weights)?),
        };
        let shapes = config.widths.iter().zip(config.map_sizes());
        let areas = CORNET_AREAS.iter().zip(shapes);
        let decoder = Linear::load(weights, "decoder.linear")?;
        Ok(Parts {
            areas: areas.map(|(name, (&width, side))| Area::activity(*name, &[width, side, side])).collect(),
            like: decoder.weight.tensor().clone(),
            body: Box::new(Self { member, decoder }),
        })
    }
}

impl Body for CornetAreas {
    fn pass(
        &self,
        image: &Tensor,
        drive: &Drive,
        state: &State,
        statistics: &mut Statistics,
        context: &mut StepContext<'_>,
    ) -> Result<(Vec<Tensor>, Option<Tensor>)> {
        let mut areas = state.areas.clone();
        let mut is_answering = true;
        match &self.member {
            Member::Z(z) => z.pass(image, &mut areas, context)?,
            Member::S(s) => {
                let (area, pass) = s::area_and_pass(drive.pass_index);
                let below = if area == 0 { image } else { &state.areas[area - 1] };
                areas[area] = s.pass((area, pass), below, &state.areas[area], statistics, context)?;
                is_answering = drive.pass_index + 1 == drive.n_passes;
            }
            Member::R(r) | Member::Rt(r) => {
                let is_sweeping = matches!(self.member, Member::R(_));
                for area in 0..areas.len() {
                    let below = match area.checked_sub(1) {
                        None => Some(image),
                        // Before the second timestep the areas above the first get zeros.
                        Some(_) if state.t == 0 => None,
                        Some(below) if is_sweeping => Some(&areas[below]),
                        Some(below) => Some(&state.areas[below]),
                    };
                    let next = r.pass(area, below, &state.areas[area], context)?;
                    areas[area] = next;
                }
            }
        }
        let top = ops::global_avg_pool2d(&areas[areas.len() - 1])?;
        let readout = if is_answering { Some(self.decoder.forward(&top, context.ops)?) } else { None };
        Ok((areas, readout))
    }

    fn live_from(&self, area: usize) -> Option<usize> {
        match self.member {
            Member::S(_) => Some(S_PASSES[..area].iter().sum()),
            Member::Z(_) | Member::R(_) | Member::Rt(_) => Some(0),
        }
    }

    fn period(&self, n_timesteps: usize) -> usize {
        match self.member {
            Member::S(_) => S_PASSES.iter().sum(),
            Member::Z(_) => 1,
            Member::R(_) | Member::Rt(_) => n_timesteps,
        }
    }
}
