//! The attention protocol as timesteps: stepping, branching, inhibition, picks and labels.

use std::ops::ControlFlow;

use candle_core::{DType, Device, Tensor};
use gainfield::dynamics::{
    Action, Controls, Dynamics, Intervention, LabelSet, Presentation, ProtocolOptions, Run, Schedule,
    SegmentKind, State, Units, Workspace, find_area, rollout,
};
use gainfield::families::object_attention::{Config, build, initial_weights};
use gainfield::stimulus::{Split, procedural_digits::procedural_digits};
use gainfield::task::digit_pairs::DigitPairs;

struct Setup {
    model: std::sync::Arc<dyn Dynamics>,
    schedule: Schedule,
    controls: Controls,
    labels: LabelSet,
}

fn presentation(objects: usize, batch: usize) -> (Presentation, LabelSet) {
    let digits = procedural_digits(1, Split::Train, 40);
    let task = DigitPairs { n: objects, ..DigitPairs::default() };
    let composed = task.batch(&digits, &(0..batch).collect::<Vec<_>>(), 3, 0).unwrap();
    let tensor = |values: &[f32], shape: &[usize]| Tensor::from_slice(values, shape, &Device::Cpu).unwrap();
    let x = tensor(composed.x.as_slice().unwrap(), composed.x.shape());
    let targets = tensor(composed.targets.as_slice().unwrap(), composed.targets.shape());
    let labels = composed.labels.outer_iter().map(|row| row.iter().map(|&l| i64::from(l)).collect());
    let labels = LabelSet::PerObject(labels.collect());
    (Presentation { target: Some(targets), ..Presentation::held(x) }, labels)
}

fn setup(objects: usize, batch: usize) -> Setup {
    let config = Config::digits(objects);
    let model = build(&config, &initial_weights(&config, 11).unwrap()).unwrap();
    let (presentation, labels) = presentation(objects, batch);
    let schedule = model.schedule(&presentation, &ProtocolOptions::default()).unwrap();
    let controls = Controls::defaults(model.controls());
    Setup { model, schedule, controls, labels }
}

