//! Figures as files: what the SVG, PNG and CSV of whole figures hold.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod demonstration;
mod gallery;
mod page;

use std::path::Path;

use gainfield::figure::{
    Axis, Band, Figure, Ink, Line, Panel, Plot, Points, Reference, Role, Series, Width, csv, png, svg,
};
use proptest::prelude::*;

use demonstration::demonstration;
use gallery::gallery;
use page::Page;

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
fn no_text_touches_other_text_or_leaves_the_page() {
    for (name, figure) in [("demonstration", demonstration().unwrap()), ("gallery", gallery().unwrap())] {
        keep(name, &figure);
        for width in Width::PRESETS {
            let figure = Figure { width, ..figure.clone() };
            Page::read(&svg(&figure)).assert_legible(&format!("{name} at {} mm", width.mm()));
        }
    }
}

#[test]
fn series_are_named_beside_their_data_in_their_colours() {
    let page = Page::read(&svg(&demonstration().unwrap()));
    for (name, colour) in [("attended", "#b55a00"), ("first pass", "#4a5159"), ("unattended", "#0b66b8")] {
        let found: Vec<_> = page.texts.iter().filter(|text| text.text == name).collect();
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].fill, colour, "{name}");
    }
    let height = |name: &str| page.texts.iter().find(|text| text.text == name).unwrap().rect[1];
    assert!(height("attended") < height("first pass") && height("first pass") < height("unattended"));
}

#[test]
fn lengths_are_those_of_the_presets() {
    let svg = svg(&demonstration().unwrap());
    assert!(svg.contains(" width=\"85mm\" ") && svg.contains("viewBox=\"0 0 240.94 "));
    assert!(svg.contains("font-family=\"Inter, Arial, Helvetica, sans-serif\""));
    let page = Page::read(&svg);
    assert!(page.texts.iter().all(|text| [6.0, 7.0, 8.0].contains(&text.size)));
    let letters: Vec<&str> = page.texts.iter().filter(|t| t.size == 8.0).map(|t| t.text.as_str()).collect();
    assert_eq!(letters, ["a", "b", "c", "d"]);
    let strokes = [0.3, 0.4, 0.6, 0.7, 0.75, 1.0, 1.2];
    assert!(page.strokes.iter().all(|width| strokes.contains(width)), "{:?}", page.strokes);
}

#[test]
fn maps_are_one_picture_each_at_their_own_resolution() {
    let svg = svg(&demonstration().unwrap());
    let page = Page::read(&svg);
    let sizes: Vec<[u32; 2]> = page.pictures.clone();
    assert_eq!(sizes.iter().filter(|&&size| size == [42, 28]).count(), 10);
    assert_eq!(sizes.iter().filter(|&&size| size == [1, 256]).count(), 1);
    assert_eq!(sizes.len(), 11);
    assert!(page.n_elements < 500, "{}", page.n_elements);
    assert_eq!(svg.matches("image-rendering:pixelated").count(), 11);
    assert!(svg.len() < 120_000, "{}", svg.len());
}

#[test]
fn the_same_figure_gives_the_same_bytes() {
    let [a, b] = [demonstration().unwrap(), demonstration().unwrap()];
    assert_eq!(svg(&a), svg(&b));
    assert_eq!(csv(&a).unwrap(), csv(&b).unwrap());
}

/// A figure without transcendental functions, so that its text is the same on every machine.
fn fixed() -> Figure {
    let x: Vec<f64> = (0..=8).map(|i| f64::from(i) * 22.5).collect();
    let y: Vec<f64> = x.iter().map(|x| 1.0 - ((x - 90.0) / 90.0) * ((x - 90.0) / 90.0)).collect();
    let half: Vec<f64> = y.iter().map(|y| 0.25 * y).collect();
    let around = |sign: f64| y.iter().map(|y| y + sign * 0.1).collect();
    let mut gap = y.clone();
    gap[6] = f64::NAN;
    let attended = Series::new("attended", Role::Attended);
    let unattended = Series::new("unattended", Role::Unattended);
    let plot = Plot::new(
        Axis::new("Orientation").unit("°").ticks_every(45.0),
        Axis::new("Response < 2").unit("a.u.").range(0.0, 1.05),
    )
    .with(Band::new(attended.clone(), x.clone(), around(-1.0), around(1.0), "range").unwrap())
    .with(Line::of(attended.clone(), &x, &gap).unwrap())
    .with(Points::of(attended, &x, &y).unwrap())
    .with(Line::of(unattended, &x, &half).unwrap())
    .with(Reference::vertical(90.0, "preferred").unwrap());
    Figure::single(Width::OneColumn, Panel::new("tuning", plot)).unwrap()
}

