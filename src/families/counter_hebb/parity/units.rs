//! Kind `units`: single bundles and residual blocks.

use candle_core::Tensor;
use serde::Deserialize;
use serde_json::json;

use super::super::architecture::{Bundle, Connection};
use super::super::config::Config;
use super::super::flow::{Carried, Flow};
use super::super::layers::{Layer, Statistics};
use super::super::model::CounterHebb;
use super::super::tensors::shapes;
use super::super::update::{UpdateRule, counter_hebb};
use super::stored;
use crate::dynamics::{Controls, Dynamics as _, NoTaps, State, StepContext, Workspace};
use crate::error::{Error, Result};
use crate::ops::{self, ConvSpec};
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::weights::Weights;

/// One entry of the parameter `cases`.
#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(flatten)]
    unit: Unit,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Unit {
    Conv { cin: usize, cout: usize, k: usize, stride: usize, pad: usize, dil: usize, groups: usize },
    Linear { nin: usize, nout: usize },
    Block { cout: usize, stride: usize, bn: bool, shared: bool },
}

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let cases: Vec<Case> = inputs.parameter("cases")?;
    let mut recomputed = Recomputed::new();
    for case in &cases {
        let given = Given { inputs, case: &case.name };
        match case.unit {
            Unit::Block { cout, stride, bn, shared } => {
                block(&given, cout, stride, bn, shared, &mut recomputed)?;
            }
            Unit::Linear { nin, nout } => {
                bundle(&given, Connection::Linear, vec![nin], vec![nout], &mut recomputed)?;
            }
            Unit::Conv { cin, cout, k, stride, pad, dil, groups } => {
                let spec = ConvSpec { stride, padding: pad, groups, ..ConvSpec::default() };
                let connection = Connection::Conv { kernel: k, dilation: dil, spec };
                let below = given.shape("x", 4)?;
                let above = given.shape("e", 4)?;
                if below[0] != cin || above[0] != cout {
                    return Err(Error::shape(
                        format!("{}/x and e", case.name),
                        [cin, cout],
                        &[below[0], above[0]],
                    ));
                }
                bundle(&given, connection, below, above, &mut recomputed)?;
            }
        }
    }
    Ok(recomputed)
}

struct Given<'a> {
    inputs: &'a GoldenInputs,
    case: &'a str,
}

impl Given<'_> {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        self.inputs.tensor(&format!("{}/{name}", self.case))
    }

    /// Without the batch.
    fn shape(&self, name: &str, rank: usize) -> Result<Vec<usize>> {
        let dims = self.inputs.array(&format!("{}/{name}", self.case))?.dims().to_vec();
        if dims.len() != rank {
            return Err(Error::shape(format!("{}/{name}", self.case), format!("{rank} axes"), &dims));
        }
        Ok(dims[1..].to_vec())
    }

    fn weights(&self) -> Result<Weights> {
        stored(self.inputs, &format!("{}/param/", self.case))
    }

    fn put(&self, recomputed: &mut Recomputed, name: &str, tensor: &Tensor) -> Result<()> {
        recomputed.insert(format!("{}/{name}", self.case), Array::from_tensor(tensor)?);
        Ok(())
    }
}

fn open(x: &Tensor) -> Result<Tensor> {
    Ok(x.gt(0.0)?.to_dtype(x.dtype())?)
}

fn bundle(
    given: &Given<'_>,
    connection: Connection,
    input: Vec<usize>,
    output: Vec<usize>,
    recomputed: &mut Recomputed,
) -> Result<()> {
    let own = given.weights()?;
    let bundle = Bundle {
        name: "unit".to_owned(),
        alias: None,
        connection,
        input,
        output,
        bias: own.contains("bias"),
        separate: own.contains("back_weight"),
        back_bias: own.contains("back_bias"),
        norm: None,
    };
    let named = own.iter().map(|(name, weight)| (format!("unit.{name}"), weight.tensor().clone()));
    let layer = Layer::load(&bundle, &Weights::from_tensors(named), &mut 0)?;
    let [x, e, gate] = ["x", "e", "gate_src"].map(|name| given.tensor(name));
    let (x, e, gate) = (x?, e?, gate?);
    let mut ws = ops::Workspace::new();
    let mut none = Statistics { values: Vec::new(), of_the_batch: false };
    let y = layer.up(&x, true, &mut none, &mut ws)?;
    given.put(recomputed, "y", &y)?;
    given.put(recomputed, "y_blocked", &layer.up(&x, false, &mut none, &mut ws)?)?;
    given.put(recomputed, "y_relu_gated", &(ops::relu(&y)? * open(&gate)?)?)?;
    given.put(recomputed, "td_relu", &ops::relu(&layer.down(&e, true, &mut none, &mut ws)?)?)?;
    given.put(recomputed, "td_gated", &(layer.down(&e, false, &mut none, &mut ws)? * open(&x)?)?)?;
    for (leaf, change) in layer.changes(&x, &e, &ws)? {
        given.put(recomputed, &format!("ch/{leaf}"), &change)?;
    }
    Ok(())
}

