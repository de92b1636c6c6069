//! The settings of a network, documented.

use super::config::{Config, PUBLISHED_PASSES, Variant};
use crate::settings::Field;

const VARIANTS: [&str; 2] = ["digits", "photographs"];

/// Every key of a configuration with its meaning, range and default.
pub fn fields() -> Vec<Field> {
    let digits = Config::digits(2);
    let (net, flags) = ("models/mnist_model.py", "flags of train_mnist.py and train_coco.py");
    vec![
        Field::choice("variant", "Network", &VARIANTS, net)
            .means("Two stages for overlapping digits, or four for photographs"),
        Field::number("objects", "Objects n", "", 1.0, 64.0, digits.objects as f64, flags)
            .means("Objects in a picture; each has a phase in which it is attended"),
        Field::number("image_height", "Picture rows", "px", 1.0, 16_384.0, digits.image_height as f64, net)
            .means("Pooling drops odd rows, so that several sizes of a photograph give the same tensors"),
        Field::number("image_width", "Picture columns", "px", 1.0, 16_384.0, digits.image_width as f64, net)
            .means("Pooling drops odd columns, so that several sizes of a photograph give the same tensors"),
        Field::list("channels", "Channels", digits.channels, net).means("Of the picture, then of each stage"),
        Field::number("n_classes", "Classes", "", 1.0, 65_536.0, digits.n_classes as f64, net)
            .means("Entries of the read-out"),
        Field::number("strength", "Strength s", "", 0.0, 1.0, Variant::Digits.default_strength(), flags).means(
            "What a gate acts on is multiplied by 1 − s·gate. No checkpoint stores it, and a wrong one degrades the \
             accuracy silently: 0.2 in the published digit networks, 0.3 for photographs",
        ),
        Field::number("passes", "Passes per phase", "", 1.0, 10_000.0, PUBLISHED_PASSES as f64, net)
            .means("Passes while one object is attended; inhibition of the next phase is decided in the last"),
        Field::number("phases", "Phases", "", 1.0, 10_000.0, digits.phases as f64, net)
            .means("Each attends one object; the source has one per object"),
    ]
}
