//! The configuration that names, shapes and what was saved beside the tensors tell.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::connections::{ConnectionMatrix, N_AREAS};
use super::cornet::{CORNET_AREAS, Cornet};
use super::geometry::Geometry;
use super::preparation::Normalisation;
use super::recurrent::{DEFAULT_TIMES, IMAGE_SIZE};
use crate::error::{Error, Result};
use crate::settings::{ConfigTable, Source};

/// Names and shapes of the tensors of a file.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// Are these the tensors of one of the family's networks?
pub fn recognise_shapes(shapes: &Shapes) -> bool {
    let has = |name: &str, rank: usize| shapes.get(name).is_some_and(|shape| shape.len() == rank);
    let is_blt = has("read_out.linear.weight", 2) && has("norm_0.weight", 1) && has("conv_input.weight", 4);
    let is_cornet = has("decoder.linear.weight", 2)
        && CORNET_AREAS.iter().all(|area| {
            ["conv.weight", "conv1.weight"].iter().any(|layer| has(&format!("{area}.{layer}"), 4))
        });
    let is_resnet = has("basic_conv.0.weight", 4) && has("classifier.weight", 2);
    is_blt || is_cornet || is_resnet
}

/// The configuration as far as the tensors and `metadata` (arguments and attributes saved with
/// them) tell it, the source's defaults for the rest.
///
/// # Errors
/// [`Error::Unknown`] or [`Error::Shape`] for a tensor that the inference needs.
pub fn infer(shapes: &Shapes, metadata: &BTreeMap<String, String>) -> Result<ConfigTable> {
    let mut table = ConfigTable::default();
    if shapes.contains_key("read_out.linear.weight") {
        table.set("architecture", "blt", Source::Inferred);
        infer_blt(shapes, metadata, &mut table)?;
    } else if shapes.contains_key("decoder.linear.weight") {
        table.set("architecture", "cornet", Source::Inferred);
        infer_cornet(shapes, metadata, &mut table)?;
    } else {
        table.set("architecture", "resnet", Source::Inferred);
        infer_resnet(shapes, &mut table)?;
    }
    Ok(table)
}

fn infer_blt(shapes: &Shapes, metadata: &BTreeMap<String, String>, table: &mut ConfigTable) -> Result<()> {
    let edges = shapes.keys().filter_map(|name| edge_of(name));
    let connections = ConnectionMatrix::new(edges)?;
    let is_bridged = shapes.contains_key("conv_3_4.linear.weight");
    let geometry = match first(shapes, "conv_input.weight", 4, 2)? {
        _ if is_bridged => Geometry::Top2linear,
        5 => Geometry::Pm,
        _ => Geometry::Standard,
    };
    let widths = (0..N_AREAS).map(|area| first(shapes, &format!("norm_{area}.weight"), 1, 0));
    let is_blurred = shapes.keys().any(|name| name.ends_with(".filt"));
    table.set("connections", json!(Vec::<Vec<u8>>::from(connections)), Source::Inferred);
    table.set("geometry", json!(geometry), Source::Inferred);
    table.set("widths", widths.collect::<Result<Vec<_>>>()?, Source::Inferred);
    let (pool, source) = if is_blurred { ("blur", Source::Inferred) } else { ("max", Source::Default) };
    table.set("pool", pool, source);
    table.set("times", DEFAULT_TIMES, Source::Default);
    rest(table, first(shapes, "read_out.linear.weight", 2, 0)?, Source::Inferred);
    if let Some(pool) = saved_pool(metadata).filter(|pool| is_blurred == (*pool == "blur")) {
        table.set("pool", pool, Source::File);
    }
    if let Some(times) = saved_number(metadata, &["times", "recurrent_steps"]) {
        table.set("times", times, Source::File);
    }
    saved_pictures(metadata, geometry == Geometry::Top2linear, table);
    Ok(())
}

fn infer_cornet(shapes: &Shapes, metadata: &BTreeMap<String, String>, table: &mut ConfigTable) -> Result<()> {
    let has = |name: &str| shapes.contains_key(name);
    let (member, source) = if has("V1.conv.weight") {
        (Cornet::Z, Source::Inferred)
    } else if has("V1.norm_input.weight") {
        // R and RT have the same tensors.
        (Cornet::Rt, Source::Default)
    } else {
        (Cornet::S, Source::Inferred)
    };
    let layer = match member {
        Cornet::Z => "conv",
        Cornet::S => "conv_input",
        Cornet::R | Cornet::Rt => "conv1",
    };
    let width = |area: &str| {
        let layer = if member == Cornet::S && area == CORNET_AREAS[0] { "conv2" } else { layer };
        first(shapes, &format!("{area}.{layer}.weight"), 4, 0)
    };
    table.set("member", json!(member), source);
    table.set("widths", CORNET_AREAS.into_iter().map(width).collect::<Result<Vec<_>>>()?, Source::Inferred);
    table.set("times", 5, Source::Default);
    rest(table, first(shapes, "decoder.linear.weight", 2, 0)?, Source::Inferred);
    if source == Source::Default
        && let Some(member) = find(metadata, &["model"]).and_then(|model| model.strip_prefix("cornet_"))
        && ["r", "rt"].contains(&member)
    {
        table.set("member", member, Source::File);
    }
    if let Some(times) = saved_number(metadata, &["times", "recurrent_steps"]) {
        table.set("times", times, Source::File);
    }
    saved_pictures(metadata, false, table);
    Ok(())
}

