//! The network and its passes as timesteps.

use candle_core::{D, DType, Device, Tensor};

use super::architecture::Architecture;
use super::areas::{self, AreaIndex};
use super::config::{Config, FROM_STIMULUS, NO_INSTRUCTION};
use super::flow::Flow;
use super::graph;
use super::layers::{Layer, Statistics, statistic_names};
use super::protocol;
use crate::dynamics::{
    Area, Control, Controls, Drive, Dynamics, Frame, Graph, LabelSet, Pass, Prepared, Presentation,
    ProtocolOptions, Schedule, State, StepContext, TimeUnit,
};
use crate::error::{Error, Result};
use crate::ops;
use crate::stimulus::PixelScale;
use crate::weights::{Weight, Weights};

/// Name of the control that picks the instruction.
const INSTRUCTION: &str = "instruction";
/// Name of the control that says by what the norms divide.
pub(super) const BATCH_STATISTICS: &str = "batch_statistics";

/// A network of any trunk. One timestep is one pass.
#[derive(Clone, Debug)]
pub struct CounterHebb {
    pub(super) config: Config,
    pub(super) architecture: Architecture,
    /// Bundles of the trunk, bottom to top.
    pub(super) trunk: Vec<Layer>,
    pub(super) head: Layer,
    pub(super) task_head: Vec<Layer>,
    areas: Vec<Area>,
    statistic_names: Vec<String>,
    initial_statistics: Vec<Tensor>,
    controls: Vec<Control>,
    classes: Vec<String>,
    tasks: Vec<String>,
    instructions: Vec<Vec<f32>>,
    /// Of the pixels, `[1, channels, 1, 1]`.
    mean: Weight,
    std: Weight,
}

impl CounterHebb {
    /// The network of `config` with `weights`, which are named as in the reference.
    ///
    /// # Errors
    /// [`Error::Config`] for an invalid configuration, [`Error::Unknown`] or [`Error::Shape`] for
    /// weights that are not its own.
    pub fn new(config: &Config, weights: &Weights) -> Result<Self> {
        config.validate()?;
        let architecture = Architecture::new(config)?;
        let mut slots = 0;
        let mut load = |bundle| Layer::load(bundle, weights, &mut slots);
        let trunk: Vec<Layer> = architecture.trunk.iter().map(&mut load).collect::<Result<_>>()?;
        let head = load(&architecture.head)?;
        let task_head = architecture.task_head.iter().map(&mut load).collect::<Result<_>>()?;
        let statistic_names = statistic_names(architecture.bundles());
        let initial_statistics = statistic_names
            .iter()
            .map(|name| weights.get(name).map(|weight| weight.tensor().detach()))
            .collect::<Result<_>>()?;
        let (device, dtype) = (head.weight().device(), head.weight().dtype());
        let per_channel = |values: &[f64]| -> Result<Weight> {
            let values = Tensor::new(values, &Device::Cpu)?.to_dtype(dtype)?.to_device(device)?;
            Ok(Weight::new(values.reshape((1, (), 1, 1))?))
        };
        let (mean, std) = (per_channel(&config.mean)?, per_channel(&config.std)?);
        let (tasks, instructions): (Vec<String>, Vec<Vec<f32>>) = config.instructions().into_iter().unzip();
        Ok(Self {
            areas: areas::areas(&architecture),
            controls: controls(config, &tasks),
            classes: config.class_names(),
            config: config.clone(),
            architecture,
            trunk,
            head,
            task_head,
            statistic_names,
            initial_statistics,
            tasks,
            instructions,
            mean,
            std,
        })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn dtype(&self) -> DType {
        self.head.weight().dtype()
    }

    pub fn device(&self) -> &Device {
        self.head.weight().device()
    }

    pub(super) fn at(&self) -> AreaIndex {
        AreaIndex::new(&self.architecture)
    }

    /// Running statistics of the norms after a run, by the names of their tensors.
    pub fn statistics<'a>(&'a self, state: &'a State) -> impl Iterator<Item = (&'a str, &'a Tensor)> {
        self.statistic_names.iter().map(String::as_str).zip(&state.memory)
    }

    fn control(&self, name: &str, controls: &Controls) -> f64 {
        controls.find(&self.controls, name).unwrap_or(0.0)
    }

    /// The instruction in force, `[batch, entries]`; `None` where the bottom-up pass is to be plain.
    ///
    /// # Errors
    /// [`Error::Config`] where an instruction is needed and nothing gives one, [`Error::Shape`] for
    /// a vector of another size.
    pub(super) fn instruction(&self, drive: &Drive, controls: &Controls) -> Result<Option<Tensor>> {
        let batch = drive.frame.batch();
        let named = |index: usize| self.named_instruction(index, batch).map(Some);
        match self.control(INSTRUCTION, controls) as usize {
            0 => {}
            1 => return Ok(None),
            choice => return named(choice - 2),
        }
        let Some(given) = &drive.instruction else {
            return Err(missing_instruction(&self.tasks));
        };
        let size = self.config.task_vector_size;
        match (&given.prompt, given.task) {
            (Some(prompt), _) if prompt.dims() == [batch, size] => {
                Ok(Some(prompt.to_device(self.device())?.to_dtype(self.dtype())?.detach()))
            }
            (Some(prompt), _) => Err(Error::shape("instruction", [batch, size], prompt.dims())),
            (None, Some(task)) => named(task),
            (None, None) => Err(missing_instruction(&self.tasks)),
        }
    }

