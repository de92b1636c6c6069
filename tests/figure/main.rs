//! Figures as files: what the SVG, PNG and CSV of whole figures hold.

mod demonstration;
mod gallery;

use gainfield::figure::{Figure, csv, png, svg};

use demonstration::demonstration;
use gallery::gallery;

/// Leaves the files of a figure in the folder of `GAINFIELD_TEST_FIGURES`, to be looked at.
fn keep(name: &str, figure: &Figure) {
    let Some(folder) = std::env::var_os("GAINFIELD_TEST_FIGURES").map(std::path::PathBuf::from) else {
        return;
    };
    let svg = svg(figure);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.png")), png::rasterise(&svg, 300).unwrap()).unwrap();
    std::fs::write(folder.join(format!("{name}.svg")), svg).unwrap();
    std::fs::write(folder.join(format!("{name}.csv")), csv(figure).unwrap()).unwrap();
}

#[test]
fn the_demonstration_is_written_and_looks_at_least_plausible() {
    let figure = demonstration().unwrap();
    let svg = svg(&figure);
    keep("demonstration", &figure);
    keep("gallery", &gallery().unwrap());
    assert!(svg.contains(">attended</text>"));
}
