//! Names of the builder: which letters stand for which connections.

use std::collections::BTreeSet;

use super::connections::ConnectionMatrix;
use super::geometry::Geometry;
use crate::error::{Error, Result};

/// Start of every name.
const PREFIX: &str = "blt_";
/// Letters for connections upwards, lateral and downwards, in the order of the source's list.
const UP: [&str; 3] = ["b", "b2", "b3"];
const LATERAL: [&str; 2] = ["", "l"];
const DOWN: [&str; 4] = ["", "t", "t2", "t3"];

/// Connections and geometry of a name of the builder: `blt_`, letters, and `_top2linear` or `_pm`.
///
/// # Errors
/// [`Error::Unknown`] for a name that the builder does not take.
pub fn parse(name: &str) -> Result<(ConnectionMatrix, Geometry)> {
    let unknown = || Error::unknown("network", name, all_names());
    let stem = name.strip_prefix(PREFIX).ok_or_else(unknown)?;
    let (letters, geometry) = match stem.split_once('_') {
        None => (stem, Geometry::Standard),
        Some((letters, "top2linear")) => (letters, Geometry::Top2linear),
        Some(("b", "pm")) => ("b", Geometry::Pm),
        Some(_) => return Err(unknown()),
    };
    if !letters.starts_with('b') || letters.contains(|c| !"blt23".contains(c)) {
        return Err(unknown());
    }
    let mut hops = BTreeSet::from([1]);
    let rules: [(&str, &[isize]); 6] =
        [("l", &[0]), ("b2", &[2]), ("b3", &[2, 3]), ("t", &[-1]), ("t2", &[-2]), ("t3", &[-2, -3])];
    for (text, more) in rules {
        if letters.contains(text) {
            hops.extend(more);
        }
    }
    Ok((ConnectionMatrix::of_hops(&hops), geometry))
}

/// The builder's name of a network; `None` where it has none.
pub fn name_of(connections: &ConnectionMatrix, geometry: Geometry) -> Option<String> {
    let suffix = match geometry {
        Geometry::Standard => "",
        Geometry::Top2linear => "_top2linear",
        Geometry::Pm => "_pm",
    };
    let names = letters().map(|letters| format!("{PREFIX}{letters}{suffix}"));
    let is_it = |name: &String| parse(name).is_ok_and(|(found, of)| found == *connections && of == geometry);
    names.into_iter().find(is_it)
}

/// Every name that the source's command line takes.
pub fn all_names() -> Vec<String> {
    let top = ["blt_b_pm", "blt_b_top2linear", "blt_bl_top2linear"].map(str::to_owned);
    letters().map(|letters| format!("{PREFIX}{letters}")).chain(top).collect()
}

fn letters() -> impl Iterator<Item = String> {
    let down = DOWN.iter().flat_map(|down| LATERAL.iter().map(move |lateral| (down, lateral)));
    down.flat_map(|(down, lateral)| UP.iter().map(move |up| format!("{up}{lateral}{down}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back() {
        assert_eq!(all_names().len(), 27);
        for name in all_names().iter().map(String::as_str).chain(["blt_blt_top2linear", "blt_b3lt3"]) {
            let (connections, geometry) = parse(name).unwrap();
            assert_eq!(name_of(&connections, geometry).as_deref(), Some(name));
        }
    }

    #[test]
    fn letters_of_the_suffix_do_not_count() {
        let (connections, geometry) = parse("blt_b_top2linear").unwrap();
        assert!(connections.is_chain() && geometry == Geometry::Top2linear);
        let (connections, _) = parse("blt_b2lt3").unwrap();
        assert!(connections.contains(0, 2) && !connections.contains(0, 3));
        assert!(connections.contains(4, 4) && connections.contains(5, 2));
    }

    #[test]
    fn other_names_are_refused_with_the_nearest() {
        for name in ["bl", "blt_l", "blt_bx", "blt_bl_pm", "blt_"] {
            assert!(parse(name).is_err(), "{name}");
        }
        assert!(parse("blt_blg").unwrap_err().to_string().contains("did you mean"));
    }
}