    fn named_instruction(&self, index: usize, batch: usize) -> Result<Tensor> {
        let Some(vector) = self.instructions.get(index) else {
            let requirement = format!("below {}, the number of instructions", self.instructions.len());
            return Err(Error::config("task", requirement, index));
        };
        let vector = Tensor::new(vector.as_slice(), self.device())?.to_dtype(self.dtype())?;
        Ok(vector.unsqueeze(0)?.broadcast_as((batch, vector.dims()[0]))?.contiguous()?)
    }

    /// The logits of the decoder that the instruction picks, `[batch, classes]`.
    pub(super) fn picked(&self, logits: &Tensor, instruction: Option<&Tensor>) -> Result<Tensor> {
        if !self.config.multi_decoders {
            return Ok(logits.clone());
        }
        let shape = (logits.dims()[0], self.config.n_tasks, self.config.n_classes);
        let mask = self.decoder_mask(instruction)?;
        Ok(logits.reshape(shape)?.broadcast_mul(&mask)?.sum(1)?)
    }

    /// The error vector at the logits of all decoders: `delta` at the one that was asked, else 0.
    pub(super) fn scattered(&self, delta: &Tensor, instruction: Option<&Tensor>) -> Result<Tensor> {
        if !self.config.multi_decoders {
            return Ok(delta.clone());
        }
        let mask = self.decoder_mask(instruction)?;
        Ok(delta.unsqueeze(1)?.broadcast_mul(&mask)?.flatten_from(1)?)
    }

    /// 1 at the decoder of each trial, `[batch, tasks, 1]`.
    fn decoder_mask(&self, instruction: Option<&Tensor>) -> Result<Tensor> {
        let Some(instruction) = instruction else {
            let requirement = "one that picks a decoder: this network has one per task";
            return Err(Error::config(INSTRUCTION, requirement, NO_INSTRUCTION));
        };
        Ok(instruction.eq(1.0)?.to_dtype(self.dtype())?.unsqueeze(D::Minus1)?)
    }

    /// What is reported: a single logit becomes those of "no" (0) and "yes".
    fn readout(&self, picked: &Tensor) -> Result<Tensor> {
        match self.config.n_classes {
            1 => Ok(Tensor::cat(&[&picked.zeros_like()?, picked], 1)?),
            _ => Ok(picked.clone()),
        }
    }

    /// The labels that the error pass compares with: those given, or the network's own answer.
    fn labels(&self, drive: &Drive, picked: &Tensor) -> Result<Tensor> {
        match &drive.target {
            Some(labels) if labels.rank() <= 2 && labels.elem_count() == picked.dims()[0] => {
                Ok(labels.clone())
            }
            _ if self.config.n_classes == 1 => Ok(picked.gt(0.0)?.to_dtype(DType::I64)?.squeeze(1)?),
            _ => Ok(picked.argmax(1)?.to_dtype(DType::I64)?),
        }
    }

    fn check(&self, image: &Tensor, state: &State) -> Result<()> {
        let found = [state.areas.len(), state.memory.len(), state.batch()];
        let expected = [self.areas.len(), self.statistic_names.len(), image.dims()[0]];
        if found != expected {
            return Err(Error::shape("state (areas, statistics, trials)", expected, &found));
        }
        Ok(())
    }
}

fn missing_instruction(tasks: &[String]) -> Error {
    let mut known = tasks.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
    if tasks.len() > 4 {
        known.push_str(", …");
    }
    let requirement = format!(
        "that of the stimulus, {NO_INSTRUCTION} or a task ({known}), for example with --set instruction={}",
        tasks[0]
    );
    Error::config(INSTRUCTION, requirement, "a stimulus without one")
}

