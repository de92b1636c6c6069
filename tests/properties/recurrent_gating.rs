//! Invariants of the recurrent-gating networks on random weights.

use std::ops::ControlFlow;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use gainfield::Result;
use gainfield::dynamics::{
    Action, Controls, Drive, Dynamics, Frame, Instruction, Intervention, Pass, Presentation, ProtocolOptions,
    Run, Schedule, State, Workspace, find_area, rollout,
};
use gainfield::families::recurrent_gating::{Config, Variant, build, drive, initial_weights};
use gainfield::rng;
use gainfield::weights::Weights;
use serde_json::{Value, json};

/// A network of random weights, all of them away from 0 and 1.
pub struct Net {
    pub config: Config,
    pub weights: Weights,
    pub model: Arc<dyn Dynamics>,
}

impl Net {
    pub fn new(variant: Variant, values: &Value) -> Self {
        Self::try_new(variant, values).unwrap()
    }

    fn try_new(variant: Variant, values: &Value) -> Result<Self> {
        let config = Config::from_values(variant, values.as_object().unwrap())?;
        let weights = initial_weights(&config, 4)?;
        let mut jittered = Vec::new();
        for (i, (name, weight)) in weights.iter().enumerate() {
            if weight.tensor().dtype() == DType::F32 && !name.ends_with("running_var") {
                let noise = random(weight.dims(), i as u64);
                jittered.push((name.to_owned(), (weight.tensor() + ((noise - 0.5)? * 0.6)?)?));
            }
        }
        let weights = weights.with(jittered);
        Ok(Self { model: build(&config, &weights)?, config, weights })
    }

    pub fn gate(changes: Value) -> Self {
        Self::new(Variant::Gate, &gate(changes))
    }

    pub fn block(changes: Value) -> Self {
        Self::new(Variant::Block, &block(changes))
    }

    fn controls(&self) -> Controls {
        Controls::defaults(self.model.controls())
    }

    fn run(&self, drives: Vec<Drive>) -> Vec<State> {
        self.run_with(drives, &self.controls(), &[])
    }

    fn run_with(&self, drives: Vec<Drive>, controls: &Controls, changes: &[Intervention]) -> Vec<State> {
        self.try_run(drives, controls, changes).unwrap()
    }

