//! The settings of a network, documented.

use super::config::BLOCKS_50;
use crate::settings::Field;

const ARCHITECTURES: [&str; 3] = ["blt", "cornet", "resnet"];
const GEOMETRIES: [&str; 3] = ["standard", "top2linear", "pm"];
const POOLS: [&str; 3] = ["max", "avg", "blur"];
const NORMALISATIONS: [&str; 3] = ["imagenet", "vggface2", "none"];
const MEMBERS: [&str; 4] = ["rt", "r", "z", "s"];

/// Every key of the configurations with its meaning, range and default.
pub fn fields() -> Vec<Field> {
    let (blt, main) = ("models/blt.py", "archive/main.py");
    let widths = vec![64, 64, 128, 256, 512, 512];
    vec![
        Field::choice("architecture", "Network", &ARCHITECTURES, "models/build_model.py")
            .means("Areas joined by a matrix, one of the CORnets, or a residual network"),
        Field::list("connections", "Connections", serde_json::Value::Null, blt)
            .means("Rows are areas that send, columns areas that receive; 1 where there is a connection"),
        Field::choice("geometry", "Geometry", &GEOMETRIES, blt).means("Sizes of the maps, and the kernel at the picture"),
        Field::choice("member", "CORnet", &MEMBERS, "models/cornet.py").means(
            "Which of the family. R and RT hold the same tensors: in R every timestep sweeps through the areas, in RT \
             each sees its predecessor of the timestep before",
        ),
        Field::list("blocks", "Blocks", BLOCKS_50.to_vec(), "models/ResNet.py").means("Bottleneck blocks of each stage"),
        Field::list("widths", "Widths", widths, blt).means("Channels of each area"),
        Field::choice("pool", "Pooling", &POOLS, blt).means(
            "How maps shrink: the largest or the mean of 3 × 3, or a blur. Files of the first two look alike",
        ),
        Field::number("times", "Timesteps", "", 1.0, 100_000.0, 10.0, main).means(
            "Of a run, the first included; weights do not depend on it. The published face networks have 15, CORnet 5",
        ),
        Field::number("n_classes", "Classes", "", 1.0, 65_536.0, 1000.0, main).means("Entries of the read-out"),
        Field::number("image_size", "Picture side", "px", 32.0, 8192.0, 224.0, "datasets/datasets.py")
            .means("Rows and columns of the picture, a multiple of 32; most networks run on several sizes"),
        Field::choice("normalisation", "Pixels of", &NORMALISATIONS, "datasets/datasets.py")
            .means("By the mean and deviation of which data set pixels are normalised"),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::config::Config;
    use super::*;

    #[test]
    fn every_key_of_every_network_is_documented() {
        for name in ["blt_bl", "cornet_rt", "resnet50"] {
            let serde_json::Value::Object(keys) = serde_json::json!(Config::named(name).unwrap()) else {
                panic!("no table")
            };
            for key in keys.keys() {
                assert!(fields().iter().any(|field| field.key == key), "{name}: {key}");
            }
        }
    }
}