#[test]
fn a_fixed_figure_is_written_as_before() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/figure");
    let figure = fixed();
    for (name, found) in [("tuning.svg", svg(&figure).into_bytes()), ("tuning.csv", csv(&figure).unwrap())] {
        let path = folder.join(name);
        if std::env::var_os("GAINFIELD_UPDATE_SNAPSHOTS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap();
        let found = String::from_utf8(found).unwrap();
        for (i, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
            assert_eq!(found, expected, "{name}, line {}; GAINFIELD_UPDATE_SNAPSHOTS=1 accepts it", i + 1);
        }
        assert_eq!(found.lines().count(), expected.lines().count(), "{name}");
    }
}

#[test]
fn gaps_break_lines_and_only_what_leaves_the_axes_is_clipped() {
    let svg = svg(&fixed());
    let line = |series: &str, class: &str| {
        let start = svg.find(&format!("<g class=\"{class}\" data-series=\"{series}\">")).unwrap();
        svg[start..start + svg[start..].find("</g>").unwrap()].to_owned()
    };
    assert_eq!(line("attended", "line").matches('M').count(), 2);
    assert_eq!(line("unattended", "line").matches('M').count(), 1);
    assert!(line("attended", "band").contains("clip-path=\"url(#area-0)\""));
    assert!(!line("unattended", "line").contains("clip-path"));
    assert!(svg.contains("Response &lt; 2 (a.u.)"));
}

#[test]
fn values_beyond_the_axes_are_drawn_at_the_edge_and_counted() {
    let points = vec![[0.5, 0.5], [0.2, 7.0], [-3.0, 0.1], [0.4, f64::NAN]];
    let points = Points::new(Series::new("units", Ink::Text).quiet(), points).unwrap();
    let plot = Plot::new(Axis::new("x").range(0.0, 1.0), Axis::new("y").range(0.0, 1.0)).with(points);
    let svg = svg(&Figure::single(Width::OneColumn, Panel::new("cloud", plot)).unwrap());
    assert!(svg.contains(">2 off the axis</text>"));
    assert_eq!(svg.matches("<circle").count(), 1);
    let edges = &svg[svg.find("class=\"outside\"").unwrap()..];
    assert_eq!(edges.matches("<path").count(), 2);
}

#[test]
fn more_than_four_series_go_to_a_legend_with_all_their_marks() {
    let mut plot = Plot::new(Axis::new("x"), Axis::new("y"));
    for i in 0..5 {
        let series = Series::new(format!("unit {i}"), Ink::Category(i));
        let points: Vec<[f64; 2]> = (0..4).map(|x| [f64::from(x), i as f64]).collect();
        // The line is quiet, but the points of the same name are not.
        plot = plot.with(Line::new(series.clone().quiet(), points.clone()).unwrap());
        plot = plot.with(Points::new(series, points).unwrap());
    }
    let svg = svg(&Figure::single(Width::OneColumn, Panel::new("units", plot)).unwrap());
    let legend = &svg[svg.find("class=\"legend\"").unwrap()..];
    assert_eq!(legend.matches("<text").count(), 5);
    // Closed paths are markers, open ones the samples of the lines.
    let lines = legend.matches("<path d=").count() - legend.matches("Z\"/>").count();
    assert_eq!(lines, 5);
    Page::read(&svg).assert_legible("five units");
}

fn names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[A-Za-z][a-z0-9 ]{0,18}[a-z]", 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_names_and_curves_stay_legible(
        names in names(),
        slopes in prop::collection::vec(-2.0_f64..2.0, 8),
        title in "[A-Za-z ]{0,60}",
        scale in -6_i32..6,
        width in prop::sample::select(Width::PRESETS.to_vec()),
        equal in any::<bool>(),
    ) {
        let size = 10_f64.powi(scale);
        let mut plot = Plot::new(Axis::new(title.clone()).unit("ms"), Axis::new(title));
        plot.equal_axes = equal;
        for (i, (name, slope)) in names.iter().zip(&slopes).enumerate() {
            let points = (0..40).map(|t| {
                let t = f64::from(t) / 40.0;
                [t, size * (slope * t + (6.0 * t + i as f64).sin())]
            });
            plot = plot.with(Line::new(Series::new(name, Ink::Category(i)), points.collect()).unwrap());
        }
        let beside = Panel::new("beside", Plot::new(Axis::new("x"), Axis::new("y")));
        let figure = Figure::row(width, [Panel::new("curves", plot).headline("n = 19 of 50, 31 excluded: peak below 0.15"), beside]).unwrap();
        Page::read(&svg(&figure)).assert_legible("curves");
    }
}
