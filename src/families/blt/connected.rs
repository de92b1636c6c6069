//! The recurrent networks: areas joined upwards, laterally and downwards, all updated at once from
//! the timestep before; and the chain of one pass.

use candle_core::Tensor;

use super::config::{AREA_NAMES, BltConfig, N_AREAS};
use super::layers::Layers;
use super::model::{Body, Parts};
use super::norms::Statistics;
use super::tapped::{tapped, tapped_relu};
use crate::dynamics::{Area, AreaKind, Drive, State, StepContext};
use crate::error::Result;
use crate::ops::{self, Workspace};
use crate::weights::Weights;

/// What a connection matrix makes.
///
/// Areas are the six responses, then what arrives at each of them before its group norm. At
/// timestep `t` an area reads its sources' responses of `t - 1`; an area that nothing has reached yet
/// is undefined, holds zeros, sends nothing and passes no tap.
#[derive(Clone, Debug)]
pub(super) struct ConnectedAreas {
    is_one_pass: bool,
    live_from: [Option<usize>; N_AREAS],
    layers: Layers,
}

impl ConnectedAreas {
    pub(super) fn parts(config: &BltConfig, weights: &Weights) -> Result<Parts> {
        let sizes = config.map_sizes();
        let shape = |area: usize| [config.widths[area], sizes[area], sizes[area]];
        let responses = (0..N_AREAS).map(|area| Area::activity(AREA_NAMES[area], &shape(area)));
        let arriving = (0..N_AREAS)
            .map(|area| Area::new(format!("{}.prenorm", AREA_NAMES[area]), &shape(area), AreaKind::Hidden));
        let layers = Layers::load(config, weights)?;
        Ok(Parts {
            areas: responses.chain(arriving).collect(),
            like: layers.read_out_weight().clone(),
            body: Box::new(Self {
                is_one_pass: config.is_one_pass(),
                live_from: config.connections.live_from(),
                layers,
            }),
        })
    }

    /// The response to what arrived, through the taps of both.
    fn respond(
        &self,
        area: usize,
        arrived: Tensor,
        areas: &mut [Tensor],
        context: &mut StepContext<'_>,
    ) -> Result<()> {
        let arrived = tapped(N_AREAS + area, arrived, context)?;
        let normed = self.layers.norm(area, &arrived)?;
        areas[N_AREAS + area] = arrived;
        areas[area] = tapped_relu(area, normed, context)?;
        Ok(())
    }
}

impl Body for ConnectedAreas {
    fn drive(&self, image: Tensor, ops: &mut Workspace) -> Result<Tensor> {
        self.layers.drive(&image, ops)
    }

    fn pass(
        &self,
        picture: &Tensor,
        _drive: &Drive,
        state: &State,
        _statistics: &mut Statistics,
        context: &mut StepContext<'_>,
    ) -> Result<(Vec<Tensor>, Option<Tensor>)> {
        let mut areas = state.areas.clone();
        for post in 0..N_AREAS {
            let past = |area: usize| {
                let is_defined = self.live_from[area].is_some_and(|from| from < state.t);
                is_defined.then(|| &state.areas[area])
            };
            let arrived = if self.is_one_pass {
                let below = post.checked_sub(1).map(|below| areas[below].clone());
                self.layers.arriving(post, |_| below.as_ref(), context.ops)?
            } else {
                self.layers.arriving(post, past, context.ops)?
            };
            let arrived = match (arrived, post) {
                (Some(arrived), 0) => Some(ops::add(&arrived, picture)?),
                (None, 0) => Some(picture.clone()),
                (arrived, _) => arrived,
            };
            if let Some(arrived) = arrived {
                self.respond(post, arrived, &mut areas, context)?;
            }
        }
        let top = N_AREAS - 1;
        let is_answering = self.live_from[top].is_some_and(|from| from <= state.t);
        let readout = if is_answering { Some(self.layers.read_out(&areas[top], context.ops)?) } else { None };
        Ok((areas, readout))
    }

    fn live_from(&self, area: usize) -> Option<usize> {
        self.live_from[area % N_AREAS]
    }

    fn period(&self, n_timesteps: usize) -> usize {
        if self.is_one_pass { 1 } else { n_timesteps }
    }
}
