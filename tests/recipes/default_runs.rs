//! Every checkpoint is described, and steps and records what it shows by default, without being told more.

use std::collections::BTreeSet;
use std::path::Path;

use gainfield::dynamics::Setting;
use gainfield::families;
use gainfield::model::{Family, Model, Target};
use gainfield::progress::Silent;
use gainfield::recipe::{self, Execution, RunOutcome, RunRecipe};
use gainfield::settings::Overrides;
use gainfield::task::StimulusKind;

use crate::folders::checkpoints_below;
use crate::networks::{saved_blt, saved_counter_hebb};

const STEPS: usize = 5;

/// Describes the checkpoint, runs it for a few timesteps with every area recorded, and looks at what
/// was written.
fn described_and_run(path: &Path) -> (Model, RunOutcome) {
    let model = families::open(path, &Overrides::default(), &Target::default()).unwrap();
    let described = model.describe();
    assert!(described["parameters"].as_u64().unwrap() > 0, "{}", path.display());
    assert!(described["family"].is_string() && described["config"].is_object());
    let mut recipe = RunRecipe::new(path);
    recipe.steps = Some(STEPS);
    recipe.record = vec!["all".to_owned()];
    if model.info.family == Family::CordsNet {
        // Its hundred spontaneous timesteps are the same again and again.
        recipe.set.insert("warm_up".to_owned(), 2.into());
    }
    let (model, outcome) = recipe::execute(&recipe, &Execution::default(), &mut Silent)
        .unwrap_or_else(|err| panic!("{}: {err}", path.display()));
    let folder = tempfile::tempdir().unwrap();
    let files = recipe::write(&model, &outcome, folder.path()).unwrap();
    let bytes = std::fs::read(&files[0]).unwrap();
    let recorded = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for area in model.dynamics.areas() {
        let shape = [&[outcome.n_timesteps, 1], area.shape.as_slice()].concat();
        assert_eq!(recorded.tensor(&area.name).unwrap().shape(), shape, "{}", path.display());
    }
    let announced = outcome.cost.total() as usize;
    assert!(announced <= bytes.len() && bytes.len() < announced + (1 << 20), "{announced} {}", bytes.len());
    let written: RunRecipe = recipe::read_toml(&folder.path().join("recipe.toml")).unwrap();
    assert!(written == outcome.recipe && written.stimulus.is_some());
    (model, outcome)
}

#[test]
fn every_reference_checkpoint_runs_by_default() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/checkpoints");
    if !folder.is_dir() {
        println!("skipped: ../shared is absent");
        return;
    }
    let files = checkpoints_below(&folder);
    assert_eq!(files.len(), 47);
    let mut families = BTreeSet::new();
    for path in files {
        let (model, outcome) = described_and_run(&path);
        println!("{}: {}", path.display(), outcome.recipe.stimulus.as_ref().unwrap());
        families.insert(model.info.family);
    }
    assert_eq!(families.len(), Family::ALL.len());
}

#[test]
fn checkpoints_that_ship_with_the_sources_run_by_default() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/checkpoints");
    let mut families: BTreeSet<Family> =
        checkpoints_below(&folder).iter().map(|path| described_and_run(path).0.info.family).collect();
    let folder = tempfile::tempdir().unwrap();
    families.insert(described_and_run(&saved_blt(folder.path())).0.info.family);
    families.insert(described_and_run(&saved_counter_hebb(folder.path(), [1, 28, 28])).0.info.family);
    assert_eq!(families, Family::ALL.into());
}

#[test]
fn networks_of_several_tasks_do_their_first_on_pictures_that_name_none() {
    let gating = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/checkpoints/resatt_small/model_random_init.pth");
    let folder = tempfile::tempdir().unwrap();
    for (path, control) in [(gating, "task"), (saved_counter_hebb(folder.path(), [3, 32, 32]), "instruction")]
    {
        let (model, outcome) = described_and_run(&path);
        let stimulus = outcome.recipe.stimulus.clone().unwrap();
        assert!(matches!(stimulus.kind, StimulusKind::Scene(_)), "{stimulus}");
        let first = Setting::Choice(model.dynamics.tasks()[0].clone());
        assert_eq!(outcome.recipe.controls.get(control), Some(&first));

        // A recipe that shows something of its own has to say which.
        let mut own = RunRecipe { controls: Default::default(), ..outcome.recipe };
        let run = |recipe: &RunRecipe| recipe::execute_on(&model, recipe, &Execution::default(), &mut Silent);
        let message = run(&own).unwrap_err().to_string();
        assert!(message.starts_with(control) && message.contains(&model.dynamics.tasks()[1]), "{message}");
        let second = Setting::Choice(model.dynamics.tasks()[1].clone());
        own.controls.insert(control.to_owned(), second);
        let read = |outcome: &RunOutcome| outcome.readout.last().unwrap().logits.clone();
        let first_task =
            read(&run(&RunRecipe { stimulus: None, controls: Default::default(), ..own.clone() }).unwrap());
        assert_ne!(read(&run(&own).unwrap()), first_task);
    }
}
