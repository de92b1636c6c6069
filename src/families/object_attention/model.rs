//! The network and its pass: gated convolutions upwards, class scores, and gates downwards.

use candle_core::{DType, Device, Tensor};

use super::areas::{self, AreaIndex, STRENGTH};
use super::attention::Attention;
use super::config::{Config, Stage};
use super::graph;
use super::layers::Layers;
use super::protocol;
use crate::dynamics::{
    Area, Control, Drive, Dynamics, Frame, Graph, LabelSet, Prepared, Presentation, ProtocolOptions,
    Schedule, State, StepContext, TimeUnit,
};
use crate::error::Result;
use crate::ops::{self, Activation, PoolSpec};
use crate::weights::Weights;

/// A network of either variant. One timestep is one pass: upwards with the gates of the pass
/// before, then downwards to the gates of the next.
#[derive(Clone, Debug)]
pub struct ObjectAttention {
    config: Config,
    stages: Vec<Stage>,
    layers: Layers,
    areas: Vec<Area>,
    memory: Vec<String>,
    controls: [Control; 1],
    classes: Vec<String>,
}

impl ObjectAttention {
    /// # Errors
    /// [`crate::Error::Config`] for an invalid configuration, [`crate::Error::Unknown`] or
    /// [`crate::Error::Shape`] for
    /// weights that are not its own.
    pub fn new(config: &Config, weights: &Weights) -> Result<Self> {
        config.validate()?;
        let stages = config.stages()?;
        Ok(Self {
            layers: Layers::load(config, weights)?,
            areas: areas::areas(config, &stages),
            memory: areas::memory(stages.len()),
            controls: [strength_control(config)],
            classes: config.class_names(),
            config: config.clone(),
            stages,
        })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn dtype(&self) -> DType {
        self.layers.like().dtype()
    }

    pub fn device(&self) -> &Device {
        self.layers.like().device()
    }

    /// Positions of the gates among the areas, from the picture upwards.
    pub fn gate_areas(&self) -> impl Iterator<Item = usize> {
        let at = self.at();
        (0..self.stages.len()).map(move |stage| at.gate(stage))
    }

    /// Positions of the inhibition maps among the areas, from the picture upwards.
    pub fn inhibition_areas(&self) -> impl Iterator<Item = usize> {
        let at = self.at();
        (0..self.stages.len()).map(move |stage| at.inhibition(stage))
    }

    pub(super) fn at(&self) -> AreaIndex {
        AreaIndex::new(self.stages.len())
    }

    fn zeros(&self, batch: usize, shape: &[usize]) -> Result<Tensor> {
        Ok(Tensor::zeros([&[batch], shape].concat(), self.dtype(), self.device())?)
    }

    /// The gates and inhibition maps that act in this pass, after interventions.
    fn acting(
        &self,
        drive: &Drive,
        state: &State,
        attention: &mut Attention,
        context: &mut StepContext<'_>,
    ) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
        let at = self.at();
        let mut gates = Vec::with_capacity(self.stages.len());
        let mut inhibition = Vec::with_capacity(self.stages.len());
        if drive.pass_index == 0 {
            attention.begin_phase()?;
        }
        for (i, stage) in self.stages.iter().enumerate() {
            gates.push(if drive.pass_index == 0 {
                // A reset gate is held by a clamp like any other.
                context.activity(at.gate(i), self.zeros(state.batch(), &stage.input)?)?
            } else {
                state.areas[at.gate(i)].clone()
            });
            inhibition.push(through_both_taps(at.inhibition(i), attention.inhibition[i].clone(), context)?);
        }
        Ok((gates, inhibition))
    }

    /// Upwards: fills in the activities and the class scores.
    fn bottom_up(
        &self,
        image: &Tensor,
        gates: &[Tensor],
        areas: &mut [Tensor],
        context: &mut StepContext<'_>,
    ) -> Result<()> {
        let at = self.at();
        let strength = context.controls.get(0);
        let mut xs = image.clone();
        for (i, gate) in gates.iter().enumerate() {
            xs = (xs * gate.affine(-strength, 1.0)?)?;
            if i == 0 {
                xs = through_both_taps(at.input(), xs, context)?;
                areas[at.input()] = xs.clone();
            }
            xs = self.layers.forward[i].forward(&xs, context.ops)?;
            xs = through_taps(at.conv(i), xs, Activation::Relu, context)?;
            areas[at.conv(i)] = xs.clone();
            xs = ops::max_pool2d(&xs, &PoolSpec::tiling(2))?;
            xs = through_both_taps(at.pooled(i), xs, context)?;
            areas[at.pooled(i)] = xs.clone();
        }
        let scores = self.layers.readout.forward(&xs.flatten_from(1)?, context.ops)?;
        areas[at.scores()] = through_both_taps(at.scores(), scores, context)?;
        Ok(())
    }

