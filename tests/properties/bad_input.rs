//! Whatever is wrong with what a network is given, the answer is one sentence that says so.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Tensor};
use gainfield::Result;
use gainfield::dynamics::{
    Action, Controls, Frame, Instruction, Intervention, MapSource, Presentation, ProtocolOptions, Run,
    Setting, Units, Workspace, rollout,
};
use gainfield::families;
use gainfield::model::{Family, Model, Target};
use gainfield::progress::Silent;
use gainfield::recipe::{self, Execution, RunRecipe};
use gainfield::settings::Overrides;

use crate::networks::{saved_blt, saved_counter_hebb};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/checkpoints").join(name)
}

/// One checkpoint of each family.
fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    vec![
        fixture("oba/mnist_n2_random_init.pt"),
        fixture("resatt_small/model_random_init.pth"),
        fixture("tiny_base4_mnist_r2_random_init.pth"),
        saved_blt(folder),
        saved_counter_hebb(folder, [1, 28, 28]),
    ]
}

fn open(path: &Path, sets: &[&str]) -> Result<Model> {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    families::open(path, &Overrides::read(None, &sets)?, &Target::default())
}

fn models() -> Vec<Model> {
    let folder = tempfile::tempdir().unwrap();
    let models: Vec<Model> = checkpoints(folder.path()).iter().map(|path| open(path, &[]).unwrap()).collect();
    let mut families: Vec<Family> = models.iter().map(|model| model.info.family).collect();
    families.sort();
    assert_eq!(families, Family::ALL);
    models
}

/// The message of an error: one sentence.
fn sentence<T>(result: Result<T>) -> String {
    let message = result.err().expect("was taken as good").to_string();
    assert!(!message.contains('\n') && !message.contains("panicked"), "{message}");
    message
}

fn pixels(shape: &[usize], value: f32) -> Tensor {
    Tensor::full(value, shape, &Device::Cpu).unwrap()
}

