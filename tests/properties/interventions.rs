//! Stepping equals running, a branch equals a rerun, and each action does what it says.

use std::ops::ControlFlow;

use gainfield::dynamics::{
    Action, Dynamics as _, Intervention, MapSource, Presentation, ProtocolOptions, Run, Schedule, State,
    Units, Workspace, rollout,
};
use gainfield::recording::{RecordPlan, Recorder, Recording, Reduce};

use crate::toy::Toy;

const BUDGET: u64 = 1 << 30;

fn schedule(toy: &Toy, batch: usize, n: usize) -> Schedule {
    let options = ProtocolOptions { timesteps: Some(n), ..Default::default() };
    toy.schedule(&Presentation::held(Toy::image(batch)), &options).unwrap()
}

fn record(toy: &Toy, schedule: &Schedule, interventions: &[Intervention], first_trial: u64) -> Recording {
    let controls = toy.defaults();
    let run = Run { model: toy, schedule, controls: &controls, interventions, seed: 5, first_trial };
    let mut recorder = Recorder::new(&run, RecordPlan::everything(toy), BUDGET).unwrap();
    let rest = toy.rest(schedule.batch()).unwrap();
    rollout(&run, rest, 0..schedule.len(), &mut Workspace::new(), |t, drive, state| {
        recorder.push(t, drive, state)?;
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    recorder.finish()
}

fn on(area: &str, units: &str, action: Action, from: usize, to: Option<usize>) -> Intervention {
    Intervention::new(area, units.parse().unwrap(), action, from, to)
}

#[test]
fn stepping_equals_running_bit_for_bit() {
    let toy = Toy::new();
    let schedule = schedule(&toy, 2, 6);
    let noise = [on("a", "all", Action::Noise { sd: 0.3 }, 1, Some(5))];
    let running = record(&toy, &schedule, &noise, 0);
    let controls = toy.defaults();
    let run = Run {
        model: &toy,
        schedule: &schedule,
        controls: &controls,
        interventions: &noise,
        seed: 5,
        first_trial: 0,
    };
    let mut state = toy.rest(2).unwrap();
    for t in 0..6 {
        // A new workspace each time: nothing may hide in it.
        let go_on = |_: usize, _: &_, _: &State| Ok(ControlFlow::Continue(()));
        state = rollout(&run, state, t..t + 1, &mut Workspace::new(), go_on).unwrap();
        assert_eq!(state.t, t + 1);
        for area in 0..2 {
            assert_eq!(state.values(area).unwrap(), running.steps[t].values[area].as_ref());
        }
    }
}

#[test]
fn a_branch_equals_a_rerun_noise_included() {
    let toy = Toy::new();
    let schedule = schedule(&toy, 2, 6);
    let change = [
        on("gain1", "1", Action::Noise { sd: 1.0 }, 3, None),
        on("a", "all", Action::Noise { sd: 1.0 }, 3, None),
    ];
    let baseline = record(&toy, &schedule, &[], 0);
    let rerun = record(&toy, &schedule, &change, 0);
    let start = baseline.at(2).unwrap().state.clone().unwrap();
    let controls = toy.defaults();
    let run = Run {
        model: &toy,
        schedule: &schedule,
        controls: &controls,
        interventions: &change,
        seed: 5,
        first_trial: 0,
    };
    rollout(&run, start, 3..6, &mut Workspace::new(), |t, _, state| {
        assert_eq!(state.values(1)?, rerun.steps[t].values[1].as_ref());
        assert_ne!(state.values(1)?, baseline.steps[t].values[1].as_ref());
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
}

#[test]
fn the_noise_of_a_trial_does_not_depend_on_its_batch() {
    let toy = Toy::new();
    let noise = [on("a", "all", Action::Noise { sd: 1.0 }, 0, None)];
    let both = record(&toy, &schedule(&toy, 2, 1), &noise, 0);
    let image = Toy::image(2).narrow(0, 1, 1).unwrap();
    let options = ProtocolOptions { timesteps: Some(1), ..Default::default() };
    let single = toy.schedule(&Presentation::held(image), &options).unwrap();
    let second = record(&toy, &single, &noise, 1);
    assert_eq!(both.trial(0, 0, 1), second.trial(0, 0, 0));
}

#[test]
fn silence_clamp_scale_replace_current_and_set_do_what_they_say() {
    let toy = Toy::new();
    let schedule = schedule(&toy, 1, 3);
    let baseline = record(&toy, &schedule, &[], 0);
    let with = |one: Intervention| record(&toy, &schedule, &[one], 0);

    let silenced = with(on("a", "0", Action::Silence, 1, Some(2)));
    assert_eq!(silenced.steps[0].values, baseline.steps[0].values);
    assert!(silenced.trial(1, 0, 0)[..6].iter().all(|&v| v == 0.0));
    assert_eq!(silenced.trial(1, 0, 0)[6..], baseline.trial(1, 0, 0)[6..]);
    assert_eq!(silenced.trial(2, 0, 0), baseline.trial(2, 0, 0));

    let clamped = with(on("a", "1:1:2", Action::Clamp { value: 4.0 }, 0, None));
    assert_eq!(clamped.trial(0, 0, 0)[11], 4.0);
    assert_eq!(clamped.trial(0, 0, 0)[..11], baseline.trial(0, 0, 0)[..11]);

    let scaled = with(on("a", "all", Action::Scale { factor: 2.0 }, 0, None));
    let doubled: Vec<f32> = baseline.trial(0, 0, 0).iter().map(|v| v * 2.0).collect();
    assert_eq!(scaled.trial(0, 0, 0), doubled);

    let map = MapSource::Values { values: (0..6).map(|v| v as f32).collect() };
    let replaced = with(on("gain*", "all", Action::Replace { map }, 0, None));
    let twice: Vec<f32> = (0..12).map(|v| (v % 6) as f32).collect();
    assert_eq!(replaced.trial(0, 1, 0), twice);

    let current = with(on("a", "all", Action::Current { value: 10.0 }, 0, None));
    let image: Vec<f32> = Toy::image(1).flatten_all().unwrap().to_vec1().unwrap();
    assert_eq!(
        current.trial(0, 0, 0)[5],
        (image[5] + 10.0).max(0.0),
        "current enters before the nonlinearity"
    );

    let set = with(on("", "all", Action::Set { control: "leak".into(), value: 0.0 }, 2, None));
    assert_eq!(set.trial(1, 1, 0), baseline.trial(1, 1, 0));
    assert_eq!(set.trial(2, 1, 0), set.trial(2, 0, 0), "nothing of g survives");
}

#[test]
fn several_interventions_apply_in_list_order() {
    let toy = Toy::new();
    let schedule = schedule(&toy, 1, 1);
    let clamp = || on("a", "all", Action::Clamp { value: 3.0 }, 0, None);
    let scale = || on("a", "all", Action::Scale { factor: 2.0 }, 0, None);
    assert_eq!(record(&toy, &schedule, &[clamp(), scale()], 0).trial(0, 0, 0)[0], 6.0);
    assert_eq!(record(&toy, &schedule, &[scale(), clamp()], 0).trial(0, 0, 0)[0], 3.0);
}

#[test]
fn wrong_interventions_are_errors_before_anything_runs() {
    let toy = Toy::new();
    let schedule = schedule(&toy, 1, 2);
    let controls = toy.defaults();
    let outcome = |one: Intervention| {
        let interventions = [one];
        let run = Run {
            model: &toy,
            schedule: &schedule,
            controls: &controls,
            interventions: &interventions,
            seed: 0,
            first_trial: 0,
        };
        rollout(&run, toy.rest(1).unwrap(), 0..2, &mut Workspace::new(), |_, _, _| panic!("it ran"))
            .map(|_| ())
    };
    assert!(outcome(on("V9", "all", Action::Silence, 0, None)).unwrap_err().to_string().contains("a, gain1"));
    assert!(outcome(on("a", "2", Action::Silence, 0, None)).is_err());
    let short = MapSource::Values { values: vec![0.0; 5] };
    assert!(outcome(on("a", "all", Action::Replace { map: short }, 0, None)).is_err());
    assert!(outcome(on("", "all", Action::Set { control: "leak".into(), value: 1.5 }, 0, None)).is_err());
}

#[test]
fn the_announced_cost_is_the_real_one_and_is_checked_first() {
    let toy = Toy::new();
    let schedule = schedule(&toy, 2, 4);
    let controls = toy.defaults();
    let run = Run::plain(&toy, &schedule, &controls);
    let plan = RecordPlan { states: false, ..RecordPlan::everything(&toy) };
    // 4 timesteps × 2 trials × (12 + 12 units + 2 classes) × 4 bytes.
    assert_eq!(Recorder::new(&run, plan.clone(), BUDGET).unwrap().cost().total(), 832);
    let refused = Recorder::new(&run, plan.clone(), 831).err().unwrap().to_string();
    assert!(refused.contains("spatial mean"), "{refused}");
    let mean = RecordPlan { reduce: Reduce::SpatialMean, ..plan };
    assert_eq!(Recorder::new(&run, mean, BUDGET).unwrap().cost().values, 4 * 2 * (2 + 2 + 2) * 4);
}

#[test]
fn an_intervention_survives_its_toml() {
    let units: Units = "3,5:1:2".parse().unwrap();
    let one = Intervention::new("conv2", units, Action::Clamp { value: 0.5 }, 3, Some(9));
    let file = gainfield::dynamics::InterventionFile { intervention: vec![one] };
    let text = toml::to_string(&file).unwrap();
    assert_eq!(toml::from_str::<gainfield::dynamics::InterventionFile>(&text).unwrap(), file);
    assert!(toml::from_str::<gainfield::dynamics::InterventionFile>("[[intervention]]\nare = 'x'").is_err());
}