    /// Downwards: fills in the gates of the next pass.
    fn top_down(
        &self,
        inhibition: &[Tensor],
        areas: &mut [Tensor],
        context: &mut StepContext<'_>,
    ) -> Result<()> {
        let at = self.at();
        let scores = &areas[at.scores()];
        let xs = self.layers.readout_feedback.forward(scores, context.ops)?;
        let xs = xs.reshape(areas[at.pooled(self.stages.len() - 1)].dims())?;
        let mut xs = through_taps(at.top_down(), xs, Activation::Tanh, context)?;
        areas[at.top_down()] = xs.clone();
        for (i, stage) in self.stages.iter().enumerate().rev() {
            let pooled = &areas[at.pooled(i)];
            let raw = self.layers.gate_preactivation(i, stage, &xs, pooled, context.ops)?;
            let [channels, height, width] = stage.input;
            let raw = raw.broadcast_as((pooled.dims()[0], channels, height, width))?;
            // The stage below sees the gate before inhibition fills it.
            xs = ops::activate(&context.preactivation(at.gate(i), raw)?, Activation::Tanh)?;
            let free = inhibition[i].affine(-1.0, 1.0)?;
            let filled = ((free * &xs)? + &inhibition[i])?;
            areas[at.gate(i)] = context.activity(at.gate(i), filled)?;
        }
        Ok(())
    }
}

fn through_both_taps(area: usize, value: Tensor, context: &mut StepContext<'_>) -> Result<Tensor> {
    through_taps(area, value, Activation::Identity, context)
}

fn through_taps(
    area: usize,
    value: Tensor,
    activation: Activation,
    context: &mut StepContext<'_>,
) -> Result<Tensor> {
    let value = context.preactivation(area, value)?;
    context.activity(area, ops::activate(&value, activation)?)
}

fn strength_control(config: &Config) -> Control {
    Control {
        name: STRENGTH.to_owned(),
        label: "Strength".to_owned(),
        definition:
            "s: what a gate acts on is multiplied by 1 - s·gate, so that a gate of 1 leaves 1 - s and a \
                     gate of 0 passes all"
                .to_owned(),
        unit: String::new(),
        min: 0.0,
        max: 1.0,
        default: config.strength,
        trained: Some(config.strength),
        choices: Vec::new(),
        source: "flag --strength of the source: 0.2 for digits, 0.3 for photographs".to_owned(),
        ..Control::default()
    }
}

impl Dynamics for ObjectAttention {
    fn areas(&self) -> &[Area] {
        &self.areas
    }

    fn memory(&self) -> &[String] {
        &self.memory
    }

    fn controls(&self) -> &[Control] {
        &self.controls
    }

    fn time_unit(&self) -> TimeUnit {
        TimeUnit::Pass
    }

    fn input_shape(&self) -> [usize; 3] {
        self.stages[0].input
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn graph(&self) -> Graph {
        graph::graph(&self.config, &self.stages, &self.areas)
    }

    fn generation(&self) -> u64 {
        self.layers.generation()
    }

    fn rest(&self, batch: usize) -> Result<State> {
        let inhibition =
            self.stages.iter().map(|stage| self.zeros(batch, &stage.input)).collect::<Result<_>>()?;
        let memory = Attention::rest(inhibition, batch, self.config.objects)?.into_memory();
        Ok(State { memory, ..State::at_rest(&self.areas, batch, self.layers.like())? })
    }

    fn prepare(&self, frame: &Frame, _ops: &mut ops::Workspace) -> Result<Prepared> {
        Ok(Prepared(vec![frame.pixels(self.input_shape(), self.layers.like())?]))
    }

    fn step(
        &self,
        prepared: &Prepared,
        drive: &Drive,
        state: &State,
        context: &mut StepContext<'_>,
    ) -> Result<State> {
        let at = self.at();
        let image = &prepared.0[0];
        state.check(at.len(), image.dims()[0])?;
        let mut attention = Attention::from_memory(&state.memory, self.stages.len())?;
        let (gates, inhibition) = self.acting(drive, state, &mut attention, context)?;
        let is_last = drive.pass_index + 1 == drive.n_passes;
        if is_last {
            attention.decide_next(&inhibition, &gates)?;
        }
        let mut areas = state.areas.clone();
        self.bottom_up(image, &gates, &mut areas, context)?;
        self.top_down(&inhibition, &mut areas, context)?;
        for (i, map) in inhibition.into_iter().enumerate() {
            areas[at.inhibition(i)] = map;
        }
        if let (true, Some(targets)) = (is_last, &drive.target) {
            attention.pick(&areas[at.input()], targets, drive.phase == 0)?;
        }
        let readout = Some(areas[at.scores()].clone());
        Ok(State { t: state.t + 1, areas, memory: attention.into_memory(), readout })
    }

    fn schedule(&self, presentation: &Presentation, options: &ProtocolOptions) -> Result<Schedule> {
        protocol::schedule(&self.config, presentation, options)
    }

    fn scored_labels(&self, labels: &LabelSet, drive: &Drive, state: &State) -> Result<Option<Vec<i64>>> {
        protocol::scored_labels(labels, drive, state, self.stages.len())
    }

    fn mask_losses(&self, _mask: Option<&[f32]>, drive: &Drive, state: &State) -> Result<Option<Vec<f64>>> {
        if drive.target.is_none() || drive.pass_index + 1 != drive.n_passes {
            return Ok(None);
        }
        let n_values = self.input_shape().iter().product();
        protocol::mask_losses(state, self.stages.len(), n_values)
    }
}