impl Setup {
    fn states(&self, interventions: &[Intervention], from: usize, start: State) -> Vec<State> {
        let run = Run {
            model: self.model.as_ref(),
            schedule: &self.schedule,
            controls: &self.controls,
            interventions,
            seed: 5,
            first_trial: 0,
        };
        let mut states = Vec::new();
        rollout(&run, start, from..self.schedule.len(), &mut Workspace::new(), |_, _, state| {
            states.push(state.clone());
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        states
    }

    fn run(&self, interventions: &[Intervention]) -> Vec<State> {
        let rest = self.model.rest(self.schedule.batch()).unwrap();
        self.states(interventions, 0, rest)
    }

    fn area(&self, name: &str) -> usize {
        find_area(self.model.areas(), name).unwrap()
    }

    fn memory(&self, name: &str) -> usize {
        self.model.memory().iter().position(|known| known == name).unwrap()
    }
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

fn assert_same(a: &State, b: &State) {
    assert_eq!(a.t, b.t);
    let tensors = |state: &State| -> Vec<Vec<f64>> {
        state.areas.iter().chain(&state.memory).chain(&state.readout).map(numbers).collect()
    };
    assert_eq!(tensors(a), tensors(b));
}

#[test]
fn stepping_and_branching_equal_running_bit_for_bit() {
    let setup = setup(2, 2);
    let noise = [Intervention::new("conv1_out", Units::all(), Action::Noise { sd: 0.05 }, 2, Some(9))];
    let running = setup.run(&noise);
    assert_eq!(running.len(), 10);
    for from in 1..10 {
        let branch = setup.states(&noise, from, running[from - 1].clone());
        for (branched, ran) in branch.iter().zip(&running[from..]) {
            assert_same(branched, ran);
        }
    }
}

#[test]
fn a_phase_starts_open_and_keeps_only_the_inhibition() {
    let setup = setup(2, 3);
    let states = setup.run(&[]);
    let image = setup.schedule.drives[0].frame.image();
    let (input, inhibition) = (setup.area("in"), setup.area("ior.conv1_in"));
    for t in [0, 5] {
        assert_eq!(numbers(&states[t].areas[input]), numbers(image), "pass {t} is not gated");
    }
    assert!(numbers(&states[4].areas[inhibition]).iter().all(|&m| m == 0.0));
    // From the gate after the last pass but one, not after the last.
    let gate = numbers(&states[3].areas[setup.area("gate.conv1_in")]);
    let wanted: Vec<f64> = gate.iter().map(|&g| f64::from(u8::from(g < 0.5))).collect();
    let next = setup.memory("next_inhibition.conv1_in");
    assert!(numbers(&states[3].memory[next]).iter().all(|&m| m == 0.0));
    assert_eq!(numbers(&states[4].memory[next]), wanted);
    assert_eq!(numbers(&states[5].areas[inhibition]), wanted);
    let filled = numbers(&states[5].areas[setup.area("gate.conv1_in")]);
    assert!(filled.iter().zip(&wanted).all(|(&g, &m)| m == 0.0 || g == 1.0));
}

#[test]
fn every_object_is_picked_once_and_scores_its_label() {
    let setup = setup(3, 4);
    let states = setup.run(&[]);
    let LabelSet::PerObject(labels) = &setup.labels else { panic!("labels are per object") };
    let pick = setup.memory("pick");
    let mut picked = vec![Vec::new(); 4];
    for (drive, state) in setup.schedule.drives.iter().zip(&states) {
        let scored = setup.model.scored_labels(&setup.labels, drive, state).unwrap();
        if drive.pass_index < 4 {
            assert!(scored.is_none());
            assert!(numbers(&state.memory[pick]).iter().all(|&object| object == -1.0));
            continue;
        }
        for (trial, label) in scored.unwrap().into_iter().enumerate() {
            let object = numbers(&state.memory[pick])[trial] as usize;
            assert_eq!(label, labels[object][trial]);
            picked[trial].push(object);
        }
    }
    for mut objects in picked {
        objects.sort_unstable();
        assert_eq!(objects, [0, 1, 2]);
    }
}

#[test]
fn without_targets_nothing_is_picked_and_the_gates_are_the_same() {
    let with = setup(2, 2);
    let mut without = setup(2, 2);
    for drive in &mut without.schedule.drives {
        drive.target = None;
    }
    let (a, b) = (with.run(&[]), without.run(&[]));
    for (a, b) in a.iter().zip(&b) {
        assert_eq!(numbers(a.readout.as_ref().unwrap()), numbers(b.readout.as_ref().unwrap()));
    }
    let last = without.schedule.drives.last().unwrap();
    assert!(without.model.scored_labels(&without.labels, last, &b[9]).unwrap().is_none());
}

#[test]
fn at_strength_zero_every_pass_is_the_first() {
    let mut setup = setup(2, 2);
    let controls = setup.model.controls().to_vec();
    setup.controls.set(&controls, "strength", 0.0).unwrap();
    let states = setup.run(&[]);
    for state in &states {
        assert_eq!(numbers(state.readout.as_ref().unwrap()), numbers(states[0].readout.as_ref().unwrap()));
    }
}

#[test]
fn a_clamped_gate_acts_in_every_pass_and_a_clamped_inhibition_fills_it() {
    let setup = setup(2, 1);
    let image = numbers(setup.schedule.drives[0].frame.image());
    let clamp = |area: &str, value| [Intervention::new(area, Units::all(), Action::Clamp { value }, 0, None)];
    for state in setup.run(&clamp("gate.conv1_in", 1.0)) {
        let gated = numbers(&state.areas[setup.area("in")]);
        assert!(gated.iter().zip(&image).all(|(g, x)| (g - 0.8 * x).abs() < 1e-6));
    }
    for state in setup.run(&clamp("ior.*", 1.0)) {
        assert!(numbers(&state.areas[setup.area("gate.conv2_in")]).iter().all(|&gate| gate == 1.0));
    }
}

#[test]
fn other_numbers_of_timesteps_cut_or_add_phases() {
    let config = Config::digits(2);
    let model = build(&config, &initial_weights(&config, 1).unwrap()).unwrap();
    let (presentation, _) = presentation(2, 1);
    let schedule = |timesteps| {
        model.schedule(&presentation, &ProtocolOptions { timesteps, ..Default::default() }).unwrap()
    };
    assert!(!schedule(None).is_off_protocol());
    let short = schedule(Some(7));
    assert!(short.is_off_protocol());
    assert_eq!(short.drives.last().unwrap().pass_index, 1);
    let scored = short.segments.iter().filter(|segment| segment.kind == SegmentKind::Scored);
    assert_eq!(scored.map(|segment| (segment.from, segment.to)).collect::<Vec<_>>(), [(4, 5)]);
    assert_eq!(schedule(Some(12)).drives.last().unwrap().phase, 2);
}

#[test]
fn stimuli_and_states_of_another_shape_are_refused() {
    let setup = setup(2, 2);
    let (three, _) = presentation(3, 2);
    let schedule = setup.model.schedule(&three, &ProtocolOptions::default()).unwrap();
    let run = Run::plain(setup.model.as_ref(), &schedule, &setup.controls);
    let go = |schedule: &Schedule, start: State| {
        let run = Run { schedule, ..run };
        rollout(&run, start, 0..1, &mut Workspace::new(), |_, _, _| Ok(ControlFlow::Continue(())))
            .unwrap_err()
    };
    let message = go(&schedule, setup.model.rest(2).unwrap()).to_string();
    assert!(message.contains("[batch, 1, 28, 42]") && message.contains("56"), "{message}");
    go(&setup.schedule, setup.model.rest(3).unwrap());
}
