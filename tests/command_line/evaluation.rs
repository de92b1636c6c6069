//! `evaluate` and `extract` on every family, and lists of trials.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{NETWORK, gainfield, json as report, root, sentence, text};
use crate::networks::{saved_blt, saved_counter_hebb};

const CORDSNET: &str = "tests/golden/checkpoints/tiny_base4_mnist_r2_random_init.pth";

/// Three grey pictures, named in a list with times, answers and conditions.
fn trials(folder: &Path, list: &str) -> PathBuf {
    for (name, grey) in [("a.png", 30_u8), ("b.png", 120), ("c.png", 250)] {
        image::GrayImage::from_pixel(30, 30, image::Luma([grey])).save(folder.join(name)).unwrap();
    }
    let path = folder.join("trials.csv");
    std::fs::write(&path, list).unwrap();
    path
}

fn rows<'a>(report: &'a Value, moment: &str, group: &str) -> Vec<&'a Value> {
    let rows = report["results"]["rows"].as_array().unwrap();
    rows.iter().filter(|row| row["moment"] == moment && row["group"] == group).collect()
}

#[test]
fn evaluation_counts_over_phases_timesteps_and_classes_as_a_run_does() {
    let folder = tempfile::tempdir().unwrap();
    let (out, run_out) = (folder.path().join("evaluation"), folder.path().join("run"));
    let shown = ["--n", "70", "--seed", "3", "--json", "--quiet", "--device", "cpu"];
    let found = report(&[&["evaluate", NETWORK, "--out", text(&out)], &shown[..]].concat());
    let run = report(&[&["run", NETWORK, "--out", text(&run_out)], &shown[..]].concat());
    let accuracy = &run["results"]["accuracy"];
    let phases = rows(&found, "phase", "all");
    assert_eq!(phases.len(), 2);
    for (row, scored) in phases.iter().zip(accuracy["phases"].as_array().unwrap()) {
        assert_eq!(
            (&row["correct"], &row["n"], &row["interval"]),
            (&scored["correct"], &scored["n"], &scored["interval"])
        );
    }
    let last = rows(&found, "final", "all")[0];
    assert_eq!((&last["correct"], &last["n"]), (&accuracy["mean"]["correct"], &140.into()));
    assert!(last["loss"]["interval"][0].as_f64() < last["loss"]["mean"].as_f64());
    let mask_losses: Vec<f64> = phases.iter().map(|row| row["mask_loss"]["mean"].as_f64().unwrap()).collect();
    let mean = last["mask_loss"]["mean"].as_f64().unwrap();
    assert!((mask_losses.iter().sum::<f64>() / 2.0 - mean).abs() < 1e-9 && mean > 0.0);
    let classes = rows(&found, "final", "class");
    let n: u64 = classes.iter().map(|row| row["n"].as_u64().unwrap()).sum();
    assert_eq!((classes.len(), n, last.get("top5")), (10, 140, None));
    let timesteps = found["results"]["timesteps"].as_u64().unwrap() as usize;
    assert_eq!(rows(&found, "timestep", "all").len(), timesteps);
    for file in found["files"].as_array().unwrap() {
        assert!(Path::new(file.as_str().unwrap()).is_file(), "{file}");
    }
    assert!(out.join("accuracy_over_time.svg").is_file());
    // A phase begins anew: its line does not go on from the last one.
    let curves = std::fs::read_to_string(out.join("accuracy_over_time.csv")).unwrap();
    assert!(curves.contains("phase 1") && curves.contains("phase 2"), "{curves}");
    let provenance = std::fs::read_to_string(out.join("evaluation.provenance.json")).unwrap();
    assert!(provenance.contains("gainfield evaluate pretrained:object_attention_digits"));
    // The recipe that was written evaluates the same again.
    let recipe = out.join("recipe.toml");
    let again = report(&["evaluate", "--recipe", text(&recipe), "--json", "--quiet"]);
    assert_eq!(again["results"], found["results"]);
    let printed = gainfield(&["evaluate", NETWORK, "--n", "4", "--quiet"]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.contains("phase 2") && printed.contains("final, class "), "{printed}");
}

