//! Gradients through long unrolls, holding the graph of a stretch of timesteps at a time.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use candle_core::{DType, Tensor, Var};

use super::Gradients;
use crate::dynamics::{Frame, Prepared, Run, State, Workspace, rollout};
use crate::error::Result;
use crate::ops;
use crate::weights::Weights;

/// Bytes that the graph of one stretch may take, about.
const GRAPH_BYTES: usize = 1 << 30;

/// Tensors that the graph of a timestep holds, for each one of the state, about.
const TENSORS_PER_STATE: usize = 8;

/// The same timesteps of the same network twice.
#[derive(Clone)]
pub struct Unroll<'a> {
    /// By a network whose weights are leaves of a graph.
    pub tracked: Run<'a>,
    /// By one with the same weights outside any graph.
    pub plain: Run<'a>,
    pub steps: Range<usize>,
}

impl Unroll<'_> {
    /// Timesteps whose graphs are held together: all where they fit into memory that any machine has,
    /// else the square root of their number, which makes the whole smallest. It depends on sizes
    /// alone, so that results do not depend on the machine.
    pub fn stretch(&self, start: &State) -> usize {
        let (n, bytes) = (self.steps.len(), start.size_bytes() * TENSORS_PER_STATE);
        if n * bytes <= GRAPH_BYTES { n.max(1) } else { (n as f64).sqrt().ceil() as usize }
    }

    /// The sum of what `term(t, state)` gives after every timestep, and its gradients by the leaves
    /// among `weights`; `start` is a constant.
    ///
    /// Graphs are built for `stretch` timesteps at a time, the last ones first: only the states between
    /// stretches are kept meanwhile, and everything else is computed twice. `term` is called once per
    /// timestep, in that order.
    ///
    /// # Errors
    /// Those of the network, of `term` and of the tensor library.
    pub fn gradients(
        &self,
        start: &State,
        weights: &Weights,
        stretch: usize,
        mut term: impl FnMut(usize, &State) -> Result<Option<Tensor>>,
    ) -> Result<(f64, Gradients)> {
        let parameters: Vec<_> = weights.iter().filter(|(_, weight)| weight.tensor().is_variable()).collect();
        let (mut loss, mut gradients) = (0.0, Gradients::new());
        let mut add = |found: &[Option<Tensor>]| -> Result<()> {
            for ((name, _), gradient) in parameters.iter().zip(found) {
                if let Some(gradient) = gradient {
                    add_gradient(&mut gradients, name, gradient)?;
                }
            }
            Ok(())
        };
        let frames = self.frames()?;
        let mut adjoints: Vec<Option<Tensor>> = Vec::new();
        let mut of_frames: Vec<Vec<Option<Tensor>>> =
            frames.iter().map(|frame| vec![None; frame.leaves.len()]).collect();
        for (steps, before) in self.stretches(start, stretch)?.into_iter().rev() {
            let (state, leaves) = as_leaves(&before)?;
            let mut workspace = Workspace::new();
            for frame in &frames {
                workspace.hold(self.tracked.model, &frame.frame, Prepared(frame.leaves.clone()));
            }
            let mut objective = Objective::default();
            let end = rollout(&self.tracked, state, steps, &mut workspace, |t, _, state| {
                if let Some(term) = term(t, state)? {
                    loss += term.detach().to_dtype(DType::F64)?.to_scalar::<f64>()?;
                    objective.add(term)?;
                }
                Ok(ControlFlow::Continue(()))
            })?;
            for (value, adjoint) in values(&end).zip(&adjoints) {
                objective.add_product(value, adjoint.as_ref())?;
            }
            let Some(objective) = objective.0 else { continue };
            let wrt: Vec<&Tensor> = parameters
                .iter()
                .map(|(_, weight)| weight.tensor())
                .chain(&leaves)
                .chain(frames.iter().flat_map(|frame| &frame.leaves))
                .collect();
            let mut found = ops::backward(&objective, &wrt)?;
            let mut by_frame = found.split_off(parameters.len() + leaves.len()).into_iter();
            adjoints = found.split_off(parameters.len());
            add(&found)?;
            for of_frame in of_frames.iter_mut().flatten() {
                *of_frame = match (of_frame.take(), by_frame.next().flatten()) {
                    (Some(before), Some(now)) => Some((before + now)?),
                    (before, now) => before.or(now),
                };
            }
        }
        // What reached the prepared pictures goes on to the weights that prepared them.
        let mut objective = Objective::default();
        for (frame, adjoints) in frames.iter().zip(&of_frames) {
            for (prepared, adjoint) in frame.prepared.0.iter().zip(adjoints) {
                objective.add_product(prepared, adjoint.as_ref())?;
            }
        }
        if let Some(objective) = objective.0 {
            let wrt: Vec<&Tensor> = parameters.iter().map(|(_, weight)| weight.tensor()).collect();
            add(&ops::backward(&objective, &wrt)?)?;
        }
        Ok((loss, gradients))
    }

    /// Every frame that is shown, prepared within the graph.
    fn frames(&self) -> Result<Vec<Shown>> {
        let mut frames: Vec<Shown> = Vec::new();
        let mut workspace = ops::Workspace::new();
        for drive in &self.tracked.schedule.drives[self.steps.clone()] {
            if frames.iter().all(|known| known.frame.id() != drive.frame.id()) {
                let prepared = self.tracked.model.prepare(&drive.frame, &mut workspace)?;
                let leaves = prepared.0.iter().map(leaf).collect::<Result<_>>()?;
                frames.push(Shown { frame: Arc::clone(&drive.frame), prepared, leaves });
            }
        }
        Ok(frames)
    }

    /// Stretches of timesteps, each with the state before it.
    fn stretches(&self, start: &State, stretch: usize) -> Result<Vec<(Range<usize>, State)>> {
        let stretch = stretch.max(1);
        let steps = self.steps.clone();
        let mut found: Vec<(Range<usize>, State)> = Vec::new();
        let mut workspace = Workspace::new();
        let mut state = start.clone();
        for from in steps.clone().step_by(stretch) {
            if let Some((before, _)) = found.last() {
                let go_on = |_: usize, _: &_, _: &State| Ok(ControlFlow::Continue(()));
                state = rollout(&self.plain, state, before.clone(), &mut workspace, go_on)?;
            }
            found.push((from..(from + stretch).min(steps.end), state.clone()));
        }
        Ok(found)
    }
}

