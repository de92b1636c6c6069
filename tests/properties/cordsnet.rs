//! Invariants of CordsNet: order of responses, taps, equality of paths, memory of the full-size network.

use std::ops::ControlFlow;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use gainfield::dynamics::{
    Action, Controls, Dynamics as _, Frame, Intervention, Presentation, ProtocolOptions, Run, State, Units,
    Workspace, flat, onset, rollout,
};
use gainfield::families::cordsnet::{
    Config, CordsNet, Dataset, Stage, generate, uniform, without_weight_norm,
};
use gainfield::recording::{RecordPlan, Recorder};
use gainfield::weights::Weights;

fn config(stage: Stage, depth: usize) -> Config {
    Config { normalise: false, ..Config::new(stage, Dataset::Cifar10, depth, 4, 32) }
}

fn image(config: &Config, batch: usize) -> Tensor {
    let dims = [batch, config.image_channels, config.image_side, config.image_side];
    let values: Vec<f32> = uniform("picture", 1, dims.iter().product()).collect();
    Tensor::from_vec(values, dims.as_slice(), &Device::Cpu).unwrap()
}

/// All states of a run of what is shown.
fn states(config: &Config, weights: &Weights, shown: &Presentation, changes: &[Intervention]) -> Vec<State> {
    let model = CordsNet::new(config, weights).unwrap();
    let schedule = model.schedule(shown, &ProtocolOptions::default()).unwrap();
    let controls = Controls::defaults(model.controls());
    let run = Run {
        model: &model,
        schedule: &schedule,
        controls: &controls,
        interventions: changes,
        seed: 3,
        first_trial: 0,
    };
    let mut states = Vec::new();
    let rest = model.rest(schedule.batch()).unwrap();
    rollout(&run, rest, 0..schedule.len(), &mut Workspace::new(), |_, _, state| {
        states.push(state.clone());
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    states
}

fn difference(a: &Tensor, b: &Tensor) -> f32 {
    let (a, b) = (flat(a).unwrap(), flat(b).unwrap());
    assert_eq!(a.len(), b.len());
    a.iter().zip(&b).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()))
}

#[test]
fn one_pair_of_areas_responds_per_timestep_after_onset() {
    let config = Config { warm_up: 6, timesteps: 6, ..config(Stage::Final, 8) };
    let weights = generate(&config, 1).unwrap();
    let seen = states(&config, &weights, &Presentation::held(image(&config, 1)), &[]);
    let blank = Arc::new(Frame::blank(1, [3, 32, 32]).unwrap());
    let shown = Presentation { frames: vec![blank; 6], ..Presentation::held(image(&config, 1)) };
    let without = states(&config, &weights, &shown, &[]);
    for area in 0..8 {
        let first = (0..12).find(|&t| difference(&seen[t].areas[area], &without[t].areas[area]) > 0.0);
        assert_eq!(first, Some(6 + area / 2), "area {area}");
    }
}

#[test]
fn a_blank_is_a_picture_of_normalised_zeros() {
    let config = Config { warm_up: 3, timesteps: 5, ..config(Stage::Final, 4) };
    let weights = generate(&config, 2).unwrap();
    let zeros = Presentation::held(image(&config, 2).zeros_like().unwrap());
    let blank = Arc::new(Frame::blank(2, [3, 32, 32]).unwrap());
    let nothing = Presentation { frames: vec![blank], ..zeros.clone() };
    let pairs =
        states(&config, &weights, &zeros, &[]).into_iter().zip(states(&config, &weights, &nothing, &[]));
    for (a, b) in pairs {
        for (a, b) in a.areas.iter().zip(&b.areas) {
            assert_eq!(difference(a, b), 0.0);
        }
    }
}

#[test]
fn trials_that_are_alike_are_computed_once_with_the_same_result() {
    let config = Config { warm_up: 8, timesteps: 4, ..config(Stage::Parametric, 4) };
    let weights = generate(&config, 3).unwrap();
    let picture = image(&config, 3);
    let together = states(&config, &weights, &Presentation::held(picture.clone()), &[]);
    // An intervention that changes nothing makes every trial go its own way.
    let scale = Intervention::new("area*", Units::all(), Action::Scale { factor: 1.0 }, 0, None);
    let apart = states(&config, &weights, &Presentation::held(picture.clone()), &[scale]);
    let alone = states(&config, &weights, &Presentation::held(picture.narrow(0, 1, 1).unwrap()), &[]);
    for ((together, apart), alone) in together.iter().zip(&apart).zip(&alone) {
        for (area, values) in together.areas.iter().enumerate() {
            assert_eq!(difference(values, &apart.areas[area]), 0.0);
            assert!(difference(&values.narrow(0, 1, 1).unwrap(), &alone.areas[area]) < 1e-5);
        }
        assert!(difference(together.readout.as_ref().unwrap(), apart.readout.as_ref().unwrap()) < 1e-6);
    }
}