fn controls(config: &Config, tasks: &[String]) -> Vec<Control> {
    let choice =
        |name: &str, label: &str, definition: &str, choices: Vec<String>, default: usize, source: &str| {
            Control {
                name: name.to_owned(),
                label: label.to_owned(),
                definition: definition.to_owned(),
                unit: String::new(),
                min: 0.0,
                max: (choices.len() - 1) as f64,
                default: default as f64,
                choices,
                source: source.to_owned(),
                ..Control::default()
            }
        };
    let mut controls = Vec::new();
    if config.mtl {
        let choices: Vec<String> = [FROM_STIMULUS, NO_INSTRUCTION]
            .map(str::to_owned)
            .into_iter()
            .chain(tasks.iter().cloned())
            .collect();
        let default = choices.iter().position(|name| *name == config.instruction).unwrap_or(0);
        controls.push(choice(
            INSTRUCTION,
            "Instruction",
            "What is pushed down before the prediction: it opens the gates of the units that may answer; without \
             one the prediction is a plain bottom-up pass",
            choices,
            default,
            "network_models.py",
        ));
    }
    if config.has_norms() {
        controls.push(choice(
            BATCH_STATISTICS,
            "Norm by",
            "Whether norms divide by their running statistics, as in evaluation, or by those of the batch, which the \
             running statistics then follow, as in training",
            vec!["running".to_owned(), "batch".to_owned()],
            0,
            "model.eval() and model.train() of the source",
        ));
        if let Some(control) = controls.last_mut() {
            control.trained = Some(control.default);
        }
    }
    controls
}

impl Dynamics for CounterHebb {
    fn areas(&self) -> &[Area] {
        &self.areas
    }

    fn memory(&self) -> &[String] {
        &self.statistic_names
    }

    fn controls(&self) -> &[Control] {
        &self.controls
    }

    fn time_unit(&self) -> TimeUnit {
        TimeUnit::Pass
    }

    fn input_shape(&self) -> [usize; 3] {
        self.config.in_shape
    }

    fn normalisation(&self) -> Option<PixelScale> {
        let short = |values: &[f64]| values.iter().map(|&value| value as f32).collect();
        Some(PixelScale { mean: short(&self.config.mean), std: short(&self.config.std) })
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn tasks(&self) -> &[String] {
        &self.tasks
    }

    fn live_from(&self, area: usize) -> Option<usize> {
        let (at, predicted) = (self.at(), usize::from(self.config.mtl));
        let is_top_down = self.config.mtl && (at.top_down(0)..at.gate(1)).contains(&area);
        Some(match area {
            _ if is_top_down => 0,
            _ if area >= at.error(0) => predicted + 1,
            _ => predicted,
        })
    }

    fn graph(&self) -> Graph {
        graph::graph(&self.config, &self.architecture)
    }

    fn generation(&self) -> u64 {
        let layers = self.trunk.iter().chain([&self.head]).chain(&self.task_head).map(Layer::generation);
        layers.chain([self.mean.generation(), self.std.generation()]).max().unwrap_or(0)
    }

    fn rest(&self, batch: usize) -> Result<State> {
        let memory = self.initial_statistics.clone();
        Ok(State { memory, ..State::at_rest(&self.areas, batch, self.head.weight())? })
    }

    fn prepare(&self, frame: &Frame, _ops: &mut ops::Workspace) -> Result<Prepared> {
        let image = frame.pixels(self.config.in_shape, self.head.weight())?;
        let image = image.broadcast_sub(self.mean.tensor())?.broadcast_div(self.std.tensor())?;
        Ok(Prepared(vec![image.contiguous()?]))
    }

    fn step(
        &self,
        prepared: &Prepared,
        drive: &Drive,
        state: &State,
        context: &mut StepContext<'_>,
    ) -> Result<State> {
        let image = &prepared.0[0];
        self.check(image, state)?;
        let at = self.at();
        let of_the_batch = self.control(BATCH_STATISTICS, context.controls) == 1.0;
        let instruction = if self.config.mtl { self.instruction(drive, context.controls)? } else { None };
        let statistics = Statistics { values: state.memory.clone(), of_the_batch };
        let mut flow = Flow { net: self, at, areas: state.areas.clone(), statistics, context };
        let mut readout = None;
        match drive.pass {
            Pass::Instruction => flow.instruct(instruction.as_ref())?,
            Pass::Sweep | Pass::FeedForward => {
                let is_guided = drive.pass == Pass::Sweep && instruction.is_some();
                flow.predict(image, is_guided)?;
                let picked = self.picked(&flow.areas[at.logits()], instruction.as_ref())?;
                readout = Some(self.readout(&picked)?);
            }
            Pass::Error => {
                let picked = self.picked(&flow.areas[at.logits()], instruction.as_ref())?;
                let delta = self.config.loss_name.delta(&picked, &self.labels(drive, &picked)?)?;
                flow.send_back(&self.scattered(&delta, instruction.as_ref())?)?;
            }
            Pass::WarmUp | Pass::SingleSweep | Pass::ReadOut => {
                let passes = "instruction, sweep (guided), feed_forward or error";
                return Err(Error::config("pass", passes, format!("{:?}", drive.pass)));
            }
        }
        Ok(State { t: state.t + 1, areas: flow.areas, memory: flow.statistics.values, readout })
    }

    fn schedule(&self, presentation: &Presentation, options: &ProtocolOptions) -> Result<Schedule> {
        protocol::schedule(self.config.mtl, presentation, options)
    }

    fn scored_labels(&self, labels: &LabelSet, drive: &Drive, _state: &State) -> Result<Option<Vec<i64>>> {
        Ok(protocol::scored_labels(labels, drive))
    }
}
