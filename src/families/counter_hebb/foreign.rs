//! Networks of others as trunks: plain sequences of convolutions and linear layers, and torchvision's
//! ResNet-18. Their weights are taken over; the instruction head, which is never trained, is drawn.

use serde_json::json;

use super::architecture::Architecture;
use super::config::{Config, Trunk};
use super::infer::{Shapes, flat_picture};
use super::layer_list::LayerSpec;
use crate::error::{Error, Result};
use crate::settings::{ConfigTable, Source};

/// A network that is none of the reference's, under the names of a listed trunk.
pub(super) struct Foreign {
    pub(super) table: ConfigTable,
    kind: Kind,
}

enum Kind {
    /// The file's names.
    Torchvision(Vec<String>),
    Sequence(Vec<Plain>),
}

impl Foreign {
    /// Own name of every tensor of the file, with the file's, once the layers are settled.
    pub(super) fn names(&self, config: &Config) -> Vec<(String, String)> {
        match &self.kind {
            Kind::Torchvision(names) => {
                names.iter().map(|name| (torchvision_name(name), name.clone())).collect()
            }
            Kind::Sequence(layers) => sequence_names(layers, &config.layers),
        }
    }
}

/// What of `shapes`, in the file's `order`, is a network that can be listed.
pub(super) fn recognise(shapes: &Shapes, order: &[String]) -> bool {
    is_torchvision(shapes) || sequence(shapes, order).is_some()
}

/// # Errors
/// [`Error::Config`] if no picture fits the layers.
pub(super) fn read(shapes: &Shapes, order: &[String]) -> Result<Foreign> {
    if is_torchvision(shapes) {
        return torchvision(shapes);
    }
    match sequence(shapes, order) {
        Some(layers) => sequential(layers),
        None => Err(Error::config("tensors", "a sequence of convolutions and linear layers", "others")),
    }
}

fn is_torchvision(shapes: &Shapes) -> bool {
    let has = |name: &str, dims: &[usize]| shapes.get(name).is_some_and(|shape| shape == dims);
    has("conv1.weight", &[64, 3, 7, 7])
        && has("layer1.0.conv2.weight", &[64, 64, 3, 3])
        && has("layer4.1.conv2.weight", &[512, 512, 3, 3])
        && has("layer4.0.downsample.0.weight", &[512, 256, 1, 1])
        && shapes.contains_key("bn1.running_mean")
        && !shapes.keys().any(|name| name.starts_with("layer1.2.") || name.contains("conv3"))
        && shapes.get("fc.weight").is_some_and(|shape| shape.len() == 2 && shape[1] == 512)
}

fn torchvision(shapes: &Shapes) -> Result<Foreign> {
    let mut table = listed(&LayerSpec::torchvision_resnet18(), Source::Inferred);
    table.set("in_shape", json!([3, 224, 224]), Source::Default);
    table.set("mean", json!([0.485, 0.456, 0.406]), Source::Default);
    table.set("std", json!([0.229, 0.224, 0.225]), Source::Default);
    table.set("norm_layer", "batch_norm", Source::Inferred);
    table.set("n_classes", shapes["fc.weight"][0], Source::Inferred);
    table.set("bias", shapes.contains_key("fc.bias"), Source::Inferred);
    Ok(Foreign { table, kind: Kind::Torchvision(shapes.keys().cloned().collect()) })
}

/// `layer2.0.downsample.1.weight` is `core_net.layers.4.downsample_norm_layer.weight`: stem and pooling
/// are layers 0 and 1, then two blocks per stage.
fn torchvision_name(name: &str) -> String {
    let block = |rest: &str| -> Option<String> {
        let (stage, rest) = rest.split_once('.')?;
        let (block, leaf) = rest.split_once('.')?;
        let number = 2 * stage.parse::<usize>().ok()? + block.parse::<usize>().ok()?;
        let leaf = leaf.replacen("downsample.0", "downsample", 1);
        let leaf = leaf.replacen("downsample.1", "downsample_norm_layer", 1);
        Some(format!("core_net.layers.{number}.{leaf}"))
    };
    if let Some(name) = name.strip_prefix("layer").and_then(block) {
        return name;
    }
    for (theirs, own) in
        [("conv1.", "core_net.layers.0."), ("bn1.", "core_net.layers.0.norm."), ("fc.", "head_layer.")]
    {
        if let Some(leaf) = name.strip_prefix(theirs) {
            return format!("{own}{leaf}");
        }
    }
    name.to_owned()
}

/// One layer of a sequence: prefix, shape of its weight, whether it has a bias.
struct Plain {
    prefix: String,
    shape: Vec<usize>,
    bias: bool,
}

impl Plain {
    fn is_conv(&self) -> bool {
        self.shape.len() == 4
    }
}