#[test]
fn a_silenced_area_is_silent_and_current_enters_before_the_nonlinearity() {
    let config = Config { warm_up: 2, timesteps: 3, ..config(Stage::Final, 4) };
    let weights = generate(&config, 4).unwrap();
    let shown = Presentation::held(image(&config, 2));
    let silence = Intervention::new("area2", Units::all(), Action::Silence, 1, None);
    let silenced = states(&config, &weights, &shown, &[silence]);
    assert!(flat(&silenced[4].areas[2]).unwrap().iter().all(|&rate| rate == 0.0));
    assert!(flat(&silenced[4].areas[3]).unwrap().iter().any(|&rate| rate > 0.0));
    let plain = states(&config, &weights, &shown, &[]);
    let strong = Intervention::new("area1", Units::channel(2), Action::Current { value: -1e3 }, 0, None);
    let inhibited = states(&config, &weights, &shown, &[strong]);
    let channel = |state: &State, channel| state.areas[1].narrow(1, channel, 1).unwrap();
    assert!(flat(&channel(&inhibited[4], 2)).unwrap().iter().all(|&rate| rate == 0.0));
    assert_eq!(difference(&channel(&inhibited[0], 0), &channel(&plain[0], 0)), 0.0);
    // Alpha 1 leaves nothing of the state before: rates are the rectified drive.
    let set = Action::Set { control: "alpha".to_owned(), value: 0.0 };
    let frozen = states(&config, &weights, &shown, &[Intervention::new("", Units::all(), set, 2, None)]);
    assert_eq!(difference(&frozen[1].areas[0], &frozen[4].areas[0]), 0.0);
}

#[test]
fn folded_kernels_give_the_same_run() {
    for stage in [Stage::Final, Stage::Linear, Stage::Inverse] {
        let config = Config { warm_up: 2, timesteps: 4, ..config(stage, 4) };
        let weights = generate(&config, 5).unwrap();
        let (plain_config, plain) = without_weight_norm(&config, &weights).unwrap();
        let shown = Presentation::held(image(&config, 1));
        let pairs = states(&config, &weights, &shown, &[]).into_iter();
        for (a, b) in pairs.zip(states(&plain_config, &plain, &shown, &[])) {
            assert_eq!(a.areas.len(), if stage == Stage::Inverse { 8 } else { 4 });
            for (a, b) in a.areas.iter().zip(&b.areas) {
                assert_eq!(difference(a, b), 0.0);
            }
        }
    }
}

#[test]
fn a_linear_network_is_linear_in_its_picture() {
    let mut config = config(Stage::Linear, 2);
    config.timesteps = 10;
    // Without biases, and read before the rectified paths between areas matter.
    let weights = generate(&config, 6).unwrap();
    let zero = |name: &str| (name.to_owned(), weights.get(name).unwrap().tensor().zeros_like().unwrap());
    let weights = weights.with([zero("conv_bias.0"), zero("conv_bias.1")]);
    let picture = image(&config, 1);
    let one = states(&config, &weights, &Presentation::held(picture.clone()), &[]);
    let twice = states(&config, &weights, &Presentation::held((picture * -2.0).unwrap()), &[]);
    let expected = (one[9].areas[0].contiguous().unwrap() * -2.0).unwrap();
    assert!(difference(&twice[9].areas[0], &expected) < 1e-4);
    assert!(flat(&one[9].areas[0]).unwrap().iter().any(|&rate| rate < 0.0));
}

