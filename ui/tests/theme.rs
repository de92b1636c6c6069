//! The palettes keep the contrasts that design/look.md states, and no other file names a colour.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use std::fs;
use std::path::{Path, PathBuf};

use egui::Color32;
use gainfield::figure::colour::contrast;
use gainfield_ui::theme::{DARK, LIGHT, Tokens};

fn ratio(a: Color32, b: Color32) -> f64 {
    let rgb = |c: Color32| [c.r(), c.g(), c.b()];
    contrast(rgb(a), rgb(b))
}

fn surfaces(t: &Tokens) -> [(&'static str, Color32); 6] {
    [
        ("well", t.well),
        ("base", t.base),
        ("panel", t.panel),
        ("raised", t.raised),
        ("hover", t.hover),
        ("sel", t.sel),
    ]
}

#[test]
fn the_stated_contrasts_hold() {
    let dark: [(Color32, [f64; 6]); 7] = [
        (DARK.text, [16.6, 15.7, 14.7, 13.1, 10.8, 11.0]),
        (DARK.text2, [9.9, 9.4, 8.7, 7.8, 6.4, 6.5]),
        (DARK.text3, [6.4, 6.1, 5.7, 5.1, 4.2, 4.3]),
        (DARK.accent, [8.5, 8.0, 7.5, 6.7, 5.5, 5.6]),
        (DARK.warn, [11.5, 10.9, 10.2, 9.1, 7.5, 7.6]),
        (DARK.err, [7.7, 7.3, 6.8, 6.0, 5.0, 5.1]),
        (DARK.ok, [9.5, 9.0, 8.5, 7.5, 6.2, 6.3]),
    ];
    let light: [(Color32, [f64; 6]); 7] = [
        (LIGHT.text, [17.6, 15.0, 16.6, 17.6, 14.5, 13.8]),
        (LIGHT.text2, [8.7, 7.4, 8.2, 8.7, 7.1, 6.8]),
        (LIGHT.text3, [5.5, 4.7, 5.2, 5.5, 4.5, 4.3]),
        (LIGHT.accent, [6.6, 5.6, 6.2, 6.6, 5.4, 5.1]),
        (LIGHT.warn, [5.9, 5.1, 5.6, 5.9, 4.9, 4.6]),
        (LIGHT.err, [5.9, 5.0, 5.5, 5.9, 4.8, 4.6]),
        (LIGHT.ok, [5.4, 4.6, 5.0, 5.4, 4.4, 4.2]),
    ];
    for (theme, table) in [(&DARK, dark), (&LIGHT, light)] {
        for (color, stated) in table {
            for ((name, surface), stated) in surfaces(theme).into_iter().zip(stated) {
                let found = ratio(color, surface);
                assert!((found - stated).abs() < 0.07, "{color:?} on {name}: {found:.2}, stated {stated}");
            }
        }
    }
}

#[test]
fn text_is_readable_and_controls_are_seen() {
    for t in [&DARK, &LIGHT] {
        for (name, surface) in surfaces(t) {
            assert!(ratio(t.text, surface) >= 4.5, "text on {name}");
            assert!(ratio(t.text2, surface) >= 4.5, "text2 on {name}");
        }
        for surface in [t.well, t.base, t.panel, t.raised] {
            assert!(ratio(t.text3, surface) >= 4.5, "text3 on {surface:?}");
            assert!(ratio(t.control, surface) >= 3.0, "control on {surface:?}");
        }
        for category in t.categorical {
            assert!(ratio(category, t.well) >= 3.0, "{category:?} on well");
        }
        assert!(ratio(t.on_fill, t.fill) >= 4.5);
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_other_file_holds_a_literal_colour() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    assert!(files.len() > 30, "found {} files below {}", files.len(), source.display());
    for path in files {
        if path.starts_with(source.join("theme")) {
            continue;
        }
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            // Colours that follow from data are built from variables; a literal starts with a digit.
            for call in [
                "from_rgb(",
                "from_gray(",
                "from_black_alpha(",
                "from_white_alpha(",
                "from_rgba_unmultiplied(",
            ] {
                let literal =
                    line.split(call).skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
                assert!(!literal, "{}:{} names a colour: {}", path.display(), number + 1, line.trim());
            }
            for name in [
                "Color32::RED",
                "Color32::GREEN",
                "Color32::BLUE",
                "Color32::YELLOW",
                "Color32::GRAY",
                "Color32::BLACK",
            ] {
                assert!(!line.contains(name), "{}:{} names a colour", path.display(), number + 1);
            }
        }
    }
}