/// The layers, if there are only weights and biases, convolutions come before linear layers, the last
/// of which reads the answer, and each fits on the one before.
fn sequence(shapes: &Shapes, order: &[String]) -> Option<Vec<Plain>> {
    let mut layers: Vec<Plain> = Vec::new();
    for name in order {
        let (prefix, leaf) = name.rsplit_once('.')?;
        let shape = shapes.get(name)?;
        match leaf {
            "weight" => layers.push(Plain { prefix: prefix.to_owned(), shape: shape.clone(), bias: false }),
            "bias" => {
                // Files in alphabetical order have the bias first.
                let bias = shapes.get(&format!("{prefix}.weight"))?.first();
                if shape.first() != bias || shape.len() != 1 {
                    return None;
                }
            }
            _ => return None,
        }
    }
    for layer in &mut layers {
        layer.bias = shapes.contains_key(&format!("{}.bias", layer.prefix));
    }
    let n_conv = layers.iter().take_while(|layer| layer.is_conv()).count();
    let are_linear = layers[n_conv..].iter().all(|layer| layer.shape.len() == 2);
    let square = layers[..n_conv].iter().all(|layer| layer.shape[2] == layer.shape[3]);
    let chained = layers.windows(2).all(|pair| {
        let (below, above) = (pair[0].shape[0], pair[1].shape[1]);
        if pair[0].is_conv() && !pair[1].is_conv() { above % below == 0 } else { below == above }
    });
    (layers.len() >= 2 && n_conv < layers.len() && are_linear && square && chained).then_some(layers)
}

/// Strides and pooling leave no trace in a file: the first of these that fits a usual picture is taken.
#[derive(Clone, Copy)]
struct Pattern {
    is_padded: bool,
    is_pooled: bool,
}

const PATTERNS: [Pattern; 4] = [
    Pattern { is_padded: false, is_pooled: false },
    Pattern { is_padded: false, is_pooled: true },
    Pattern { is_padded: true, is_pooled: true },
    Pattern { is_padded: true, is_pooled: false },
];

/// Sides of usual pictures, most usual first.
const SIDES: [usize; 8] = [28, 32, 64, 96, 224, 128, 48, 16];

fn sequential(layers: Vec<Plain>) -> Result<Foreign> {
    let (hidden, head) = layers.split_at(layers.len() - 1);
    let n_conv = hidden.iter().take_while(|layer| layer.is_conv()).count();
    let specs = |pattern: Pattern| -> Vec<LayerSpec> {
        let convs = hidden[..n_conv].iter().flat_map(|layer| {
            let (channels, kernel, bias) = (layer.shape[0], layer.shape[2], layer.bias);
            let padding = if pattern.is_padded { kernel / 2 } else { 0 };
            let conv = LayerSpec::Conv { channels, kernel, stride: 1, padding, dilation: 1, groups: 1, bias };
            let pool = LayerSpec::MaxPool { kernel: 2, stride: 2, padding: 0 };
            std::iter::once(conv).chain(pattern.is_pooled.then_some(pool))
        });
        let linear = hidden[n_conv..]
            .iter()
            .map(|layer| LayerSpec::Linear { units: layer.shape[0], bias: layer.bias });
        convs.chain(linear).collect()
    };
    let features = layers[n_conv].shape[1];
    let channels = layers[0].shape[1];
    let mut found = (n_conv == 0).then(|| (PATTERNS[0], flat_picture(features)));
    if n_conv > 0 {
        let tries =
            SIDES.into_iter().flat_map(|side| PATTERNS.map(|pattern| (pattern, [channels, side, side])));
        let mut tries =
            tries.filter(|&(pattern, shape)| flattened(&specs(pattern)[..], shape) == Some(features));
        found = tries.next();
    }
    let Some((pattern, in_shape)) = found else {
        let requirement = format!(
            "those between the picture and the {features} columns of {}.weight; list them in a file for --config, \
             with in_shape",
            layers[n_conv].prefix
        );
        return Err(Error::config("layers", requirement, "no usual picture and strides that fit"));
    };
    let specs = specs(pattern);
    let mut table = listed(&specs, if n_conv == 0 { Source::Inferred } else { Source::Default });
    table.set("in_shape", json!(in_shape), Source::Default);
    table.set("n_classes", head[0].shape[0], Source::Inferred);
    table.set("bias", head[0].bias, Source::Inferred);
    Ok(Foreign { table, kind: Kind::Sequence(layers) })
}

/// Units before the first linear layer.
fn flattened(specs: &[LayerSpec], in_shape: [usize; 3]) -> Option<usize> {
    let convs: Vec<&LayerSpec> =
        specs.iter().filter(|spec| !matches!(spec, LayerSpec::Linear { .. })).collect();
    let mut table = listed(&convs, Source::Inferred);
    table.set("in_shape", json!(in_shape), Source::Inferred);
    let config = Config::resolve(&mut table).ok()?;
    Some(Architecture::new(&config).ok()?.head.inputs())
}

