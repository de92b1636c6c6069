//! The headless binary: its contract with scripts.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod evaluation;
#[path = "../support/networks.rs"]
mod networks;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const NETWORK: &str = "pretrained:object_attention_digits";

fn gainfield(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gainfield")).args(arguments).output().unwrap()
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The JSON on stdout of a command that must succeed.
fn json(arguments: &[&str]) -> Value {
    let output = gainfield(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The one sentence on stderr of a command that must fail with this status.
fn sentence(status: i32, arguments: &[&str]) -> String {
    let output = gainfield(arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?} printed a result");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("gainfield: "), "{stderr}");
    stderr
}

#[test]
fn info_describes_a_checkpoint() {
    let path = root("tests/golden/checkpoints/oba/mnist_n3_random_init.pt");
    let info = json(&["info", text(&path), "--json"]);
    assert_eq!((&info["family"], &info["variant"]), (&"object_attention".into(), &"digits".into()));
    assert_eq!(info["time_unit"], "pass");
    assert_eq!(info["config"]["objects"]["value"], 3);
    assert_eq!(info["config"]["objects"]["source"], "inferred");
    assert_eq!(info["config"]["strength"]["source"], "default");
    assert!(info["parameters"].as_u64().unwrap() > 50_000);
    assert_eq!(info["tensors"]["matched"], 12);
    for key in ["missing", "unexpected", "mismatched"] {
        assert_eq!(info["tensors"][key], serde_json::json!([]));
    }
    let areas = info["areas"].as_array().unwrap();
    let conv1 = areas.iter().find(|area| area["name"] == "conv1_out").unwrap();
    assert_eq!(conv1["shape"], serde_json::json!([20, 25, 53]));

    let given = json(&["info", text(&path), "--json", "--set", "strength=0.4"]);
    assert_eq!(given["config"]["strength"], serde_json::json!({"value": 0.4, "source": "given"}));

    let gate = root("tests/golden/checkpoints/resatt_small/model_random_init.pth");
    let info = json(&["info", text(&gate), "--json"]);
    assert_eq!((&info["family"], &info["variant"]), (&"recurrent_gating".into(), &"resatt".into()));
}

#[test]
fn errors_are_one_sentence_and_a_status() {
    let no_checkpoint = root("Cargo.toml");
    assert!(sentence(1, &["info", text(&no_checkpoint)]).contains("Cargo.toml"));
    assert!(sentence(1, &["info", "no such file.pt"]).contains("no such file.pt"));
    assert!(sentence(1, &["parity", "no such folder"]).contains("no such folder"));
    assert!(sentence(2, &["run", NETWORK]).contains("--out"));
    assert!(sentence(2, &["run", NETWORK, "--n", "0", "--out", "x"]).contains("at least 1"));
    assert_eq!(gainfield(&["run"]).status.code(), Some(2));
    assert_eq!(gainfield(&["explode"]).status.code(), Some(2));
    assert_eq!(gainfield(&["run", NETWORK, "--stimulus", "digit", "--out", "x"]).status.code(), Some(2));
    assert_eq!(gainfield(&["--help"]).status.code(), Some(0));
}

#[test]
fn a_network_in_time_runs_on_timed_pictures() {
    let path = root("tests/golden/checkpoints/tiny_base4_mnist_r2_random_init.pth");
    let info = json(&["info", text(&path), "--json"]);
    assert_eq!((&info["family"], &info["variant"]), (&"cordsnet".into(), &"r2".into()));
    assert_eq!((&info["time_unit"], &info["parameters"]), (&"ms".into(), &3048.into()));
    assert_eq!(info["config"]["alpha"], serde_json::json!({"value": 0.2, "source": "default"}));
    let folder = tempfile::tempdir().unwrap();
    let run = |out: &str, more: &[&str]| {
        let out = folder.path().join(out);
        let mut arguments = vec!["run", text(&path), "--record", "all", "--out", text(&out)];
        arguments.extend(["--device", "cpu", "--json", "--quiet"]);
        arguments.extend(more);
        json(&arguments)["results"].clone()
    };
    let default = run("a", &["--steps", "5"]);
    assert_eq!((&default["timesteps"], &default["published_timesteps"]), (&105.into(), &200.into()));
    assert!(folder.path().join("a/recording.safetensors").is_file());
    let timed = "one-digit:before=2,shown=3,after=1,pictures=2";
    let sequence = run("b", &["--stimulus", timed, "--set", "warm_up=4", "--set", "timesteps=1", "--n", "3"]);
    assert_eq!(sequence["timesteps"], 4 + 2 + 6 + 1);
    // The read-out at the end of each picture is scored.
    let scored: Vec<&Value> =
        sequence["accuracy"]["sweeps"].as_array().unwrap().iter().map(|scored| &scored["t"]).collect();
    assert_eq!(scored, [8, 11]);
    assert!(sentence(1, &["info", text(&path), "--set", "depth=4"]).contains("widths"));
}

#[test]
fn parity_reports_rows_and_a_status() {
    let folder = tempfile::tempdir().unwrap();
    let golden = root("tests/golden/oba/ops.safetensors");
    let copy = folder.path().join("ops.safetensors");
    std::fs::copy(&golden, &copy).unwrap();
    let rows = json(&["parity", text(folder.path()), "--json"]);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 12);
    for row in rows {
        assert_eq!((&row["file"], &row["kind"]), (&"ops.safetensors".into(), &"ops".into()));
        assert_eq!(row["ok"], true);
        assert!(row["excess"].as_f64().unwrap() <= 1.0 && row["worst"].is_f64());
        assert!(row["tolerance"]["abs"].is_f64() && row["rule"].is_string() && row["quantity"].is_string());
    }
    assert_eq!(json(&["parity", text(folder.path()), "--json", "--kind", "none"]), serde_json::json!([]));

    // The last byte of the file belongs to the last tensor.
    let mut bytes = std::fs::read(&golden).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 0x40;
    std::fs::write(&copy, bytes).unwrap();
    let output = gainfield(&["parity", text(folder.path()), "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(rows.iter().filter(|row| row["ok"] == false).count(), 1);
}

#[test]
fn a_run_writes_its_files_and_repeats() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("a"), folder.path().join("b"));
    let run = |out: &Path| {
        json(&[
            "run",
            NETWORK,
            "--n",
            "6",
            "--seed",
            "3",
            "--record",
            "conv1_out",
            "--every",
            "5",
            "--out",
            text(out),
            "--device",
            "cpu",
            "--json",
            "--quiet",
        ])
    };
    let report = run(&first);
    assert_eq!(report["seed"], 3);
    let files: Vec<&str> =
        report["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    assert!(files.iter().all(|file| Path::new(file).is_file()), "{files:?}");
    let accuracy = &report["results"]["accuracy"];
    let phases = accuracy["phases"].as_array().unwrap();
    assert!(!phases.is_empty() && phases.iter().all(|phase| phase["n"] == 6));
    let [low, high] = [0, 1].map(|end| accuracy["mean"]["interval"][end].as_f64().unwrap());
    let mean = accuracy["mean"]["accuracy"].as_f64().unwrap();
    assert!(low <= mean && mean <= high && high <= 1.0);

    let again = run(&second);
    assert_eq!(again["results"], report["results"]);
    let read = |folder: &Path, name: &str| std::fs::read(folder.join(name)).unwrap();
    assert!(read(&first, "readout.csv") == read(&second, "readout.csv"));
    assert!(read(&first, "config.toml") == read(&second, "config.toml"));

    // The recipe that was written runs the same again; a flag goes before it.
    let third = folder.path().join("c");
    let recipe = first.join("recipe.toml");
    let report = json(&["run", "--recipe", text(&recipe), "--out", text(&third), "--json"]);
    assert_eq!(report["results"], again["results"]);
    assert!(read(&first, "readout.csv") == read(&third, "readout.csv"));
}

#[test]
fn interventions_and_recipes_name_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("i.toml");
    let out = folder.path().join("out");
    std::fs::write(&file, "[[intervention]]\narea = \"conv9\"\naction = { kind = \"silence\" }\n").unwrap();
    let arguments = ["run", NETWORK, "--interventions", text(&file), "--out", text(&out)];
    assert!(sentence(1, &arguments).contains("conv9"));
    assert!(!out.exists(), "nothing is left of a run that failed");
    let recipe = folder.path().join("r.toml");
    std::fs::write(&recipe, format!("model = {NETWORK:?}\nsede = 1\n")).unwrap();
    let arguments = ["run", "--recipe", text(&recipe), "--out", text(&out)];
    assert!(sentence(2, &arguments).contains("did you mean \"seed\""));
}

#[test]
fn devices_and_cases_are_listed() {
    let devices = json(&["devices", "--json"]);
    assert_eq!(devices[0], serde_json::json!({"device": "cpu", "available": true, "reason": null}));
    let output = gainfield(&["bench", "--list", "--json", "--filter", "mnist_step"]);
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines[0], r#"{"case":"mnist_step","batch":1,"items":1}"#);
    assert_eq!(lines.len(), 2);
}

#[test]
fn connectivity_is_drawn_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = json(&["connectivity", NETWORK, "--out", text(folder.path()), "--json"]);
    let graph = &drawn["graph"];
    let connections = graph["connections"].as_array().unwrap();
    let parameters: u64 = connections.iter().map(|c| c["parameters"].as_u64().unwrap()).sum();
    assert_eq!(graph["parameters"].as_u64(), Some(parameters));
    assert!(connections.iter().any(|c| c["direction"] == "gain" && c["delay"] == 1));
    for name in ["connectivity.svg", "connectivity.tex", "connectivity.json", "connectivity.areas.csv"] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
    let unrolled = ["connectivity", NETWORK, "--unrolled", "--steps", "3", "--time"];
    let drawn = json(&[&unrolled[..], &["--out", text(folder.path()), "--json"]].concat());
    assert!(drawn["graph"]["ms_per_timestep"].as_f64().unwrap() > 0.0);
    let svg = std::fs::read_to_string(folder.path().join("connectivity_unrolled.svg")).unwrap();
    assert!(svg.contains("t = 2") && !svg.contains("t = 3"));
    assert!(sentence(2, &["connectivity", NETWORK, "--out", "x", "--steps", "0"]).contains("at least 1"));
}

#[test]
fn a_new_network_is_drawn_saved_and_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let small = ["new", "blt", "--set", "widths=[32,32,32,32,32,32]", "--set", "image_size=64"];
        json(&[&small[..], more, &["--out", text(&out), "--json"]].concat())
    };
    let base = made("base.safetensors", &["--start", "blt_b2l", "--seed", "4"]);
    assert_eq!((&base["variant"], base["kept"].as_array().unwrap().len()), (&"blt_b2l".into(), 0));
    let file = folder.path().join("base.safetensors");
    let like = made("like", &["--like", text(&file), "--set", "pool=blur"]);
    assert!(like["drawn"].as_array().unwrap().iter().all(|name| name.as_str().unwrap().ends_with("filt")));
    let info = json(&["info", text(&folder.path().join("like.safetensors")), "--json"]);
    assert_eq!(info["config"]["pool"]["value"], "blur");
    let provenance = std::fs::read_to_string(folder.path().join("base.provenance.json")).unwrap();
    assert!(provenance.contains("gainfield new blt --start blt_b2l"));
    assert!(sentence(2, &["new", "blt", "--start", "blt_bq", "--out", "x"]).contains("blt_b"));
}