fn infer_resnet(shapes: &Shapes, table: &mut ConfigTable) -> Result<()> {
    let mut blocks = vec![BTreeSet::new(); 4];
    for name in shapes.keys() {
        let Some((stage, rest)) = name.strip_prefix("stage_").and_then(|rest| rest.split_once('.')) else {
            continue;
        };
        let block = rest.split('.').next().and_then(|block| block.parse::<usize>().ok());
        let stage = stage.parse::<usize>().ok().and_then(|stage| stage.checked_sub(1));
        if let (Some(stage), Some(block)) = (stage.filter(|&stage| stage < 4), block) {
            blocks[stage].insert(block);
        }
    }
    let counts: Vec<usize> = blocks.iter().map(BTreeSet::len).collect();
    table.set("blocks", counts, Source::Inferred);
    rest(table, first(shapes, "classifier.weight", 2, 0)?, Source::Inferred);
    Ok(())
}

fn rest(table: &mut ConfigTable, n_classes: usize, source: Source) {
    table.set("n_classes", n_classes, source);
    table.set("image_size", IMAGE_SIZE, Source::Default);
    table.set("normalisation", json!(Normalisation::default()), Source::Default);
}

/// `(pre, post)` of a name that starts with `conv_{pre}_{post}.`.
fn edge_of(name: &str) -> Option<(usize, usize)> {
    let (edge, _) = name.strip_prefix("conv_")?.split_once('.')?;
    let (pre, post) = edge.split_once('_')?;
    Some((pre.parse().ok()?, post.parse().ok()?))
}

/// Size along `axis` of a tensor with `rank` axes.
fn first(shapes: &Shapes, name: &str, rank: usize, axis: usize) -> Result<usize> {
    let shape = shapes.get(name).ok_or_else(|| Error::unknown("tensor", name, shapes.keys().cloned()))?;
    match shape.get(axis) {
        Some(&size) if shape.len() == rank => Ok(size),
        _ => Err(Error::shape(name, format!("{rank} axes"), shape)),
    }
}

/// The text saved under a key whose last part is one of `names`; the first name wins.
fn find<'a>(metadata: &'a BTreeMap<String, String>, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| {
        let is_it = |key: &str| key.rsplit('.').next() == Some(name);
        metadata.iter().find(|(key, _)| is_it(key)).map(|(_, text)| text.as_str())
    })
}

fn saved_number(metadata: &BTreeMap<String, String>, names: &[&str]) -> Option<usize> {
    find(metadata, names)?.parse().ok()
}

/// The pooling option, from the arguments or from the class of the module that pools the input.
fn saved_pool(metadata: &BTreeMap<String, String>) -> Option<&'static str> {
    let class = metadata.iter().find(|(key, _)| key.ends_with("pool_input.__class__"));
    let text = find(metadata, &["pool"]).or(class.map(|(_, class)| class.as_str()))?;
    match text.rsplit('.').next().unwrap_or_default() {
        "max" | "MaxPool2d" => Some("max"),
        "avg" | "average" | "AvgPool2d" => Some("avg"),
        "blur" | "BlurPool" => Some("blur"),
        _ => None,
    }
}

/// Picture size and normalisation, from the arguments of the training script.
fn saved_pictures(metadata: &BTreeMap<String, String>, is_fixed: bool, table: &mut ConfigTable) {
    if let Some(size) = saved_number(metadata, &["image_size"]).filter(|_| !is_fixed) {
        table.set("image_size", size, Source::File);
    }
    let normalisation = match find(metadata, &["dataset"]) {
        Some("vggface2") => Normalisation::Vggface2,
        Some("imagenet") => Normalisation::Imagenet,
        _ => return,
    };
    table.set("normalisation", json!(normalisation), Source::File);
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Pooling, all_names};
    use super::*;

    fn shapes(config: &Config) -> Shapes {
        config.tensors().as_slice().iter().cloned().collect()
    }

    #[test]
    fn every_network_is_told_by_its_tensors() {
        let others = ["blt_blt_top2linear", "cornet_z", "cornet_s", "cornet_rt", "resnet50", "resnet101"];
        for name in all_names().iter().map(String::as_str).chain(others) {
            let config = Config::named(name).unwrap();
            let shapes = shapes(&config);
            assert!(recognise_shapes(&shapes), "{name}");
            let table = infer(&shapes, &BTreeMap::new()).unwrap();
            assert_eq!(Config::resolve(&table).unwrap(), config, "{name}");
        }
    }

    #[test]
    fn what_the_tensors_do_not_tell_is_a_default() {
        let mut config = Config::named("blt_bl").unwrap();
        let table = infer(&shapes(&config), &BTreeMap::new()).unwrap();
        let defaults: Vec<_> = table.defaults().collect();
        assert_eq!(defaults, ["pool", "times", "image_size", "normalisation"]);
        if let Config::Blt(blt) = &mut config {
            blt.pool = Pooling::Blur;
        }
        let table = infer(&shapes(&config), &BTreeMap::new()).unwrap();
        assert_eq!(table.get("pool").unwrap().source, Source::Inferred);
        assert_eq!(Config::resolve(&table).unwrap(), config);
    }

    #[test]
    fn arguments_beside_the_tensors_are_heard() {
        let config = Config::named("blt_bl").unwrap();
        let saved = [("args.pool", "average"), ("args.recurrent_steps", "15"), ("args.dataset", "vggface2")];
        let metadata = saved.map(|(key, text)| (key.to_owned(), text.to_owned())).into();
        let table = infer(&shapes(&config), &metadata).unwrap();
        let Config::Blt(found) = Config::resolve(&table).unwrap() else { panic!("another network") };
        assert_eq!((found.pool, found.times), (Pooling::Avg, 15));
        assert_eq!(found.normalisation, Normalisation::Vggface2);
        assert_eq!(table.get("times").unwrap().source, Source::File);
    }
}
