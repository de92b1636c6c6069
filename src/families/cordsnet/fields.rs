//! The settings of a network, documented.

use super::Stage;
use super::config::{ALPHA, DT_MS, STEPS};
use super::dataset::Dataset;
use crate::settings::Field;

const STAGES: [&str; Stage::ALL.len()] = ["final", "parametric", "linear", "inverse", "folded", "cnn"];
const DATASETS: [&str; Dataset::ALL.len()] = ["imagenet", "cifar100", "cifar10", "mnist", "fashionmnist"];

/// Every key of a configuration with its meaning, range and default.
pub fn fields() -> Vec<Field> {
    let net = "cordsnet.py";
    vec![
        Field::number("depth", "Areas", "", 2.0, 8.0, 8.0, net).means("Number of areas: 2, 4, 6 or 8"),
        Field::choice("stage", "Training stage", &STAGES, "main_training_*.py").means(
            "What the file holds: the rectified network of step 5 (final), the one whose slope below zero is lowered \
             (parametric), the linear one, the one beside its folded twin (inverse), or the convolutional twin with \
             its norms folded or not; final and linear files hold the same tensors",
        ),
        Field::choice("dataset", "Data set", &DATASETS, "utils.py").means(
            "What the network was trained on: names of the classes, and by what pictures are normalised",
        ),
        Field::list("widths", "Widths", vec![64, 64, 128, 128, 256, 256, 512, 512], net)
            .means("Channels of each area; areas 2k and 2k + 1 have equally many"),
        Field::number("image_side", "Picture side", "px", 1.0, 8192.0, 224.0, "utils.py").means(
            "Rows and columns of the picture; four sizes give the same maps, the largest is the source's",
        ),
        Field::number("image_channels", "Picture channels", "", 1.0, 1024.0, 3.0, "utils.py").means("1 is grey, 3 is colour"),
        Field::number("n_classes", "Classes", "", 1.0, 1_048_576.0, 1000.0, "utils.py").means("Entries of the read-out"),
        Field::flag("weight_norm", "Weight norm", true, net).means("Whether kernels are stored as gain and direction"),
        Field::flag("normalise", "Normalise pixels", true, "utils.py").means(
            "Takes pictures in 0 to 1 and normalises them by the data set; off for pictures that are normalised already",
        ),
        Field::number("alpha", "α", "", 0.0, 1.0, ALPHA, "cordsnet.py, forward")
            .means("dt / τ: share of the way to its drive that a unit goes in one timestep; above 0"),
        Field::number("dt_ms", "Timestep dt", "ms", 1e-3, 1000.0, DT_MS, "README of the source")
            .means("Duration of one timestep; with α it gives the time constant τ = dt / α"),
        Field::number("warm_up", "Spontaneous", "steps", 0.0, 999_999.0, STEPS as f64, "cordsnet.py, forward")
            .means("Timesteps without a picture before onset, in which activity settles"),
        Field::number("timesteps", "With the picture", "steps", 1.0, 1_000_000.0, STEPS as f64, "cordsnet.py, forward")
            .means("Timesteps from onset on"),
    ]
}
