//! The three passes over the sets of units, through the taps of every area.

use candle_core::Tensor;

use super::architecture::Node;
use super::areas::AreaIndex;
use super::layers::Statistics;
use super::model::CounterHebb;
use crate::dynamics::StepContext;
use crate::error::Result;
use crate::ops::{self, Activation, ConvSpec, PoolSpec};
use crate::weights::Weight;

/// The activities while a pass runs.
pub(super) struct Flow<'a, 'b> {
    pub(super) net: &'a CounterHebb,
    pub(super) at: AreaIndex,
    pub(super) areas: Vec<Tensor>,
    pub(super) statistics: Statistics,
    pub(super) context: &'a mut StepContext<'b>,
}

/// What a top-down pass carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Carried {
    /// Rectified, with biases, outside any graph.
    Instruction,
    /// Linear, without biases, gated by the bottom-up activity.
    Error,
}

impl Flow<'_, '_> {
    /// The instruction top-down: fills in the top-down activity of every set of units. Without an
    /// instruction nothing is sent down.
    pub(super) fn instruct(&mut self, instruction: Option<&Tensor>) -> Result<()> {
        let top = self.net.architecture.top();
        let Some(instruction) = instruction else {
            for units in 0..=top {
                let area = self.at.top_down(units);
                self.areas[area] = self.areas[area].zeros_like()?;
            }
            for bundle in 0..self.net.task_head.len() {
                let area = self.at.instruction(bundle);
                self.areas[area] = self.areas[area].zeros_like()?;
            }
            return Ok(());
        };
        let mut e = instruction.clone();
        for (k, layer) in self.net.task_head.iter().enumerate().rev() {
            // Every set but the instruction itself is driven, so rectified, from above.
            let is_given = k + 1 == self.net.task_head.len();
            let rule = if is_given { Activation::Identity } else { Activation::Relu };
            e = self.through(self.at.instruction(k), e, rule)?;
            e = layer.down(&e, true, &mut self.statistics, self.context.ops)?.detach();
        }
        self.through(self.at.top_down(top), e, Activation::Relu)?;
        self.descend(Carried::Instruction)
    }

    /// The picture bottom-up to the logits; guided, units fire only where the gate is open.
    pub(super) fn predict(&mut self, image: &Tensor, is_guided: bool) -> Result<()> {
        self.through(self.at.bottom_up(0), image.clone(), Activation::Identity)?;
        let net = self.net;
        for node in &net.architecture.nodes {
            match *node {
                Node::Bundle { bundle, from, to } => {
                    let y = self.up(bundle, from)?;
                    self.fire(to, y, is_guided)?;
                }
                Node::Block { conv1, conv2, shortcut, from, hidden, to } => {
                    let beside = match shortcut {
                        Some(shortcut) => self.up(shortcut, from)?,
                        None => self.areas[self.at.bottom_up(from)].clone(),
                    };
                    let y = self.up(conv1, from)?;
                    self.fire(hidden, y, is_guided)?;
                    let y = ops::add(&self.up(conv2, hidden)?, &beside)?;
                    self.fire(to, y, is_guided)?;
                }
                Node::MaxPool { kernel, stride, padding, from, to } => {
                    let spec = PoolSpec { kernel, stride, padding };
                    let y = ops::max_pool2d(&self.areas[self.at.bottom_up(from)], &spec)?;
                    self.fire(to, y, is_guided)?;
                }
                Node::GlobalAveragePool { from, to } => {
                    let y = ops::global_avg_pool2d(&self.areas[self.at.bottom_up(from)])?;
                    let shape = self.areas[self.at.bottom_up(to)].dims().to_vec();
                    self.fire(to, y.reshape(shape)?, is_guided)?;
                }
            }
        }
        let top = &self.areas[self.at.bottom_up(net.architecture.top())];
        let logits = net.head.up(top, true, &mut self.statistics, self.context.ops)?;
        self.through(self.at.logits(), logits, Activation::Identity)?;
        Ok(())
    }

    /// The error vector top-down: fills in the error of every set of units.
    pub(super) fn send_back(&mut self, delta: &Tensor) -> Result<()> {
        let e = self.through(self.at.error_of_logits(), delta.detach(), Activation::Identity)?;
        let below = self.net.head.down(&e, false, &mut self.statistics, self.context.ops)?;
        self.arrive(self.net.architecture.top(), below, Carried::Error)?;
        self.descend(Carried::Error)
    }