/// Shows a presentation for a few timesteps.
fn show(model: &Model, presentation: &Presentation, interventions: &[Intervention]) -> Result<()> {
    let dynamics = model.dynamics.as_ref();
    let options = ProtocolOptions { timesteps: Some(2), ..ProtocolOptions::default() };
    let schedule = dynamics.schedule(presentation, &options)?;
    let mut controls = Controls::defaults(dynamics.controls());
    if let Some(task) = dynamics.tasks().first()
        && presentation.instructions.is_empty()
        && let Some(control) = dynamics.controls().iter().find(|control| control.choice(task).is_some())
    {
        controls.set_to(dynamics.controls(), &control.name, &Setting::Choice(task.clone()))?;
    }
    let run = Run {
        model: dynamics,
        schedule: &schedule,
        controls: &controls,
        interventions,
        seed: 0,
        first_trial: 0,
    };
    let rest = dynamics.rest(schedule.batch())?;
    rollout(&run, rest, 0..schedule.len(), &mut Workspace::new(), |_, _, _| {
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    Ok(())
}

#[test]
fn pictures_of_another_size_or_without_numbers_are_refused() {
    for model in models() {
        let [channels, height, width] = model.dynamics.input_shape();
        let held = |shape: &[usize], value| Presentation::held(pixels(shape, value));
        let good = [2, channels, height, width];
        show(&model, &held(&good, 0.5), &[]).unwrap();
        let expected = format!("[batch, {channels}, {height}, {width}]");
        for shape in [
            vec![2, channels, height + 1, width],
            vec![2, channels, height, width - 1],
            vec![2, channels + 1, height, width],
            vec![0, channels, height, width],
            vec![channels, height, width],
            vec![],
        ] {
            let message = sentence(show(&model, &held(&shape, 0.5), &[]));
            assert!(message.contains("stimulus") && message.contains(&expected), "{message}");
        }
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut pictures = vec![0.5f32; good.iter().product()];
            *pictures.last_mut().unwrap() = value;
            let shown = Presentation::held(Tensor::from_vec(pictures, &good, &Device::Cpu).unwrap());
            let message = sentence(show(&model, &shown, &[]));
            assert!(
                message.starts_with("pixels of the stimulus") && message.contains("trial 1"),
                "{message}"
            );
        }
    }
}

#[test]
fn presentations_that_contradict_themselves_are_refused() {
    for model in models() {
        let [channels, height, width] = model.dynamics.input_shape();
        let frame = |batch| Arc::new(Frame::new(pixels(&[batch, channels, height, width], 0.5)));
        let shown = |frames| Presentation { frames, ..Presentation::held(pixels(&[1], 0.0)) };
        let message = sentence(show(&model, &shown(vec![]), &[]));
        assert!(message.contains("at least one"), "{message}");
        let message = sentence(show(&model, &shown(vec![frame(2), frame(3)]), &[]));
        assert!(message.contains("trials of a frame"), "{message}");
        let one_too_many = Presentation { instructions: vec![None, None], ..shown(vec![frame(1)]) };
        assert!(sentence(show(&model, &one_too_many, &[])).contains("instructions of a presentation"));
        for timesteps in [0, usize::MAX] {
            let options = ProtocolOptions { timesteps: Some(timesteps), ..ProtocolOptions::default() };
            let message = sentence(model.dynamics.schedule(&shown(vec![frame(1)]), &options));
            assert!(message.starts_with("timesteps must be 1 to"), "{message}");
        }
    }
}

#[test]
fn tasks_and_instructions_are_asked_for_by_name() {
    let mut asked = 0;
    for model in models().into_iter().filter(|model| !model.dynamics.tasks().is_empty()) {
        asked += 1;
        let [channels, height, width] = model.dynamics.input_shape();
        let with = |instruction| Presentation {
            instructions: vec![instruction],
            ..Presentation::held(pixels(&[2, channels, height, width], 0.5))
        };
        let message = sentence(show(&model, &with(None), &[]));
        assert!(message.contains(&model.dynamics.tasks()[0]), "{message}");
        let unknown = Instruction { task: Some(99), prompt: None };
        assert!(sentence(show(&model, &with(Some(unknown)), &[])).contains("99"));
        let prompt = |shape: &[usize]| Instruction { task: Some(0), prompt: Some(pixels(shape, 1.0)) };
        for shape in [&[2, 77][..], &[3, 2], &[2]] {
            let message = sentence(show(&model, &with(Some(prompt(shape))), &[]));
            assert!(message.contains("prompt") || message.contains("instruction"), "{message}");
        }
    }
    assert_eq!(asked, 2);
}

#[test]
fn controls_and_interventions_stay_in_their_range() {
    for model in models() {
        let dynamics = model.dynamics.as_ref();
        let [channels, height, width] = dynamics.input_shape();
        let shown = Presentation::held(pixels(&[1, channels, height, width], 0.5));
        for control in dynamics.controls() {
            for value in [control.min - 1.0, control.max + 1.0, f64::NAN, f64::INFINITY] {
                let set = Action::Set { control: control.name.clone(), value };
                let set = Intervention::new("", Units::all(), set, 0, None);
                let message = sentence(show(&model, &shown, &[set]));
                let range = format!("{} must be in {} to {}", control.name, control.min, control.max);
                assert!(message.starts_with(&range), "{message}");
            }
        }
        let recipe = |name: &str, setting: Setting| {
            let mut recipe = RunRecipe::new("unused");
            recipe.controls.insert(name.to_owned(), setting);
            sentence(recipe::execute_on(&model, &recipe, &Execution::default(), &mut Silent))
        };
        assert!(recipe("alhpa", Setting::Number(0.1)).starts_with("no control \"alhpa\""));
        let area = dynamics.areas()[0].name.clone();
        let far = Units::channel(100_000);
        let map = |values| Action::Replace { map: MapSource::Values { values } };
        for (area, units, action, told) in [
            ("nowhere", Units::all(), Action::Silence, "no area \"nowhere\""),
            (&area, far, Action::Silence, "units must be within"),
            (&area, Units::all(), Action::Clamp { value: f64::NAN }, "value of a clamp must be a finite"),
            (&area, Units::all(), Action::Scale { factor: f64::INFINITY }, "factor of a scaling"),
            (&area, Units::all(), Action::Current { value: f64::NAN }, "value of a current"),
            (&area, Units::all(), Action::Noise { sd: -1.0 }, "sd of noise must be 0 or more"),
            (&area, Units::all(), map(vec![f32::NAN]), "values of a map"),
            (&area, Units::all(), map(vec![1.0; 3]), &format!("map for {area}")),
        ] {
            let wrong = Intervention::new(area, units, action, 0, None);
            let message = sentence(show(&model, &shown, &[wrong]));
            assert!(message.starts_with(told), "{message}");
        }
    }
}

#[test]
fn recipes_name_what_is_out_of_range() {
    for model in models() {
        let run = |change: &dyn Fn(&mut RunRecipe)| {
            let mut recipe = RunRecipe::new("unused");
            change(&mut recipe);
            recipe::execute_on(&model, &recipe, &Execution::default(), &mut Silent)
        };
        assert!(sentence(run(&|recipe| recipe.n = 0)).starts_with("n must be"));
        assert!(sentence(run(&|recipe| recipe.steps = Some(0))).starts_with("steps must be"));
        assert!(sentence(run(&|recipe| recipe.record = vec!["V9".to_owned()])).starts_with("no area \"V9\""));
        // A task's frames have a size of their own, which is none of these networks'.
        let message = sentence(run(&|recipe| recipe.stimulus = Some("curves".parse().unwrap())));
        assert!(message.contains("frames of the stimulus curves"), "{message}");
    }
}

#[test]
fn a_configuration_that_contradicts_the_weights_names_key_and_file() {
    let folder = tempfile::tempdir().unwrap();
    let paths = checkpoints(folder.path());
    let [oba, gating, cordsnet, blt, hebb] = [&paths[0], &paths[1], &paths[2], &paths[3], &paths[4]];
    for (path, set) in [
        (oba, "n_classes=11"),
        (oba, "channels=[1, 20]"),
        (oba, "strength=2"),
        (oba, "passes=0"),
        (oba, "variant=faces"),
        (gating, "channels=[6, 8, 13]"),
        (gating, "n_tasks=4"),
        (gating, "out_dim=21"),
        (gating, "in_dims=[1, 64, 64]"),
        (gating, "mid_dim=17"),
        (gating, "norm=sideways"),
        (cordsnet, "depth=4"),
        (cordsnet, "depth=3"),
        (cordsnet, "widths=[4, 5]"),
        (cordsnet, "n_classes=11"),
        (cordsnet, "image_side=32"),
        (cordsnet, "image_channels=3"),
        (cordsnet, "alpha=0"),
        (cordsnet, "alpha=1.5"),
        (cordsnet, "alpha=fast"),
        (cordsnet, "timesteps=0"),
        (cordsnet, "stage=cnn"),
        (blt, "n_classes=6"),
        (blt, "times=0"),
        (blt, "image_size=0"),
        (blt, "widths=[32, 32]"),
        (blt, "pool=blur"),
        (blt, "pool=median"),
        (blt, "geometry=top2linear"),
        (hebb, "shared_weights=false"),
        (hebb, "conv_channels=[32, 33]"),
        (hebb, "in_shape=[1, 40, 40]"),
        (hebb, "n_classes=0"),
        (hebb, "task_vector_size=3"),
        (hebb, "std=[0]"),
        (hebb, "network_name=resnet"),
    ] {
        let Err(err) = open(path, &[set]) else { panic!("{set} was taken as good") };
        let message = sentence::<()>(Err(err));
        let (key, _) = set.split_once('=').unwrap();
        // The configuration beside the weights has their name too.
        let file = path.file_stem().unwrap().to_string_lossy();
        assert!(message.contains(key), "{set}: {message}");
        assert!(message.contains(&*file), "{set}: {message}");
    }
    for path in &paths {
        let message = sentence(open(path, &["strenhgt=1"]));
        assert!(message.starts_with("no configuration key \"strenhgt\""), "{message}");
        assert!(sentence(open(path, &["no equals sign"])).starts_with("--set must be key=value"));
    }
}

#[test]
fn a_wrong_value_in_a_configuration_file_is_blamed_on_that_file() {
    let folder = tempfile::tempdir().unwrap();
    for (path, good, bad, key) in [
        (saved_blt(folder.path()), "times = 7", "times = 0", "times"),
        (saved_blt(folder.path()), "n_classes = 5", "n_classes = \"five\"", "n_classes"),
        (saved_counter_hebb(folder.path(), [1, 28, 28]), "n_classes = 10", "n_classes = 0", "n_classes"),
    ] {
        let toml = path.with_extension("toml");
        let text = std::fs::read_to_string(&toml).unwrap();
        assert!(text.contains(good), "{text}");
        std::fs::write(&toml, text.replace(good, bad)).unwrap();
        let message = sentence(open(&path, &[]));
        assert!(message.contains(key) && message.contains(".toml"), "{message}");
    }
}
