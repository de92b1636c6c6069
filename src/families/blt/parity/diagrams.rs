//! Kind `tikz_layout`: boxes, arrows and notes of connectivity diagrams.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::connectivity::{FoldedOptions, folded, unrolled};
use crate::error::{Error, Result};
use crate::families::blt::config::{BltConfig, Config};
use crate::families::blt::graph::graph;
use crate::parity::{GoldenInputs, Recomputed};

#[derive(Deserialize)]
struct Case {
    diagram: String,
    model: String,
    #[serde(rename = "T")]
    times: usize,
}

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let cases: BTreeMap<String, Case> = inputs.parameter("cases")?;
    let mut recomputed = Recomputed::new();
    for (tag, case) in cases {
        let config = BltConfig {
            n_classes: inputs.count("num_classes")?,
            image_size: inputs.count("image_size")?,
            times: case.times,
            ..BltConfig::named(&case.model)?
        };
        let config = Config::Blt(config);
        let tensors = config.tensors();
        let graph = graph(&config).counted(tensors.iter());
        let diagram = match case.diagram.as_str() {
            "model" => {
                let n_parameters = tensors.n_parameters();
                folded(&graph, &FoldedOptions { n_parameters, n_timesteps: case.times, shows_input: false })
            }
            "unrolled" => unrolled(&graph, case.times),
            other => return Err(Error::unknown("diagram", other, ["model", "unrolled"])),
        };
        if let Value::Object(parts) = json!(diagram) {
            for (part, value) in parts {
                recomputed.insert(format!("{tag}.{part}"), value);
            }
        }
    }
    Ok(recomputed)
}