fn sequence_names(layers: &[Plain], specs: &[LayerSpec]) -> Vec<(String, String)> {
    let mut numbers = Vec::new();
    let (mut number, mut is_flat) = (0, false);
    for spec in specs {
        match spec {
            LayerSpec::Linear { .. } => {
                // Flattening counts as a layer.
                number += usize::from(!is_flat);
                is_flat = true;
                numbers.push(number);
            }
            LayerSpec::Conv { .. } => numbers.push(number),
            _ => {}
        }
        number += 1;
    }
    let prefixes = numbers.iter().map(|number| format!("core_net.layers.{number}"));
    let prefixes = prefixes.chain(["head_layer".to_owned()]);
    let mut names = Vec::new();
    for (own, layer) in prefixes.zip(layers) {
        let leaves = ["weight"].into_iter().chain(layer.bias.then_some("bias"));
        names.extend(leaves.map(|leaf| (format!("{own}.{leaf}"), format!("{}.{leaf}", layer.prefix))));
    }
    names
}

/// The table of a listed trunk with an instruction head for two tasks.
fn listed<L: serde::Serialize>(layers: &[L], source: Source) -> ConfigTable {
    let mut table = Config::defaults(Trunk::Layers);
    table.set("network_name", Trunk::Layers.network_name(), Source::Inferred);
    table.set("layers", json!(layers), source);
    table.set("mtl", true, Source::Default);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(tensors: &[(&str, &[usize])]) -> (Shapes, Vec<String>) {
        let shapes = tensors.iter().map(|&(name, shape)| (name.to_owned(), shape.to_vec())).collect();
        (shapes, tensors.iter().map(|(name, _)| (*name).to_owned()).collect())
    }

    #[test]
    fn a_sequence_is_listed_and_renamed() {
        let (shapes, order) = shapes(&[
            ("0.weight", &[6, 1, 5, 5]),
            ("0.bias", &[6]),
            ("3.weight", &[16, 6, 5, 5]),
            ("3.bias", &[16]),
            ("7.weight", &[120, 256]),
            ("9.weight", &[10, 120]),
            ("9.bias", &[10]),
        ]);
        assert!(recognise(&shapes, &order));
        let mut foreign = read(&shapes, &order).unwrap();
        let config = Config::resolve(&mut foreign.table).unwrap();
        // 28 x 28 with pooling between the convolutions gives 16 x 4 x 4.
        assert_eq!((config.in_shape, config.layers.len(), config.n_classes), ([1, 28, 28], 5, 10));
        assert_eq!(foreign.table.get("layers").unwrap().source, Source::Default);
        let names = foreign.names(&config);
        assert!(names.contains(&("core_net.layers.2.weight".to_owned(), "3.weight".to_owned())));
        assert!(names.contains(&("core_net.layers.5.weight".to_owned(), "7.weight".to_owned())));
        assert!(names.contains(&("head_layer.bias".to_owned(), "9.bias".to_owned())));
        let expected = super::super::tensors::shapes(&config).unwrap();
        for (own, theirs) in names {
            let shape = expected.iter().find(|(name, _)| *name == own).map(|(_, shape)| shape);
            assert_eq!(shape, Some(&shapes[&theirs]), "{own}");
        }
    }

    #[test]
    fn names_of_torchvision_are_those_of_the_listed_trunk() {
        let mut table = listed(&LayerSpec::torchvision_resnet18(), Source::Inferred);
        table.set("in_shape", json!([3, 64, 64]), Source::Default);
        table.set("norm_layer", "batch_norm", Source::Inferred);
        let config = Config::resolve(&mut table).unwrap();
        let expected: Shapes = super::super::tensors::shapes(&config).unwrap().into_iter().collect();
        for (theirs, shape) in [
            ("conv1.weight", vec![64, 3, 7, 7]),
            ("bn1.running_mean", vec![64]),
            ("layer1.1.conv2.weight", vec![64, 64, 3, 3]),
            ("layer3.0.downsample.0.weight", vec![256, 128, 1, 1]),
            ("layer3.0.downsample.1.running_var", vec![256]),
            ("layer4.1.bn2.num_batches_tracked", vec![]),
            ("fc.weight", vec![10, 512]),
        ] {
            assert_eq!(expected.get(&torchvision_name(theirs)), Some(&shape), "{theirs}");
        }
    }

    #[test]
    fn other_tensors_are_left_to_others() {
        let refused: [&[(&str, &[usize])]; 4] = [
            &[("a.weight", &[3, 4])],
            &[("a.weight", &[3, 4]), ("b.gamma", &[3])],
            &[("a.weight", &[3, 4]), ("b.weight", &[5, 4])],
            &[("a.weight", &[3, 4]), ("b.weight", &[5, 3, 3, 3])],
        ];
        for tensors in refused {
            let (shapes, order) = shapes(tensors);
            assert!(!recognise(&shapes, &order), "{tensors:?}");
        }
    }
}
