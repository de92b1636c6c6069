//! What must hold of BLT, CORnet and ResNet networks whatever their weights.

use std::ops::ControlFlow;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use gainfield::dynamics::{
    Action, Controls, Dynamics, Intervention, Presentation, ProtocolOptions, Run, State, Units, Workspace,
    find_area, rollout,
};
use gainfield::families::blt::{BltConfig, Config, ConnectionMatrix, build, initial_weights};
use gainfield::model::{Family, Target};
use gainfield::settings::Overrides;

fn small(name: &str) -> BltConfig {
    BltConfig {
        widths: vec![32; 6],
        times: 7,
        n_classes: 4,
        image_size: 64,
        ..BltConfig::named(name).unwrap()
    }
}

fn states(config: &BltConfig, interventions: &[Intervention]) -> Vec<State> {
    let config = Config::Blt(config.clone());
    let model = build(&config, &initial_weights(&config, 1).unwrap()).unwrap();
    let values: Vec<f32> = (0..3 * 64 * 64).map(|i| (i % 97) as f32 / 97.0).collect();
    let image = Tensor::from_vec(values, (1, 3, 64, 64), &Device::Cpu).unwrap();
    let schedule = model.schedule(&Presentation::held(image), &ProtocolOptions::default()).unwrap();
    let controls = Controls::defaults(model.controls());
    let run = Run {
        model: model.as_ref(),
        schedule: &schedule,
        controls: &controls,
        interventions,
        seed: 0,
        first_trial: 0,
    };
    let mut states = Vec::new();
    rollout(&run, model.rest(1).unwrap(), 0..schedule.len(), &mut Workspace::new(), |_, _, state| {
        states.push(state.clone());
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    states
}

fn largest(state: &State, area: usize) -> f32 {
    state.values(area).unwrap().iter().fold(0f32, |top, value| top.max(value.abs()))
}

#[test]
fn areas_hold_values_from_the_timestep_on_that_they_say() {
    for name in ["blt_b", "blt_bl", "blt_b2t", "blt_b3lt3"] {
        let config = small(name);
        let live = config.connections.live_from();
        for (t, state) in states(&config, &[]).iter().enumerate() {
            for (area, from) in live.iter().enumerate() {
                let is_live = from.is_some_and(|from| from <= t);
                assert_eq!(largest(state, area) > 0.0, is_live, "{name}, area {area}, timestep {t}");
            }
            assert_eq!(state.readout.is_some(), live[5].is_some_and(|from| from <= t));
        }
    }
}

#[test]
fn a_matrix_of_one_s_own_runs() {
    let edges = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 4), (5, 0), (2, 2)];
    let config = BltConfig { connections: ConnectionMatrix::new(edges).unwrap(), ..small("blt_b") };
    assert_eq!(config.name(), "blt_custom");
    let states = states(&config, &[]);
    assert_eq!(states.iter().position(|state| state.readout.is_some()), Some(2));
}

#[test]
fn an_intervention_acts_from_its_timestep_on_and_along_connections() {
    let config = small("blt_bl");
    let free = states(&config, &[]);
    let silenced = Intervention::new("V4", Units::all(), Action::Silence, 3, None);
    let held = states(&config, &[silenced]);
    let same = |t: usize, area: usize| free[t].values(area).unwrap() == held[t].values(area).unwrap();
    assert!((0..6).all(|area| same(2, area)));
    assert_eq!(largest(&held[3], 2), 0.0);
    // The areas below have no way to hear of it, the one above hears one timestep later.
    assert!((3..7).all(|t| same(t, 0) && same(t, 1)));
    assert!(same(3, 3) && !same(4, 3));
    let current = Intervention::new("V2.prenorm", Units::channel(3), Action::Current { value: 2.0 }, 4, None);
    let driven = states(&config, &[current]);
    let moved = |area: usize| driven[4].values(area).unwrap() != free[4].values(area).unwrap();
    // A constant added to a whole channel is what its norm takes away again.
    assert!(moved(7) && !moved(0));
}

#[test]
fn every_checkpoint_opens_and_steps() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/checkpoints/blt");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: ../shared is absent");
        return;
    };
    let mut opened = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if !path.extension().is_some_and(|ext| ext == "pt" || ext == "pth") {
            continue;
        }
        let mut overrides = Overrides::default();
        overrides.push("image_size", 64);
        let model = gainfield::families::open(&path, &overrides, &Target::default()).unwrap();
        assert_eq!(model.info.family, Family::Blt);
        assert!(model.info.report.is_complete());
        steps(model.dynamics.as_ref());
        opened.push(model.info.variant.clone());
    }
    opened.sort();
    assert_eq!(opened, ["blt_b", "blt_b2lt2", "blt_bl", "blt_blt", "cornet_z"]);
}

fn steps(model: &dyn Dynamics) {
    let [channels, height, width] = model.input_shape();
    let image = Tensor::zeros((1, channels, height, width), DType::F32, &Device::Cpu).unwrap();
    let options = ProtocolOptions { timesteps: Some(5), ..ProtocolOptions::default() };
    let schedule = model.schedule(&Presentation::held(image), &options).unwrap();
    let controls = Controls::defaults(model.controls());
    let run = Run::plain(model, &schedule, &controls);
    let go_on = |_: usize, _: &_, _: &_| Ok(ControlFlow::Continue(()));
    let last = rollout(&run, model.rest(1).unwrap(), 0..5, &mut Workspace::new(), go_on).unwrap();
    assert!(largest(&last, find_area(model.areas(), "V4").unwrap()) > 0.0);
}

#[test]
fn pictures_of_another_size_are_refused_by_name() {
    let config = Config::Blt(small("blt_bl"));
    let model = build(&config, &initial_weights(&config, 1).unwrap()).unwrap();
    let image = Tensor::zeros((1, 1, 64, 64), DType::F32, &Device::Cpu).unwrap();
    let frame = gainfield::dynamics::Frame::new(image);
    let message = model.prepare(&frame, &mut gainfield::ops::Workspace::new()).unwrap_err().to_string();
    assert!(message.contains("stimulus") && message.contains("[batch, 3, 64, 64]"), "{message}");
}
