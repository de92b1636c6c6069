//! Instructed networks: gates, errors, interventions, and what is refused.

use std::ops::ControlFlow;

use candle_core::{DType, Device, Tensor};
use gainfield::dynamics::{
    Action, Controls, Dynamics, Instruction, Intervention, LabelSet, Pass, Presentation, ProtocolOptions,
    Run, State, Units, Workspace, find_area, flat, rollout,
};
use gainfield::families::counter_hebb::{Config, CounterHebb, InitOptions, initial_weights};
use gainfield::rng;
use serde_json::json;

fn network(values: serde_json::Value) -> CounterHebb {
    let config = Config::from_values(values.as_object().unwrap()).unwrap();
    CounterHebb::new(&config, &initial_weights(&config, 5, &InitOptions::default()).unwrap()).unwrap()
}

fn simple() -> CounterHebb {
    network(
        json!({"network_name": "simple net", "mtl": true, "task_embedding_size": 8, "conv_channels": [4, 5]}),
    )
}

fn shown(model: &dyn Dynamics, batch: usize) -> Presentation {
    let [channels, height, width] = model.input_shape();
    let mut rng = rng::stream(1, "pixels", &[]);
    let n = batch * channels * height * width;
    let pixels: Vec<f32> = (0..n).map(|_| rng::uniform(&mut rng) as f32).collect();
    Presentation::held(Tensor::from_vec(pixels, (batch, channels, height, width), &Device::Cpu).unwrap())
}

fn instructed(model: &dyn Dynamics, task: usize) -> Presentation {
    let instruction = Instruction { task: Some(task), prompt: None };
    Presentation { instructions: vec![Some(instruction)], ..shown(model, 3) }
}

