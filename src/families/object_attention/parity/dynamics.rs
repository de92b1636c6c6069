//! Kinds `mnist_dynamics` and `coco_dynamics`: every pass of the protocol.

use candle_core::Tensor;

use super::super::analysis::gate_contrast;
use super::super::areas::MemoryIndex;
use super::super::protocol::picked;
use super::super::train::predictions;
use super::super::{Batch, Variant};
use super::thinned::Thinning;
use super::{Network, given_batch, integers, stacked, states};
use crate::dynamics::{Drive, Dynamics as _, State, find_area, flat};
use crate::error::Result;
use crate::parity::{Array, GoldenInputs, Recomputed, Value};

/// Areas kept over all passes, under which name.
const DIGIT_PASSES: [(&str, &str); 4] = [
    ("latent.in", "in"),
    ("hidden.conv1_in", "gate.conv1_in"),
    ("latent.maxpool2_out", "maxpool2_out"),
    ("hidden.linear_in", "linear_in"),
];
const PHOTOGRAPH_PASSES: [(&str, &str); 3] = [
    ("latent.conv4_out", "conv4_out"),
    ("latent.maxpool4_out", "maxpool4_out"),
    ("hidden.linear_in", "linear_in"),
];

/// Areas kept of some passes.
const DIGIT_FRAMES: [(&str, &str, Thinning); 4] = [
    ("conv1_out", "conv1_out", Thinning::Full),
    ("conv2_out", "conv2_out", Thinning::Full),
    ("maxpool1_out", "maxpool1_out", Thinning::Full),
    ("hidden_conv2_in", "gate.conv2_in", Thinning::Full),
];
const PHOTOGRAPH_FRAMES: [(&str, &str, Thinning); 8] = [
    ("in", "in", Thinning::Rows),
    ("conv1_out", "conv1_out", Thinning::Stride(8)),
    ("conv2_out", "conv2_out", Thinning::Stride(5)),
    ("conv3_out", "conv3_out", Thinning::Stride(3)),
    ("hidden_conv1_in", "gate.conv1_in", Thinning::FirstChannel),
    ("hidden_conv2_in", "gate.conv2_in", Thinning::Stride(6)),
    ("hidden_conv3_in", "gate.conv3_in", Thinning::Stride(3)),
    ("hidden_conv4_in", "gate.conv4_in", Thinning::Full),
];

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let network = Network::load(inputs)?;
    let batch = given_batch(inputs)?;
    let n_stages = network.config.variant.n_stages();
    let memory = MemoryIndex::new(n_stages);
    let passes = network.config.passes;
    // Thresholded maps hang on rounding errors; those given are used from the second phase on.
    let steps = states(&network, &batch, |t, state| {
        for stage in (0..n_stages).filter(|_| t == passes) {
            let name = format!("held_p1.conv{}_in", stage + 1);
            if inputs.has(&name) {
                let next = &mut state.memory[memory.next(stage)];
                *next = inputs.tensor(&name)?.to_dtype(next.dtype())?;
            }
        }
        Ok(())
    })?;
    let reader = Reader { inputs, network: &network, batch: &batch, steps: &steps };
    let mut recomputed = Recomputed::new();
    reader.passes(&mut recomputed)?;
    reader.frames(&mut recomputed)?;
    reader.inhibition(&mut recomputed)?;
    reader.picks(&mut recomputed)?;
    reader.gating(&mut recomputed)?;
    Ok(recomputed)
}

struct Reader<'a> {
    inputs: &'a GoldenInputs,
    network: &'a Network,
    batch: &'a Batch,
    steps: &'a [(Drive, State)],
}