#[test]
fn every_family_is_evaluated_on_sets_and_its_own_tasks() {
    let folder = tempfile::tempdir().unwrap();
    let (blt, hebb) = (saved_blt(folder.path()), saved_counter_hebb(folder.path(), [1, 28, 28]));
    let cordsnet = root(CORDSNET);
    let gating = root("tests/golden/checkpoints/resatt_small/model_random_init.pth");
    let of = |path: &Path, more: &[&str]| {
        report(&[&["evaluate", text(path), "--n", "3", "--json", "--quiet"], more].concat())
    };
    let found = of(&cordsnet, &["--stimulus", "set:mnist", "--steps", "4", "--warm-up", "2"]);
    assert_eq!(rows(&found, "timestep", "all").len(), 4);
    assert_eq!(rows(&found, "final", "all")[0]["n"], 3);
    let found = of(&blt, &["--stimulus", "set:folders,classes=2"]);
    assert!(rows(&found, "timestep", "all").len() > 1 && rows(&found, "phase", "all").is_empty());
    let found = of(&hebb, &[]);
    assert_eq!(rows(&found, "final", "all")[0]["n"], 3);
    let found = of(&gating, &["--stimulus", "set:folders,classes=2", "--control", "task=task 0"]);
    assert_eq!(rows(&found, "timestep", "all")[0]["n"], 3);
    // Too many classes, and nothing to be right about.
    let many = ["evaluate", text(&blt), "--stimulus", "set:mnist", "--n", "9", "--quiet"];
    assert!(sentence(1, &many).contains("below the 5 classes"));
    let scene = ["evaluate", text(&blt), "--stimulus", "scene", "--quiet"];
    assert!(sentence(1, &scene).contains("has no end"));
    let scene = ["evaluate", text(&blt), "--stimulus", "scene", "--n", "2", "--quiet"];
    assert!(sentence(1, &scene).contains("no right answers"));
}

