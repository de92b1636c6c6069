//! A run from rest, timestep by timestep.

use std::ops::ControlFlow;

use candle_core::Tensor;

use crate::dynamics::{Controls, Dynamics, Presentation, ProtocolOptions, Run, State, Workspace, rollout};
use crate::error::Result;
use crate::ops::Numerics;

/// Shows `pictures` for the published number of timesteps; `observe(t, state)` sees each of them.
pub(super) fn run(
    model: &dyn Dynamics,
    pictures: &Tensor,
    numerics: Numerics,
    mut observe: impl FnMut(usize, &State) -> Result<()>,
) -> Result<State> {
    let presentation = Presentation::held(pictures.clone());
    let schedule = model.schedule(&presentation, &ProtocolOptions::default())?;
    let controls = Controls::defaults(model.controls());
    let run = Run::plain(model, &schedule, &controls);
    let rest = model.rest(pictures.dims()[0])?;
    rollout(&run, rest, 0..schedule.len(), &mut Workspace::with_numerics(numerics), |t, _, state| {
        observe(t, state)?;
        Ok(ControlFlow::Continue(()))
    })
}
