//! The settings of a network, documented.

use super::config::FROM_STIMULUS;
use crate::settings::Field;

const TRUNKS: [&str; 6] = ["simple net", "fc net", "conv net", "tiny resnet", "resnet18", "layers"];
const NORMS: [&str; 2] = ["no_norm", "batch_norm"];
const LOSSES: [&str; 3] = ["CrossEntropy", "BCE", "MSE"];
const TASKS: [&str; 4] = ["one-hot", "left/right", "left/right of", "binary attribute"];

/// Every key of a configuration with its meaning, range and default.
pub fn fields() -> Vec<Field> {
    const MOST: f64 = 1_048_576.0;
    let (trunk, head, data) = ("butd_architectures.py", "network_models.py", "data/datasets.py");
    vec![
        Field::choice("network_name", "Trunk", &TRUNKS, trunk).means("Which layers lie below the head"),
        Field::list("in_shape", "Picture", vec![1, 28, 28], data).means(
            "Channels, height and width; pooling gives several sizes the same tensors, and a fully connected trunk \
             only knows how many pixels there are",
        ),
        Field::number("n_classes", "Classes", "", 1.0, MOST, 10.0, head)
            .means("Entries of one decoder; 1 answers yes or no"),
        Field::flag("shared_weights", "Shared weights", true, trunk)
            .means("Whether the top-down stream uses the bottom-up weights"),
        Field::flag("mtl", "Instructed", false, head).means("Whether there is a head for instructions (several tasks)"),
        Field::flag("bias", "Biases", true, trunk).means("Of the bottom-up stream"),
        Field::flag("back_bias", "Top-down biases", false, trunk).means("Of the top-down stream"),
        Field::choice("norm_layer", "Norm", &NORMS, trunk).means("Whether the convolutions of residual trunks are normalised"),
        Field::list("conv_channels", "Conv channels", vec![32, 32], trunk).means("Of the two convolutions of the simple trunk"),
        Field::number("last_hidden_size", "Last hidden", "units", 1.0, MOST, 50.0, trunk)
            .means("Width of the last layers of the simple and fully connected trunks"),
        Field::number("depth", "Layers", "", 1.0, 1000.0, 1.0, trunk).means("Of the fully connected trunk"),
        Field::list("task_embedding_size", "Embedding", serde_json::Value::Null, head)
            .means("Width of the embedding of the instruction; none is a single layer from instruction to trunk"),
        Field::number("task_vector_size", "Instruction entries", "", 1.0, MOST, 2.0, head)
            .means("Entries of the instruction vector"),
        Field::number("n_tasks", "Tasks", "", 1.0, MOST, 2.0, head)
            .means("Instructions that have a decoder of their own where there are several decoders"),
        Field::flag("multi_decoders", "Several decoders", false, head).means(
            "One read-out per task; the tensors of several decoders look like those of one with more classes",
        ),
        Field::list("layers", "Layers", Vec::<i64>::new(), "ours").means("The trunk as a list, for the trunk \"layers\""),
        Field::choice("loss_name", "Loss", &LOSSES, "utils.py").means("Its slope enters the error pass"),
        Field::choice("task", "Instruction", &TASKS, "main.py").means(
            "What the entries of the instruction mean: one of the tasks, a side, what lies beside a given digit, or \
             one attribute of many",
        ),
        Field::text("instruction", "In force", FROM_STIMULUS, head)
            .means("The stimulus' own instruction, none (a plain bottom-up pass), or the name of a task"),
        Field::list("mean", "Pixel mean", vec![0.1307], data).means("Subtracted per channel from pixels in 0 to 1"),
        Field::list("std", "Pixel deviation", vec![0.3081], data).means("What the difference is divided by, per channel"),
    ]
}