#[test]
fn lists_of_trials_are_shown_by_the_clock_of_the_model_and_told_apart_by_condition() {
    let folder = tempfile::tempdir().unwrap();
    let list = "file,onset,duration,label,side\na.png,0,8,3,left\nb.png,4,4,0,right\nc.png,0,8,9,left\n";
    let list = trials(folder.path(), list);
    let cordsnet = root(CORDSNET);
    let data = text(folder.path());
    let small = ["--set", "warm_up=2", "--set", "timesteps=6", "--json", "--quiet"];
    let arguments = [&["evaluate", text(&cordsnet), "--data", data], &small[..]].concat();
    let found = report(&arguments);
    let sides = rows(&found, "final", "side");
    let counts: Vec<(&str, u64)> =
        (sides.iter()).map(|row| (row["value"].as_str().unwrap(), row["n"].as_u64().unwrap())).collect();
    assert_eq!(counts, [("left", 2), ("right", 1)]);
    // 8 ms are 4 timesteps of 2 ms; b is shown from the third on, after the 2 of spontaneous activity.
    let at = |t: u64| {
        rows(&found, "timestep", "all")
            .iter()
            .filter(|row| row["t"] == t)
            .map(|row| row["n"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!((at(2), at(4), at(6)), (vec![json!(2)], vec![json!(3)], vec![]));
    // The same trials run, and their conditions stand in the table.
    let out = folder.path().join("run");
    let spec = format!("trials:{}", list.display());
    let arguments = ["run", text(&cordsnet), "--stimulus", &spec, "--n", "3", "--out", text(&out)];
    report(&[&arguments, &small[..]].concat());
    let table = std::fs::read_to_string(out.join("readout.csv")).unwrap();
    assert!(table.lines().next().unwrap().ends_with("label,side"));
    assert!(table.contains(",left") && table.contains(",right"));
    std::fs::write(&list, "file,onset\na.png,soon\n").unwrap();
    let arguments = ["evaluate", text(&cordsnet), "--stimulus", &spec, "--quiet"];
    assert!(sentence(1, &arguments).contains("line 2, column \"onset\""));
}

/// Names and bytes of the arrays of an archive.
fn arrays(path: &Path) -> Vec<(String, Vec<u8>)> {
    use std::io::Read as _;
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    let mut read = |name: &String| {
        let mut bytes = Vec::new();
        archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        (name.clone(), bytes)
    };
    names.iter().map(&mut read).collect()
}

fn header(arrays: &[(String, Vec<u8>)], name: &str) -> String {
    let (_, bytes) = arrays.iter().find(|(known, _)| known == name).unwrap();
    String::from_utf8_lossy(&bytes[10..bytes.len().min(128)]).into_owned()
}

#[test]
fn extraction_writes_activity_with_answers_names_and_axes() {
    let folder = tempfile::tempdir().unwrap();
    trials(folder.path(), "file,label,side\na.png,3,left\nb.png,0,right\nc.png,9,left\n");
    let (cordsnet, out) = (root(CORDSNET), folder.path().join("f.npz"));
    let found = report(&[
        "extract",
        text(&cordsnet),
        "--images",
        text(folder.path()),
        "--areas",
        "all,readout",
        "--steps",
        "0,4..6",
        "--pool",
        "mean",
        "--set",
        "warm_up=2",
        "--length",
        "4",
        "--out",
        text(&out),
        "--json",
        "--quiet",
    ]);
    assert_eq!((&found["results"]["trials"], &found["results"]["resumed_from"]), (&3.into(), &0.into()));
    assert_eq!(found["results"]["timesteps"], json!([0, 4, 5]));
    let arrays = arrays(&out);
    let first = found["results"]["arrays"][0][0].as_str().unwrap();
    let shape = &found["results"]["arrays"][0][1];
    assert_eq!((&shape[0], &shape[1], shape.as_array().unwrap().len()), (&3.into(), &3.into(), 3));
    assert!(header(&arrays, &format!("{first}.npy")).contains("'<f4'"));
    assert!(
        header(&arrays, "labels.npy").contains("'<i8'") && header(&arrays, "labels.npy").contains("(3,)")
    );
    assert!(header(&arrays, "readout.npy").contains("(3, 3, 10)"));
    assert!(header(&arrays, "files.npy").contains("'<U5'"));
    assert!(header(&arrays, "conditions.side.npy").contains("(3,)"));
    assert!(header(&arrays, &format!("axes.{first}.npy")).contains("(3,)"));
    assert!(folder.path().join("f.provenance.json").is_file());
    assert!(folder.path().join("f.recipe.toml").is_file() && !folder.path().join("f.npz.part").exists());
    let wrong = ["extract", text(&cordsnet), "--images", text(folder.path()), "--areas", "conv9", "--quiet"];
    assert!(sentence(1, &wrong).contains("conv9"));
}

/// Starts a command, and kills it once `file` is there.
#[cfg(unix)]
fn killed_once_there(arguments: &[&str], file: &Path) {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_gainfield"))
        .args(arguments)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !file.is_file() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[cfg(unix)]
#[test]
fn a_killed_extraction_goes_on_and_gives_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (whole, broken) = (at("whole.npz"), at("broken.npz"));
    let extract = |out: &Path| {
        let arguments = ["extract", NETWORK, "--n", "400", "--seed", "5", "--areas", "all,readout"];
        let more =
            ["--steps", "last", "--pool", "max", "--out", text(out), "--json", "--quiet", "--device", "cpu"];
        arguments.iter().chain(&more).map(|&argument| argument.to_owned()).collect::<Vec<String>>()
    };
    let run = |out: &Path| report(&extract(out).iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(run(&whole)["results"]["resumed_from"], 0);
    let arguments = extract(&broken);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    killed_once_there(&arguments, &at("broken.npz.part").join("state.json"));
    assert!(!broken.exists(), "the whole extraction was over before it could be killed");
    let other = [&arguments[..5], &["6"], &arguments[6..]].concat();
    assert!(sentence(1, &other).contains("another"));
    let resumed = run(&broken)["results"]["resumed_from"].as_u64().unwrap();
    assert!(resumed > 0 && resumed < 400, "{resumed}");
    assert!(std::fs::read(&whole).unwrap() == std::fs::read(&broken).unwrap());
}