impl Reader<'_> {
    fn is_digits(&self) -> bool {
        self.network.config.variant == Variant::Digits
    }

    fn area(&self, state: &State, name: &str) -> Result<Tensor> {
        Ok(state.areas[find_area(self.network.model.areas(), name)?].clone())
    }

    fn memory(&self) -> MemoryIndex {
        MemoryIndex::new(self.network.config.variant.n_stages())
    }

    /// States at the ends of the phases.
    fn ends(&self) -> impl Iterator<Item = &State> {
        let ends = self.steps.iter().filter(|(drive, _)| drive.pass_index + 1 == drive.n_passes);
        ends.map(|(_, state)| state)
    }

    fn over_passes(&self, area: &str) -> Result<Array> {
        let maps: Vec<Tensor> =
            self.steps.iter().map(|(_, state)| self.area(state, area)).collect::<Result<_>>()?;
        stacked(&maps, &[self.network.config.phases, self.network.config.passes])
    }

    fn passes(&self, recomputed: &mut Recomputed) -> Result<()> {
        recomputed.insert("logits", self.over_passes("linear_out")?);
        if !self.is_digits() {
            for (name, area) in PHOTOGRAPH_PASSES {
                recomputed.insert(name, self.over_passes(area)?);
            }
            return Ok(());
        }
        let (always, larger) = DIGIT_PASSES.split_at(2);
        for (name, area) in always {
            recomputed.insert(*name, self.over_passes(area)?);
        }
        // Only the smaller networks' files have these, and then both.
        if larger.iter().any(|(name, _)| self.inputs.stores(name)) {
            for (name, area) in larger {
                recomputed.insert(*name, self.over_passes(area)?);
            }
        }
        Ok(())
    }

    /// A pass is stored with all its areas; of the photographs' pass before the last, only the gate
    /// that decides the inhibition.
    fn frames(&self, recomputed: &mut Recomputed) -> Result<()> {
        let frames: &[(&str, &str, Thinning)] =
            if self.is_digits() { &DIGIT_FRAMES } else { &PHOTOGRAPH_FRAMES };
        for (drive, state) in self.steps {
            let (phase, pass) = (drive.phase, drive.pass_index);
            let is_last = pass + 1 == drive.n_passes;
            let is_always = pass == 0 && phase == 0 || is_last && phase + 1 == self.network.config.phases;
            let is_deciding = !self.is_digits() && pass + 2 == drive.n_passes;
            let mut values: Vec<(String, Value)> = Vec::with_capacity(frames.len());
            for (name, area, thinning) in frames {
                if is_deciding && *area != "gate.conv1_in" {
                    continue;
                }
                let name = format!("frame.p{phase}t{pass}.{name}{}", thinning.suffix());
                let map = thinning.apply(&self.area(state, area)?)?;
                values.push((name, Array::from_tensor(&map)?.into()));
            }
            if is_always || is_deciding || values.iter().any(|(name, _)| self.inputs.stores(name)) {
                recomputed.insert_one_of([values]);
            }
        }
        Ok(())
    }

    /// Maps of all phases, and what the last leaves: the first is zero.
    fn inhibition(&self, recomputed: &mut Recomputed) -> Result<()> {
        for stage in 0..self.network.config.variant.n_stages() {
            let next: Vec<&Tensor> =
                self.ends().map(|state| &state.memory[self.memory().next(stage)]).collect();
            let mut maps = vec![next[0].zeros_like()?];
            maps.extend(next.into_iter().cloned());
            let maps = Tensor::stack(&maps, 0)?;
            let bytes = |maps: &Tensor| Array::from_tensor(&maps.to_dtype(candle_core::DType::U8)?);
            let name = format!("ior.conv{}_in", stage + 1);
            if self.is_digits() {
                recomputed.insert(name, bytes(&maps)?);
                continue;
            }
            // First and last in full (the first without its equal channels), the others counted.
            if stage == 0 {
                let first = maps.narrow(2, 0, 1)?.squeeze(2)?;
                recomputed.insert(format!("{name}_ch0"), bytes(&first)?);
            } else if stage + 1 == self.network.config.variant.n_stages() {
                recomputed.insert(name, bytes(&maps)?);
            } else {
                let counts = maps.flatten_from(3)?.sum(3)?;
                recomputed.insert(format!("{name}_count"), Array::from_tensor(&counts)?);
            }
        }
        Ok(())
    }

    fn picks(&self, recomputed: &mut Recomputed) -> Result<()> {
        let mut picks = Vec::new();
        let mut labels = Vec::new();
        let mut predicted = Vec::new();
        let mut distances = Vec::new();
        for state in self.ends() {
            let pick: Vec<i64> = state.memory[self.memory().pick()].to_vec1()?;
            labels.push(picked(&self.batch.labels, &pick)?);
            predicted.push(predictions(&self.area(state, "linear_out")?)?);
            distances.push(state.memory[self.memory().distance()].clone());
            picks.push(pick);
        }
        recomputed.insert("select", integers(&picks)?);
        recomputed.insert("selected_label", integers(&labels)?);
        recomputed.insert("pred", integers(&predicted)?);
        recomputed.insert("distance", stacked(&distances, &[distances.len()])?);
        Ok(())
    }

    /// The gate that decides, on the picked object and elsewhere, averaged over the phases.
    fn gating(&self, recomputed: &mut Recomputed) -> Result<()> {
        if self.is_digits() {
            return Ok(());
        }
        let n = self.batch.len();
        let (x, targets) = (flat(&self.batch.x)?, flat(&self.batch.targets)?);
        let size = x.len() / n.max(1);
        let mut sums = [vec![0.0; n], vec![0.0; n]];
        let passes = self.network.config.passes;
        let phases = self.network.config.phases;
        for (phase, end) in self.ends().enumerate() {
            let Some((_, deciding)) =
                (phase * passes + passes).checked_sub(2).and_then(|t| self.steps.get(t))
            else {
                continue;
            };
            let gate = flat(&self.area(deciding, "gate.conv1_in")?)?;
            let pick: Vec<i64> = end.memory[self.memory().pick()].to_vec1()?;
            for (trial, &object) in pick.iter().enumerate() {
                let Ok(object) = usize::try_from(object) else { continue };
                let part = |values: &[f32], index: usize| values[index * size..][..size].to_vec();
                let strength = self.batch.target_strength as f32;
                let target = part(&targets, object * n + trial);
                let contrast = gate_contrast(&part(&x, trial), &target, &part(&gate, trial), strength);
                sums[0][trial] += contrast.attended / phases as f64;
                sums[1][trial] += contrast.unattended / phases as f64;
            }
        }
        let [attended, unattended] = sums;
        recomputed.insert("gating_attended", Array::f64(&[n], attended)?);
        recomputed.insert("gating_unattended", Array::f64(&[n], unattended)?);
        Ok(())
    }
}