    fn try_run(
        &self,
        drives: Vec<Drive>,
        controls: &Controls,
        interventions: &[Intervention],
    ) -> Result<Vec<State>> {
        let schedule = Schedule { drives, segments: Vec::new(), published: None };
        let model = self.model.as_ref();
        let run = Run { model, schedule: &schedule, controls, interventions, seed: 3, first_trial: 0 };
        let mut states = Vec::new();
        rollout(&run, model.rest(schedule.batch())?, 0..schedule.len(), &mut Workspace::new(), |_, _, s| {
            states.push(s.clone());
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(states)
    }

    /// Sweeps over different frames with task 1 where there is a choice.
    fn sweeps(&self, batch: usize, n: usize, pass: Pass) -> Vec<Drive> {
        let frames: Vec<_> = (0..n).map(|t| self.frame(batch, t as u64)).collect();
        frames.iter().enumerate().map(|(t, frame)| drive(frame, task(1), pass, t, n)).collect()
    }

    /// `n` sweeps over one frame and the read-out pass.
    fn still(&self, n: usize, top_down: Option<Instruction>) -> Vec<Drive> {
        let frame = self.frame(1, 0);
        let sweep = |t| drive(&frame, top_down.clone(), Pass::Sweep, t, n);
        let mut drives: Vec<Drive> = (0..n).map(sweep).collect();
        drives.push(drive(&frame, None, Pass::ReadOut, 0, 1));
        drives
    }

    fn frame(&self, batch: usize, seed: u64) -> Arc<Frame> {
        let [channels, height, width] = self.model.input_shape();
        Arc::new(Frame::new(random(&[batch, channels, height, width], 100 + seed)))
    }

    fn area(&self, name: &str) -> usize {
        find_area(self.model.areas(), name).unwrap()
    }
}

pub fn gate(changes: Value) -> Value {
    merged(
        json!({"in_dims": [2, 17, 14], "channels": [2, 3, 4, 4], "n_classes": 3, "out_dim": 5, "n_tasks": 2,
            "kernels": [5, 3, 3], "pools": [2, 1, 2], "conv_norms": [null, "layer", "instance"],
            "deconv_norms": [null, "layer", "layer"], "rnn_dims": [6, 5, 4], "task_funs": "Tanh()",
            "normalize": false, "trans_fun": "ReLU()", "residuals": [false, false, true]}),
        changes,
    )
}

pub fn block(changes: Value) -> Value {
    merged(
        json!({"in_dims": [1, 16, 24], "channels": [3, 4, 4], "n_classes": 3, "out_dim": 4, "n_tasks": 2,
            "mid_dim": 5, "first_k": 3, "residual": true}),
        changes,
    )
}

fn merged(mut values: Value, changes: Value) -> Value {
    values.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    values
}

pub fn random(dims: &[usize], seed: u64) -> Tensor {
    let mut stream = rng::stream(seed, "test image", &[]);
    let values: Vec<f32> = (0..dims.iter().product()).map(|_| rng::uniform(&mut stream) as f32).collect();
    Tensor::from_vec(values, dims, &Device::Cpu).unwrap()
}

fn task(task: usize) -> Option<Instruction> {
    Some(Instruction { task: Some(task), prompt: None })
}

fn values(tensor: &Tensor) -> Vec<f32> {
    gainfield::dynamics::flat(tensor).unwrap()
}

fn readout(state: &State) -> Vec<f32> {
    values(state.readout.as_ref().unwrap())
}

fn assert_same(a: &State, b: &State) {
    assert_eq!(readout(a), readout(b));
    for (a, b) in a.areas.iter().zip(&b.areas) {
        assert_eq!(values(a), values(b));
    }
}

fn nets() -> [Net; 4] {
    let older = block(json!({"in_dims": [3, 16, 24]}));
    [
        Net::gate(json!({})),
        Net::gate(json!({"softness": [0.5, 0.0, 1.0], "rnn_to_fc": true, "strides": [2, 1, 1]})),
        Net::block(json!({"recurrent": true, "recurrent_update": true})),
        Net::new(Variant::Resatt, &older),
    ]
}

#[test]
fn stepping_equals_running_bit_for_bit() {
    for net in nets() {
        let model = net.model.as_ref();
        let mut presentation = Presentation::held(random(&[2, 1, 1, 1], 0));
        presentation.frames = (0..3).map(|t| net.frame(2, t)).collect();
        presentation.instructions = vec![task(0), task(1), task(0)];
        let options = ProtocolOptions { timesteps: Some(4), ..Default::default() };
        let schedule = model.schedule(&presentation, &options).unwrap();
        assert_eq!(schedule.len(), 5);
        let noise = [Intervention::new("m1", "0".parse().unwrap(), Action::Noise { sd: 0.5 }, 1, Some(3))];
        let running = net.run_with(schedule.drives.clone(), &net.controls(), &noise);
        let controls = net.controls();
        let run = Run {
            model,
            schedule: &schedule,
            controls: &controls,
            interventions: &noise,
            seed: 3,
            first_trial: 0,
        };
        let mut state = model.rest(2).unwrap();
        for (t, expected) in running.iter().enumerate() {
            let go_on = |_: usize, _: &Drive, _: &State| Ok(ControlFlow::Continue(()));
            state = rollout(&run, state, t..t + 1, &mut Workspace::new(), go_on).unwrap();
            assert_same(&state, expected);
        }
    }
}

#[test]
fn every_area_has_its_announced_shape_in_every_pass() {
    for net in nets() {
        let mut drives = net.sweeps(2, 2, Pass::Sweep);
        for pass in [Pass::ReadOut, Pass::SingleSweep, Pass::FeedForward] {
            drives.extend(net.sweeps(2, 1, pass));
        }
        let states = net.run(drives);
        for state in std::iter::once(&net.model.rest(2).unwrap()).chain(&states) {
            for (area, value) in net.model.areas().iter().zip(&state.areas) {
                assert_eq!(value.dims(), [&[2], area.shape.as_slice()].concat(), "{}", area.name);
            }
        }
        for state in &states {
            assert_eq!(state.readout.as_ref().unwrap().dims(), [2, 3]);
        }
    }
}

#[test]
fn single_sweeps_equal_a_run_where_the_source_makes_no_difference() {
    let block = |norm_1st: bool| Net::block(json!({"norm_1st": norm_1st, "recurrent": true}));
    for (net, are_equal) in [(Net::gate(json!({})), true), (block(true), true), (block(false), false)] {
        let running = net.run(net.sweeps(1, 3, Pass::Sweep));
        let single = net.run(net.sweeps(1, 3, Pass::SingleSweep));
        if are_equal {
            running.iter().zip(&single).for_each(|(a, b)| assert_same(a, b));
        } else {
            assert_ne!(readout(&running[0]), readout(&single[0]));
        }
    }
}

#[test]
fn without_gain_only_recurrence_changes_the_answer_to_a_still_image() {
    let labels_over_time = |changes: Value| -> Vec<Vec<f32>> {
        let net = Net::gate(changes);
        net.run(net.still(3, task(0))).iter().map(readout).collect()
    };
    let constant = |labels: &[Vec<f32>]| labels.iter().all(|row| *row == labels[0]);
    assert!(constant(&labels_over_time(json!({"softness": 0.0, "rnn_to_fc": true}))));
    assert!(constant(&labels_over_time(json!({"softness": 0.0, "rnn_dims": [4]}))));
    assert!(!constant(&labels_over_time(json!({"softness": 0.0}))));
    assert!(!constant(&labels_over_time(json!({"softness": 0.5, "rnn_to_fc": true}))));
}

#[test]
fn samples_are_independent_unless_the_norm_is_over_the_batch() {
    let last = |changes: Value, rows: &[usize]| -> Vec<f32> {
        let net = Net::gate(changes);
        let index = Tensor::from_vec(rows.iter().map(|&row| row as u32).collect(), rows.len(), &Device::Cpu);
        let index = index.unwrap();
        let drives = net.sweeps(2, 2, Pass::Sweep).into_iter().map(|mut drive| {
            drive.frame = Arc::new(Frame::new(drive.frame.image().index_select(&index, 0).unwrap()));
            drive
        });
        readout(net.run(drives.collect()).last().unwrap())
    };
    let apart = |changes: Value| -> f32 {
        let (both, second) = (last(changes.clone(), &[0, 1]), last(changes, &[1]));
        both[3..].iter().zip(&second).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    assert!(apart(json!({})) < 1e-5);
    assert!(apart(json!({"conv_norms": [null, "batch", "layer"]})) > 1e-3);
}

#[test]
fn maps_of_the_hyperbolic_tangent_lie_within_one() {
    for net in nets() {
        for state in net.run(net.sweeps(2, 3, Pass::Sweep)) {
            for (area, value) in net.model.areas().iter().zip(&state.areas) {
                let largest = values(value).into_iter().fold(0.0f32, |top, v| top.max(v.abs()));
                assert!(!area.is_gain() || (0.0 < largest && largest <= 1.0), "{}: {largest}", area.name);
            }
        }
    }
}

#[test]
fn the_task_enters_after_the_labels_of_the_first_sweep() {
    for net in nets() {
        let runs: Vec<Vec<State>> = (0..2).map(|t| net.run(net.still(2, task(t)))).collect();
        assert_eq!(readout(&runs[0][0]), readout(&runs[1][0]));
        assert_ne!(readout(&runs[0][1]), readout(&runs[1][1]));
    }
}

#[test]
fn a_missing_or_unknown_task_is_an_error_that_names_the_tasks() {
    let mut values = gate(json!({}));
    values["tasks"] = json!({
        "Cue": {"key": 0, "loss_w": [0.0, 0.0, 1.0], "loss_s": [null, null]},
        "Search": {"key": 1, "loss_w": [0.0, 0.0, 1.0], "loss_s": [null, null], "has_prompt": true},
    });
    let net = Net::new(Variant::Gate, &values);
    assert_eq!(net.model.tasks(), ["Cue", "Search"]);
    for (instruction, found) in [(None, "none"), (task(2), "\"2\"")] {
        let outcome = net.try_run(net.still(1, instruction), &net.controls(), &[]);
        let message = outcome.unwrap_err().to_string();
        assert!(message.contains("Cue, Search") && message.contains(found), "{message}");
    }
    // A network of one task needs none and takes any.
    let single = Net::gate(json!({"n_tasks": 1}));
    let (without, with) = (single.run(single.still(1, None)), single.run(single.still(1, task(5))));
    assert_eq!(readout(&without[1]), readout(&with[1]));
}

#[test]
fn controls_do_what_an_instruction_does() {
    for net in nets() {
        let prompt = Tensor::from_vec(vec![0.0f32, 0.0, 1.0], (1, 3), &Device::Cpu).unwrap();
        let instructed = Some(Instruction { task: Some(1), prompt: Some(prompt) });
        let expected = net.run(net.still(2, instructed.clone()));
        let mut controls = net.controls();
        controls.set(net.model.controls(), "task", 1.0).unwrap();
        controls.set(net.model.controls(), "prompt", 2.0).unwrap();
        let by_control = net.run_with(net.still(2, None), &controls, &[]);
        expected.iter().zip(&by_control).for_each(|(a, b)| assert_same(a, b));
        // Taking the prompt away from the second sweep on leaves the first as it was.
        let none = Action::Set { control: "prompt".to_owned(), value: -2.0 };
        let away = [Intervention::new("", Default::default(), none, 1, None)];
        let changed = net.run_with(net.still(2, instructed), &net.controls(), &away);
        assert_same(&changed[0], &expected[0]);
        assert_ne!(values(&changed[1].areas[net.area("m0")]), values(&expected[1].areas[net.area("m0")]));
    }
}

#[test]
fn the_read_out_pass_leaves_maps_and_backward_states_as_they_are() {
    for net in nets() {
        let states = net.run(net.still(2, task(0)));
        let (sweep, read_out) = (&states[1], &states[2]);
        for (i, area) in net.model.areas().iter().enumerate() {
            if area.is_gain() || area.name.starts_with('b') && !area.name.starts_with("block") {
                assert_eq!(values(&sweep.areas[i]), values(&read_out.areas[i]), "{}", area.name);
            }
        }
        assert_ne!(readout(sweep), readout(read_out));
    }
}

#[test]
fn interventions_reach_every_area_at_both_taps() {
    for net in nets() {
        let baseline = net.run(net.still(2, task(0)));
        for (index, area) in net.model.areas().iter().enumerate() {
            let on =
                |action: Action| [Intervention::new(&area.name, "0".parse().unwrap(), action, 0, Some(1))];
            let silenced = net.run_with(net.still(2, task(0)), &net.controls(), &on(Action::Silence));
            let per_channel = area.map_shape()[1] * area.map_shape()[2];
            assert!(
                values(&silenced[0].areas[index])[..per_channel].iter().all(|&v| v == 0.0),
                "{}",
                area.name
            );
            let current = on(Action::Current { value: 4.0 });
            let excited = net.run_with(net.still(2, task(0)), &net.controls(), &current);
            let (before, after) = (values(&baseline[0].areas[index]), values(&excited[0].areas[index]));
            assert_ne!(before[..per_channel], after[..per_channel], "{}", area.name);
            assert_eq!(before[per_channel..], after[per_channel..], "{}", area.name);
        }
    }
}

#[test]
fn the_forgotten_recurrent_states_of_the_published_code_can_be_kept() {
    let runs = [false, true].map(|keeps| {
        let net = Net::block(json!({"recurrent": true, "recurrent_update": keeps}));
        net.run(net.still(2, task(0)))
    });
    assert_same(&runs[0][0], &runs[1][0]);
    assert_ne!(readout(&runs[0][1]), readout(&runs[1][1]));
}

#[test]
fn the_configuration_survives_the_file_that_the_reference_reads() {
    for net in nets() {
        let written = net.config.model_params();
        let again = Config::from_values(net.config.variant, written.as_object().unwrap()).unwrap();
        // Ours alone: not a key of the reference.
        let expected = match net.config.table.get("recurrent_update") {
            Some(_) => net.config.with("recurrent_update", false).unwrap(),
            None => net.config.clone(),
        };
        assert_eq!(again.network, expected.network);
    }
}