/// A residual block as the only layer of a trunk.
fn block(
    given: &Given<'_>,
    channels: usize,
    stride: usize,
    has_norms: bool,
    shared: bool,
    recomputed: &mut Recomputed,
) -> Result<()> {
    const PATH: &str = "core_net.layers.0.";
    let shape = given.shape("x", 4)?;
    let values = json!({
        "network_name": "layers",
        "in_shape": shape,
        "layers": [{"kind": "block", "channels": channels, "stride": stride}],
        "mtl": true,
        "shared_weights": shared,
        "norm_layer": if has_norms { "batch_norm" } else { "no_norm" },
    });
    let config = Config::from_values(values.as_object().unwrap_or(&serde_json::Map::new()))?;
    let own = given.weights()?;
    // The heads take no part.
    let tensors = shapes(&config)?.into_iter().map(|(name, shape)| {
        let found = name.strip_prefix(PATH).and_then(|name| own.find(name));
        let tensor = match found {
            Some(weight) => weight.tensor().clone(),
            None => Tensor::zeros(shape, candle_core::DType::F32, given.inputs.device())?,
        };
        Ok((name, tensor))
    });
    let net = CounterHebb::new(&config, &Weights::from_tensors(tensors.collect::<Result<Vec<_>>>()?))?;
    let x = given.tensor("x")?;
    let at = net.at();
    let (hidden, top) = (1, net.architecture.top());

    let rest = net.rest(x.dims()[0])?;
    let controls = Controls::defaults(net.controls());
    let mut ws = Workspace::new();
    let mut context = StepContext { taps: &mut NoTaps, controls: &controls, ops: &mut ws.ops };
    let statistics = Statistics { values: rest.memory.clone(), of_the_batch: has_norms };
    let mut flow = Flow { net: &net, at, areas: rest.areas.clone(), statistics, context: &mut context };
    flow.predict(&x, false)?;
    given.put(recomputed, "y_relu", &flow.areas[at.bottom_up(top)])?;
    flow.areas[at.top_down(top)] = given.tensor("td_in")?;
    flow.descend(Carried::Instruction)?;
    given.put(recomputed, "td_relu", &flow.areas[at.top_down(0)])?;
    given.put(recomputed, "conv1_td_gate", &flow.areas[at.top_down(hidden)])?;
    flow.predict(&x, true)?;
    given.put(recomputed, "y_relu_gated", &flow.areas[at.bottom_up(top)])?;
    given.put(recomputed, "conv2_in", &flow.areas[at.bottom_up(hidden)])?;
    flow.areas[at.error(top)] = (given.tensor("e_in")? * open(&flow.areas[at.bottom_up(top)])?)?;
    flow.descend(Carried::Error)?;
    given.put(recomputed, "td_gated", &flow.areas[at.error(0)])?;
    given.put(recomputed, "conv1_e", &flow.areas[at.error(hidden)])?;
    let state = State { t: 0, areas: flow.areas, memory: flow.statistics.values, readout: None };
    for (name, change) in counter_hebb(&net, &state, &mut UpdateRule::default(), &ws)? {
        if let Some(name) = name.strip_prefix(PATH) {
            given.put(recomputed, &format!("ch/{name}"), &change)?;
        }
    }
    for (name, tensor) in net.statistics(&state) {
        let Some(name) = name.strip_prefix(PATH) else { continue };
        if name.contains(".running_") {
            given.put(recomputed, &format!("after/{name}"), tensor)?;
        } else {
            let name = format!("{}/after/{name}", given.case);
            recomputed.insert_if_stored(name, Array::from_tensor(tensor)?);
        }
    }
    Ok(())
}
