//! The settings of a network, documented; keys, defaults and order are the reference's.

use serde_json::Value;

use super::{TASKS, Variant};
use crate::settings::Field;

const NORMS: [&str; 4] = ["none", "layer", "batch", "instance"];
const MOST: f64 = 1_048_576.0;

/// Every key of a variant's configuration with its meaning, range and default.
pub fn fields(variant: Variant) -> Vec<Field> {
    let known = match variant {
        Variant::Gate => gate(),
        Variant::Block | Variant::Resatt => block(),
    };
    let defaults = variant.defaults();
    known
        .into_iter()
        .filter(|field| defaults.contains_key(field.key))
        .map(|field| Field { default: defaults[field.key].clone(), ..field })
        .collect()
}

fn list(key: &'static str, label: &'static str, definition: &'static str, source: &'static str) -> Field {
    Field::list(key, label, Value::Null, source).means(definition)
}

fn gate() -> Vec<Field> {
    let net = "src/model.py";
    vec![
        list("in_dims", "Picture", "Channels, height and width of the picture", net),
        Field::number("n_classes", "Classes", "", 1.0, MOST, 10.0, net)
            .means("How many of the outputs are classes; the rest carry context into the backward stream"),
        Field::number("out_dim", "Outputs", "", 1.0, MOST, 10.0, net).means("Outputs of the forward stream"),
        Field::flag("normalize", "Normalise pixels", true, net)
            .means("By norm_mean and norm_std, those of ImageNet by default"),
        list(
            "softness",
            "Softness s",
            "How far a gain map m changes what it multiplies: x · (1 + s · m); one number, or one per stage",
            net,
        ),
        list("channels", "Channels", "Of the picture, then of each stage", net),
        list(
            "residuals",
            "Residual",
            "Whether the gained input is added after the activation; one, or one per stage",
            net,
        ),
        list("kernels", "Kernels", "Side of the kernels; one, or one per stage", net),
        list("strides", "Strides", "Of the convolutions; one, or one per stage", net),
        list(
            "paddings",
            "Paddings",
            "\"same\", or pixels that are mirrored around the map; one, or one per stage",
            net,
        ),
        list("conv_bias", "Biases", "Of the convolutions; one, or one per stage", net),
        list(
            "conv_norms",
            "Norms",
            "none, layer, batch or instance; the tensors show where norms are, not which",
            net,
        ),
        list("conv_dropouts", "Dropout", "In training; one share, or one per stage", net),
        list("conv_funs", "Activations", "Of the forward stream, for example ReLU()", net),
        list("deconv_funs", "Backward activations", "Of the backward stream, for example Tanh()", net),
        list("deconv_norms", "Backward norms", "none, layer, batch or instance", net),
        list("pools", "Pooling", "Window and stride behind each stage; 1 is none", net),
        list("rnn_dims", "Vector sizes", "Units of the vectors between the last map and the outputs", net),
        list("rnn_bias", "Vector biases", "Of the vector stages", net),
        list("rnn_dropouts", "Vector dropout", "In training", net),
        list("rnn_funs", "Vector activations", "Of the vector stages", net),
        Field::number("n_tasks", "Tasks", "", 1.0, MOST, 1.0, net).means("Rows of the task tables"),
        list("task_layers", "Task stages", "How many backward stages the task modulates; −1 is all", net),
        Field::flag("task_weight", "Task scales", true, net)
            .means("Whether the task scales the backward stages"),
        Field::flag("task_bias", "Task shifts", true, net)
            .means("Whether the task shifts the backward stages"),
        list("task_funs", "Task activation", "What the scaled and shifted maps pass", net),
        list("norm_mean", "Pixel mean", "Subtracted per channel; that of ImageNet if none", net),
        list(
            "norm_std",
            "Pixel deviation",
            "What the difference is divided by; that of ImageNet if none",
            net,
        ),
        Field::flag("rnn_to_fc", "Plain vectors", false, net)
            .means("Plain layers in the place of recurrent ones"),
        list("trans_fun", "Between", "Activation between the last map and the first vector", net),
        Field::flag("affine", "Norms scale", true, net).means("Whether norms have scale and shift"),
        tasks(),
    ]
}

fn block() -> Vec<Field> {
    let net = "src/modelv2.py";
    vec![
        list("channels", "Channels", "Of the first map, then of each block", net),
        list("in_dims", "Picture", "Channels, height and width of the picture", net),
        list("fun", "Activation", "Of both streams, for example GELU(approximate='none')", net),
        list("task_fun", "Task activation", "What the scaled and shifted maps pass", net),
        Field::choice("norm", "Norm", &NORMS, net).means("Batch and instance norms keep the same tensors"),
        Field::number("out_dim", "Outputs", "", 1.0, MOST, 20.0, net).means("Outputs of the forward stream"),
        Field::number("n_classes", "Classes", "", 1.0, MOST, 10.0, net).means("How many of the outputs are classes"),
        list("mid_dim", "Middle", "Units between the last map and the bottleneck; −1 leaves them out", net),
        Field::number("n_tasks", "Tasks", "", 1.0, MOST, 3.0, net).means("Rows of the task tables"),
        Field::number("softness", "Softness s", "", -10.0, 10.0, 0.5, net)
            .means("How far a gain map m changes what it multiplies: x · (1 + s · m)"),
        Field::flag("residual", "Side path", false, net).means("Whether the backward stream has one"),
        Field::flag("skip_maxpool", "No first pooling", false, net).means("The first map is halved once instead of twice"),
        Field::number("first_k", "First kernel", "px", 1.0, 1024.0, 7.0, net).means("Side of the kernel at the picture"),
        Field::flag("recurrent", "Recurrent", false, net).means("Whether the middle is recurrent"),
        Field::flag("concat", "Concatenated", true, net).means("Whether streams are joined side by side, else added"),
        Field::flag("resnet", "Shortcuts", true, net).means("Whether forward blocks have one"),
        Field::flag("norm_1st", "Norm at first", false, net)
            .means("Whether the norm before each block is applied in the first sweep too; the published code leaves it out"),
        Field::flag("bnpti", "bnpti", false, net).means("Kept from the file; nothing is computed from it"),
        Field::flag("reinit", "reinit", false, net).means("Kept from the file; nothing is computed from it"),
        Field::flag("recurrent_update", "Carry states", false, "ours")
            .means("Whether recurrent states reach the next sweep; the published code never writes them back"),
        tasks(),
    ]
}

fn tasks() -> Field {
    list(TASKS, "Tasks", "The content of tasks.json: names, sweeps and what is scored", "tasks.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_documented() {
        for variant in [Variant::Gate, Variant::Block, Variant::Resatt] {
            let fields = fields(variant);
            for key in variant.defaults().keys() {
                assert!(fields.iter().any(|field| field.key == key), "{key}");
            }
        }
    }
}
