//! Every bundled network opens, is what its recipe makes, and does what its folder says it does.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gainfield::families;
use gainfield::model::Target;
use gainfield::pretrained::{Bundled, NETWORKS};
use gainfield::progress::Silent;
use gainfield::provenance::Provenance;
use gainfield::recipe::train::AnyRecipe;
use gainfield::recipe::{self, EvaluateRecipe, Evaluation, Share, read_toml};
use gainfield::settings::Overrides;
use serde::Deserialize;

/// All folders together stay below this.
const MAX_BYTES: u64 = 20 << 20;

/// `figure.toml`: what `evaluate.toml` beside it found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Figure {
    /// In words.
    measure: String,
    /// Which line of the evaluation: `final`, `decision` or `phase 1`.
    line: String,
    n: u64,
    value: f64,
    /// The stated spread.
    low: f64,
    high: f64,
    /// What guessing reaches.
    chance: f64,
    /// Stimuli of the repetition here.
    check: usize,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pretrained")
}

fn text(network: &Bundled, file: &str) -> String {
    std::fs::read_to_string(root().join(network.folder).join(file)).unwrap()
}

fn figure(network: &Bundled) -> Figure {
    toml::from_str(&text(network, "figure.toml")).unwrap()
}

fn share(found: &Evaluation, line: &str) -> Share {
    if line == "decision" {
        return found.decision.unwrap();
    }
    let (moment, phase) = match line.strip_prefix("phase ") {
        Some(number) => ("phase", Some(number.parse::<usize>().unwrap() - 1)),
        None => (line, None),
    };
    let is_it = |row: &&recipe::evaluation::Row| {
        row.moment == moment && row.group == "all" && (phase.is_none() || row.phase == phase)
    };
    found.rows.iter().find(is_it).unwrap().share.unwrap()
}

#[test]
fn every_folder_is_bundled_and_listed() {
    let mut folders = BTreeSet::new();
    let (mut bytes, mut pending) = (0, vec![root()]);
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.insert(entry.file_name().into_string().unwrap());
                pending.push(entry.path());
            } else {
                bytes += entry.metadata().unwrap().len();
            }
        }
    }
    let bundled: BTreeSet<String> = NETWORKS.iter().map(|network| network.folder.to_owned()).collect();
    assert_eq!(folders, bundled);
    assert!(bytes < MAX_BYTES, "{bytes} bytes");
    let list = std::fs::read_to_string(root().join("README.md")).unwrap();
    for network in &NETWORKS {
        let line = list.lines().find(|line| line.contains(&format!("({}/SOURCE.md)", network.folder)));
        let line = line.unwrap_or_else(|| panic!("{} is not listed", network.folder));
        let value = format!("{:.3}", figure(network).value);
        assert!(line.contains(&value), "{value} in {line}");
        assert!(text(network, "SOURCE.md").contains(&value), "{value} in SOURCE.md of {}", network.folder);
    }
}

#[test]
fn every_network_opens_whole_as_its_recipe_makes_it() {
    for network in &NETWORKS {
        let folder = root().join(network.folder);
        let open = |path: &Path| families::open(path, &Overrides::default(), &Target::default()).unwrap();
        let model = open(Path::new(&network.name()));
        assert!(model.info.report.is_complete(), "{}", network.folder);
        let file = open(&folder.join("weights.safetensors"));
        assert_eq!(model.info.origin.sha256, file.info.origin.sha256);
        assert_eq!(model.info.config.values(), file.info.config.values());

        let first = text(network, "recipe.toml").lines().next().unwrap().to_owned();
        let command = format!("train pretrained/{}/recipe.toml --out RUN", network.folder);
        assert!(first.starts_with('#') && first.contains(&command), "{first}");
        let recipe = AnyRecipe::read(&folder.join("recipe.toml"), &Overrides::default()).unwrap();
        let provenance: Provenance = serde_json::from_str(&text(network, "weights.provenance.json")).unwrap();
        assert!(provenance.data.iter().all(|data| data.procedural), "{}", network.folder);
        // Settings that came later are defaults of a run that the provenance does not know.
        let values = recipe.values();
        let trained_with = provenance.config.as_object().unwrap();
        assert!(trained_with.len() > 10);
        for (key, value) in trained_with {
            assert_eq!(values[key], *value, "{}: {key}", network.folder);
        }
    }
}

#[test]
fn every_network_does_what_its_folder_says() {
    for network in &NETWORKS {
        let stated = figure(network);
        assert!((stated.low..=stated.high).contains(&stated.value), "{stated:?}");
        assert!(stated.low > stated.chance && !stated.measure.is_empty(), "{stated:?}");
        let path = root().join(network.folder).join("evaluate.toml");
        let recipe: EvaluateRecipe = read_toml(&path).unwrap();
        assert_eq!(recipe.run.model, Path::new(&network.name()));
        assert_eq!(recipe.n.map(|n| n as u64), Some(stated.n));
        let few = EvaluateRecipe { n: Some(stated.check), ..recipe };
        let (_, found) = recipe::evaluate(&few, &mut Silent).unwrap();
        let Share { accuracy, n, interval: [low, high], .. } = share(&found, &stated.line);
        assert!(n >= stated.check as u64);
        let overlap = low <= stated.high && stated.low <= high;
        assert!(overlap, "{}: {accuracy} on {n} stimuli, stated {stated:?}", network.folder);
        assert!(low > stated.chance, "{}: {accuracy} on {n} stimuli", network.folder);
    }
}