fn states(
    model: &dyn Dynamics,
    presentation: &Presentation,
    interventions: &[Intervention],
    timesteps: Option<usize>,
) -> gainfield::Result<Vec<State>> {
    let options = ProtocolOptions { timesteps, ..ProtocolOptions::default() };
    let schedule = model.schedule(presentation, &options)?;
    let controls = Controls::defaults(model.controls());
    let run = Run { model, schedule: &schedule, controls: &controls, interventions, seed: 0, first_trial: 0 };
    let mut states = Vec::new();
    let rest = model.rest(schedule.batch())?;
    rollout(&run, rest, 0..schedule.len(), &mut Workspace::new(), |_, _, state| {
        states.push(state.clone());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(states)
}

fn area(model: &dyn Dynamics, state: &State, name: &str) -> Vec<f32> {
    flat(&state.areas[find_area(model.areas(), name).unwrap()]).unwrap()
}

#[test]
fn units_fire_only_where_the_instruction_opened_their_gate() {
    let model = simple();
    let run = states(&model, &instructed(&model, 1), &[], None).unwrap();
    assert_eq!(run.len(), 3);
    assert!(run[0].readout.is_none() && run[1].readout.is_some() && run[2].readout.is_none());
    for name in ["_conv1", "_conv1_pool", "_conv2", "_conv2_pool", "_fc"] {
        let instruction = area(&model, &run[0], &format!("td.{name}"));
        let gate = area(&model, &run[1], &format!("gate.{name}"));
        let activity = area(&model, &run[1], name);
        let error = area(&model, &run[2], &format!("err.{name}"));
        let mut n_open = 0;
        for unit in 0..gate.len() {
            assert_eq!(gate[unit], f32::from(instruction[unit] > 0.0));
            assert!(activity[unit] == 0.0 || gate[unit] == 1.0);
            assert!(error[unit] == 0.0 || activity[unit] > 0.0);
            n_open += usize::from(gate[unit] == 1.0);
        }
        assert!(n_open > 0 && n_open < gate.len(), "{name}: {n_open} of {}", gate.len());
    }
}

#[test]
fn the_two_instructions_select_different_units() {
    let model = simple();
    let gates = |task| {
        let run = states(&model, &instructed(&model, task), &[], None).unwrap();
        area(&model, &run[1], "gate._fc")
    };
    assert_ne!(gates(0), gates(1));
}

#[test]
fn open_gates_are_no_instruction() {
    let model = simple();
    let open = Intervention::new("gate.*", Units::all(), Action::Clamp { value: 1.0 }, 0, None);
    let guided = states(&model, &instructed(&model, 0), &[open], None).unwrap();
    let none = Action::Set { control: "instruction".to_owned(), value: 1.0 };
    let none = Intervention::new("", Units::all(), none, 0, None);
    let plain = states(&model, &shown(&model, 3), &[none], None).unwrap();
    assert_eq!(
        flat(guided[1].readout.as_ref().unwrap()).unwrap(),
        flat(plain[1].readout.as_ref().unwrap()).unwrap()
    );
    assert!(area(&model, &plain[1], "gate._fc").iter().all(|&gate| gate == 1.0));
    assert!(area(&model, &plain[1], "td._fc").iter().all(|&activity| activity == 0.0));
}

#[test]
fn silencing_an_area_silences_it_in_its_own_pass() {
    let model = simple();
    for (name, t) in [("td._conv2", 0), ("_conv2", 1), ("err._conv2", 2), ("td.task_head.0", 0), ("in", 1)] {
        let silence = Intervention::new(name, Units::all(), Action::Silence, 0, None);
        let run = states(&model, &instructed(&model, 0), &[silence], None).unwrap();
        assert!(area(&model, &run[t], name).iter().all(|&value| value == 0.0), "{name}");
    }
    let silence = Intervention::new("td._conv2", Units::all(), Action::Silence, 0, None);
    let run = states(&model, &instructed(&model, 0), &[silence], None).unwrap();
    assert!(area(&model, &run[1], "_conv2").iter().all(|&value| value == 0.0), "no gate is open");
}

#[test]
fn the_error_pass_compares_with_the_labels_or_with_the_own_answer() {
    let model = simple();
    let mut presentation = instructed(&model, 0);
    let own = states(&model, &presentation, &[], None).unwrap();
    let answers: Vec<u32> = own[1].readout.as_ref().unwrap().argmax(1).unwrap().to_vec1().unwrap();
    let labels = |shift: i64| {
        let labels: Vec<i64> = answers.iter().map(|&answer| (i64::from(answer) + shift) % 10).collect();
        Some(Tensor::new(labels.as_slice(), &Device::Cpu).unwrap())
    };
    presentation.target = labels(0);
    let told = states(&model, &presentation, &[], None).unwrap();
    let errors = |run: &[State]| area(&model, &run[2], "err.head_layer");
    assert_eq!(errors(&own), errors(&told));
    presentation.target = labels(1);
    let wrong = states(&model, &presentation, &[], None).unwrap();
    assert_ne!(errors(&own), errors(&wrong));
}

#[test]
fn cycles_repeat_bit_for_bit() {
    let model = simple();
    let run = states(&model, &instructed(&model, 0), &[], Some(5)).unwrap();
    let logits = |state: &State| flat(state.readout.as_ref().unwrap()).unwrap();
    assert_eq!(logits(&run[1]), logits(&run[4]));
}

#[test]
fn a_single_task_network_predicts_at_once() {
    let model = network(json!({"network_name": "tiny resnet", "in_shape": [1, 12, 12], "norm_layer": null}));
    let presentation = shown(&model, 2);
    let run = states(&model, &presentation, &[], None).unwrap();
    assert!(run.len() == 2 && run[0].readout.is_some());
    let schedule = model.schedule(&presentation, &ProtocolOptions::default()).unwrap();
    assert_eq!(schedule.drives[0].pass, Pass::FeedForward);
    let labels = LabelSet::PerTimestep(vec![vec![1, 2]]);
    assert!(model.scored_labels(&labels, &schedule.drives[0], &run[0]).unwrap().is_some());
    assert!(model.scored_labels(&labels, &schedule.drives[1], &run[1]).unwrap().is_none());
}

#[test]
fn running_statistics_follow_the_batch_only_when_asked() {
    let model = network(json!({"network_name": "tiny resnet", "in_shape": [1, 12, 12], "norm_layer": null}));
    let rest = model.rest(2).unwrap();
    let still = states(&model, &shown(&model, 2), &[], None).unwrap();
    let at = model.memory().iter().position(|name| name == "core_net.bn1.running_mean").unwrap();
    let mean = |state: &State| flat(&state.memory[at]).unwrap();
    assert_eq!(mean(&rest), mean(&still[1]));
    let set = Action::Set { control: "batch_statistics".to_owned(), value: 1.0 };
    let set = Intervention::new("", Units::all(), set, 0, None);
    let moved = states(&model, &shown(&model, 2), &[set], None).unwrap();
    assert_ne!(mean(&rest), mean(&moved[0]));
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let model = simple();
    let message = states(&model, &shown(&model, 3), &[], None).unwrap_err().to_string();
    assert!(message.starts_with("instruction must be") && message.contains("left, right"), "{message}");
    let message = states(&model, &instructed(&model, 2), &[], None).unwrap_err().to_string();
    assert!(message.starts_with("task must be below 2"), "{message}");
    let prompt = Some(Tensor::zeros((3, 5), DType::F32, &Device::Cpu).unwrap());
    let long = Instruction { task: None, prompt };
    let long = Presentation { instructions: vec![Some(long)], ..shown(&model, 3) };
    let message = states(&model, &long, &[], None).unwrap_err().to_string();
    assert!(message.starts_with("instruction: expected shape [3, 2]"), "{message}");
    for shape in [(3, 1, 28, 27), (3, 3, 28, 28)] {
        let wrong = Presentation::held(Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap());
        let message = states(&model, &wrong, &[], None).unwrap_err().to_string();
        assert!(message.contains("stimulus") && message.contains("[batch, 1, 28, 28]"), "{message}");
    }
}

#[test]
fn decoders_need_an_instruction() {
    let model = network(
        json!({"network_name": "fc net", "mtl": true, "multi_decoders": true, "last_hidden_size": 9}),
    );
    let run = states(&model, &instructed(&model, 1), &[], None).unwrap();
    assert_eq!(run[1].readout.as_ref().unwrap().dims(), [3, 10]);
    let errors = area(&model, &run[2], "err.head_layer");
    assert!(
        errors
            .chunks(20)
            .all(|row| row[..10].iter().all(|&e| e == 0.0) && row[10..].iter().any(|&e| e != 0.0))
    );
    let none = Action::Set { control: "instruction".to_owned(), value: 1.0 };
    let none = Intervention::new("", Units::all(), none, 0, None);
    let message = states(&model, &shown(&model, 3), &[none], None).unwrap_err().to_string();
    assert!(message.contains("decoder"), "{message}");
}