/// A picture in front of the network.
struct Shown {
    frame: Arc<Frame>,
    /// Within the graph of the weights.
    prepared: Prepared,
    /// The same values as leaves of the graphs of stretches.
    leaves: Vec<Tensor>,
}

fn add_gradient(gradients: &mut Gradients, name: &str, gradient: &Tensor) -> Result<()> {
    let sum = match gradients.get(name) {
        Some(before) => (before + gradient)?,
        None => gradient.clone(),
    };
    gradients.insert(name.to_owned(), sum);
    Ok(())
}

/// A sum under way.
#[derive(Default)]
struct Objective(Option<Tensor>);

impl Objective {
    fn add(&mut self, term: Tensor) -> Result<()> {
        self.0 = Some(match self.0.take() {
            Some(before) => (before + term)?,
            None => term,
        });
        Ok(())
    }

    /// `value` times a constant of its shape, summed.
    fn add_product(&mut self, value: &Tensor, factor: Option<&Tensor>) -> Result<()> {
        match factor {
            Some(factor) => self.add((value * factor)?.sum_all()?),
            None => Ok(()),
        }
    }
}

/// What a timestep takes over from the one before.
fn values(state: &State) -> impl Iterator<Item = &Tensor> {
    state.areas.iter().chain(&state.memory).chain(&state.readout)
}

fn leaf(tensor: &Tensor) -> Result<Tensor> {
    let value = tensor.detach();
    Ok(match value.dtype() {
        DType::F32 | DType::F64 => Var::from_tensor(&value.contiguous()?)?.into_inner(),
        _ => value,
    })
}

/// The same state in leaves of a graph, and those leaves in the order of [`values`].
fn as_leaves(state: &State) -> Result<(State, Vec<Tensor>)> {
    let all = |tensors: &[Tensor]| tensors.iter().map(leaf).collect::<Result<Vec<_>>>();
    let state = State {
        t: state.t,
        areas: all(&state.areas)?,
        memory: all(&state.memory)?,
        readout: state.readout.as_ref().map(leaf).transpose()?,
    };
    let leaves = values(&state).cloned().collect();
    Ok((state, leaves))
}
