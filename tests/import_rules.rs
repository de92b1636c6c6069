//! Who may import whom: the arrows of `docs/architecture.md`, enforced.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Modules everyone may use.
const EVERYWHERE: [&str; 6] = ["error", "Error", "Result", "files", "glob", "provenance"];

/// What a module may use besides itself and [`EVERYWHERE`]. Modules that are not listed are free,
/// but for the rules on families.
const ALLOWED: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("files", &[]),
    ("glob", &[]),
    ("rng", &[]),
    ("progress", &[]),
    ("compute", &[]),
    ("weights", &[]),
    ("figure", &[]),
    ("connectivity", &["dynamics", "figure"]),
    ("device", &[]),
    ("settings", &[]),
    ("ops", &["weights", "rng", "compute"]),
    ("nn", &["ops", "weights", "rng"]),
    ("dynamics", &["ops", "stimulus", "weights", "rng"]),
    ("recording", &["dynamics"]),
    ("analysis", &["recording", "dynamics", "stimulus", "rng"]),
    ("stimulus", &["rng", "checkpoint", "settings"]),
    ("task", &["stimulus", "dynamics", "rng"]),
    (
        "train",
        &[
            "checkpoint",
            "task",
            "figure",
            "dynamics",
            "recording",
            "analysis",
            "ops",
            "weights",
            "rng",
            "compute",
            "device",
            "provenance",
            "settings",
            "stimulus",
        ],
    ),
    ("parity", &["device", "rng", "ops"]),
    ("provenance", &["stimulus", "device"]),
    ("checkpoint", &["weights", "provenance", "settings"]),
    ("model", &["checkpoint", "dynamics", "settings", "weights", "device"]),
];

/// Modules that may know the families by name: what opens, checks, times and trains models.
const KNOWS_FAMILIES: [&str; 5] = ["families", "recipe", "bench", "probe", "pretrained"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below `folder`, with their path in it.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// Code outside tests, without line comments.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap();
    code.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// First names after `prefix::` (`crate` or `super` chains are not followed), also inside braces.
fn imported(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(first_names(group)),
            None => names.extend(word(rest)),
        }
    }
    names
}

fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// First name of every entry of a braced list whose opening brace is gone.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut entry) = (1, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            names.extend(word(entry.trim()));
            entry.clear();
            if depth == 0 {
                break;
            }
        } else {
            entry.push(c);
        }
    }
    names
}

/// Module of a file below `src`, and its family if it belongs to one.
fn module_of(path: &Path) -> (String, Option<String>) {
    let relative = path.strip_prefix(root().join("src")).unwrap();
    let parts: Vec<String> =
        relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let module = parts[0].trim_end_matches(".rs").to_owned();
    let family = (module == "families" && parts.len() > 2).then(|| parts[1].clone());
    (module, family)
}

#[test]
fn modules_import_only_what_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let mut breaches = Vec::new();
    for (path, text) in sources(&root().join("src")) {
        let (module, _) = module_of(&path);
        // The two binaries and the module list speak for the whole.
        if ["lib", "main", "cli"].contains(&module.as_str()) {
            continue;
        }
        let Some(allowed) = allowed.get(module.as_str()) else { continue };
        for name in imported(&code(&text), "crate::") {
            let is_free = name == module || EVERYWHERE.contains(&name.as_str());
            if !is_free && !allowed.contains(&name.as_str()) {
                breaches.push(format!("{}: {module} may not import {name}", path.display()));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn families_do_not_know_one_another_and_few_know_them() {
    let mut breaches = Vec::new();
    for (path, text) in sources(&root().join("src")) {
        let (module, family) = module_of(&path);
        let code = code(&text);
        let used = imported(&code, "crate::families::");
        match &family {
            Some(own) => {
                let others = used.iter().filter(|name| *name != own);
                breaches.extend(others.map(|name| format!("{}: {own} imports {name}", path.display())));
            }
            None => {
                let knows = imported(&code, "crate::").contains("families");
                if knows && !KNOWS_FAMILIES.contains(&module.as_str()) {
                    breaches.push(format!("{}: {module} may not know the families", path.display()));
                }
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn the_library_has_no_window_and_the_window_no_tensors() {
    let dependencies = |path: &str| -> Vec<String> {
        let manifest: toml::Table =
            toml::from_str(&std::fs::read_to_string(root().join(path)).unwrap()).unwrap();
        manifest["dependencies"].as_table().unwrap().keys().cloned().collect()
    };
    let library = dependencies("Cargo.toml");
    for window in ["egui", "eframe", "egui_plot", "egui_tiles", "rfd", "winit"] {
        assert!(!library.iter().any(|name| name == window), "the library depends on {window}");
    }
    let window = dependencies("ui/Cargo.toml");
    assert!(!window.iter().any(|name| name.starts_with("candle")), "the window depends on tensors");
}

#[test]
fn imports_are_found_in_every_form() {
    let code = "use crate::error::{Error, Result};\nuse crate::{files, rng::{self, Rng},\n  ops};\n\
                fn f() { crate::glob::matches(a, b); mycrate::x(); }";
    let names: Vec<String> = imported(code, "crate::").into_iter().collect();
    assert_eq!(names, ["error", "files", "glob", "ops", "rng"]);
}