    /// From the top units, which carry it already, down to the picture.
    pub(super) fn descend(&mut self, carried: Carried) -> Result<()> {
        let net = self.net;
        for node in net.architecture.nodes.iter().rev() {
            match *node {
                Node::Bundle { bundle, from, to } => {
                    let x = self.down(bundle, to, carried)?;
                    self.arrive(from, x, carried)?;
                }
                Node::Block { conv1, conv2, shortcut, from, hidden, to } => {
                    let beside = match shortcut {
                        Some(shortcut) => self.down(shortcut, to, carried)?,
                        None => self.above(to, carried).clone(),
                    };
                    let x = self.down(conv2, to, carried)?;
                    self.arrive(hidden, x, carried)?;
                    let x = ops::add(&self.down(conv1, hidden, carried)?, &beside)?;
                    self.arrive(from, x, carried)?;
                }
                Node::MaxPool { kernel, stride, padding, from, to } => {
                    let spec = PoolSpec { kernel, stride, padding };
                    let x = self.through_pool(from, to, &spec, carried)?;
                    self.arrive(from, x, carried)?;
                }
                Node::GlobalAveragePool { from, to } => {
                    let shape = self.areas[self.at.bottom_up(from)].dims().to_vec();
                    let share = 1.0 / shape[2..].iter().product::<usize>().max(1) as f64;
                    let x = (self.above(to, carried) * share)?.broadcast_as(shape)?.contiguous()?;
                    self.arrive(from, x, carried)?;
                }
            }
        }
        Ok(())
    }

    fn up(&mut self, bundle: usize, from: usize) -> Result<Tensor> {
        let x = &self.areas[self.at.bottom_up(from)];
        self.net.trunk[bundle].up(x, true, &mut self.statistics, self.context.ops)
    }

    fn down(&mut self, bundle: usize, to: usize, carried: Carried) -> Result<Tensor> {
        let with_bias = carried == Carried::Instruction;
        let e = self.above(to, carried).clone();
        self.net.trunk[bundle].down(&e, with_bias, &mut self.statistics, self.context.ops)
    }

    /// What a set of units carries downwards.
    fn above(&self, units: usize, carried: Carried) -> &Tensor {
        &self.areas[match carried {
            Carried::Instruction => self.at.top_down(units),
            Carried::Error => self.at.error(units),
        }]
    }

    /// Drive from below reaches a set of units: rectified, then gated.
    fn fire(&mut self, units: usize, drive: Tensor, is_guided: bool) -> Result<()> {
        let area = self.at.bottom_up(units);
        let drive = self.context.preactivation(area, drive)?;
        let y = if is_guided {
            let open = ops::positive(&self.areas[self.at.top_down(units)])?;
            let open = self.through(self.at.gate(units), open, Activation::Identity)?;
            ops::gated_relu(&drive, &open)?
        } else {
            if self.net.config.mtl {
                let gate = self.at.gate(units);
                self.areas[gate] = self.areas[gate].ones_like()?;
            }
            ops::relu(&drive)?
        };
        self.areas[area] = self.context.activity(area, y)?;
        Ok(())
    }

    /// Top-down input reaches a set of units: an instruction is rectified, an error gated.
    fn arrive(&mut self, units: usize, input: Tensor, carried: Carried) -> Result<()> {
        let input = input.detach();
        match carried {
            Carried::Instruction => {
                self.through(self.at.top_down(units), input, Activation::Relu)?;
            }
            Carried::Error => {
                let area = self.at.error(units);
                let input = self.context.preactivation(area, input)?;
                let passed = ops::gate_where_positive(&input, &self.areas[self.at.bottom_up(units)])?;
                self.areas[area] = self.context.activity(area, passed)?;
            }
        }
        Ok(())
    }

    /// Through both taps of an area, which then has the value.
    fn through(&mut self, area: usize, value: Tensor, activation: Activation) -> Result<Tensor> {
        let shape = self.areas[area].dims();
        let value = if value.dims() == shape { value } else { value.reshape(shape)? };
        let value = self.context.preactivation(area, value)?;
        self.areas[area] = self.context.activity(area, ops::activate(&value, activation)?)?;
        Ok(self.areas[area].clone())
    }

    /// Down through a max-pooling: an instruction spreads over every window, an error goes to the
    /// unit that was the largest.
    fn through_pool(&mut self, from: usize, to: usize, spec: &PoolSpec, carried: Carried) -> Result<Tensor> {
        let e = self.above(to, carried).clone();
        let below = &self.areas[self.at.bottom_up(from)];
        match carried {
            Carried::Instruction => {
                let (_, channels, height, width) = below.dims4()?;
                let PoolSpec { kernel, stride, padding } = *spec;
                let ones = Tensor::ones((channels, 1, kernel, kernel), e.dtype(), e.device())?;
                let spec = ConvSpec { stride, padding, groups: channels, ..ConvSpec::default() };
                ops::conv2d_transposed(&e, &Weight::new(ones), &spec, (height, width), self.context.ops)
            }
            Carried::Error => ops::max_pool2d_back(below, &e, spec),
        }
    }
}