#[test]
fn what_does_not_fit_is_named() {
    let config = config(Stage::Final, 2);
    let weights = generate(&config, 7).unwrap();
    let model = CordsNet::new(&config, &weights).unwrap();
    let wrong = Frame::new(Tensor::zeros((1, 1, 32, 32), DType::F32, &Device::Cpu).unwrap());
    let message = model.prepare(&wrong, &mut gainfield::ops::Workspace::new()).unwrap_err().to_string();
    assert!(message.contains("[batch, 3, 32, 32]") && message.contains("[1, 1, 32, 32]"), "{message}");
    let bias = weights.get("conv_bias.1").unwrap().tensor().narrow(1, 0, 3).unwrap();
    let cut = weights.with([("conv_bias.1".to_owned(), bias)]);
    let message = CordsNet::new(&config, &cut).unwrap_err().to_string();
    assert!(message.contains("conv_bias.1"), "{message}");
    let message = CordsNet::new(&Config { stage: Stage::Cnn, ..config }, &weights).unwrap_err().to_string();
    assert!(message.starts_with("stage must be"), "{message}");
}

/// The published size with generated weights: what a recording of all areas announces is what it keeps.
#[test]
fn the_full_size_network_steps_within_its_announced_memory() {
    let config =
        Config { warm_up: 1, timesteps: 3, ..Config::new(Stage::Final, Dataset::Imagenet, 8, 64, 224) };
    let weights = generate(&config, 8).unwrap();
    let model = CordsNet::new(&config, &weights).unwrap();
    let schedule =
        model.schedule(&Presentation::held(image(&config, 1)), &ProtocolOptions::default()).unwrap();
    let controls = Controls::defaults(model.controls());
    let run = Run::plain(&model, &schedule, &controls);
    let plan = RecordPlan { states: false, ..RecordPlan::everything(&model) };
    let announced = plan.cost(&model, schedule.len(), 1).unwrap().total();
    assert_eq!(announced, 4 * 4 * (752_640 + 1000));
    assert!(Recorder::new(&run, plan.clone(), announced - 1).is_err());
    let mut recorder = Recorder::new(&run, plan, announced).unwrap();
    let rest = model.rest(1).unwrap();
    rollout(&run, rest, 0..schedule.len(), &mut Workspace::new(), |t, drive, state| {
        recorder.push(t, drive, state)?;
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    let recording = recorder.finish();
    let kept: usize = recording.steps.iter().flat_map(|step| &step.values).map(|values| values.len()).sum();
    assert_eq!(kept, 4 * 752_640);
    assert!(recording.steps[3].values[5].iter().any(|&rate| rate > 0.0));
}

#[test]
fn activity_at_onset_is_kept_for_the_next_picture_and_no_other_run() {
    let config = Config { warm_up: 5, timesteps: 2, ..config(Stage::Final, 4) };
    let model = CordsNet::new(&config, &generate(&config, 7).unwrap()).unwrap();
    let mut workspace = Workspace::new();
    let mut come_to = |batch: usize, alpha: f64, changes: &[Intervention]| {
        let shown = Presentation::held(image(&config, batch));
        let schedule = model.schedule(&shown, &ProtocolOptions::default()).unwrap();
        let mut controls = Controls::defaults(model.controls());
        controls.set(model.controls(), "alpha", alpha).unwrap();
        let run = Run { interventions: changes, ..Run::plain(&model, &schedule, &controls) };
        let mut computed = 0;
        let count = |_: usize| {
            computed += 1;
            Ok(())
        };
        let onset = onset(&run, &mut workspace, count).unwrap();
        let mut passed = Vec::new();
        let state = rollout(&run, model.rest(batch).unwrap(), 0..5, &mut Workspace::new(), |_, _, state| {
            passed.push(state.readout.clone());
            Ok(ControlFlow::Continue(()))
        });
        let state = state.unwrap();
        assert_eq!((onset.state.t, onset.state.batch(), onset.readouts.len()), (5, batch, 5));
        for (kept, anew) in onset.state.areas.iter().zip(&state.areas) {
            assert_eq!(difference(kept, anew), 0.0);
        }
        for (kept, anew) in onset.readouts.iter().zip(&passed) {
            assert_eq!(difference(kept.as_ref().unwrap(), anew.as_ref().unwrap()), 0.0);
        }
        computed
    };
    let current = |from: usize| {
        [Intervention::new("area1", Units::channel(2), Action::Current { value: 0.5 }, from, None)]
    };
    assert_eq!(come_to(2, 0.2, &[]), 5);
    assert_eq!(come_to(3, 0.2, &[]), 0);
    assert_eq!(come_to(1, 0.1, &[]), 5);
    assert_eq!(come_to(1, 0.2, &current(4)), 5);
    assert_eq!(come_to(1, 0.2, &current(5)), 0);
    assert_eq!(come_to(2, 0.1, &[]), 0);
}
