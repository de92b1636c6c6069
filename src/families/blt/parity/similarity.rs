//! Kind `repsim_metrics`: kernels, independence criteria, and metrics with their geometry.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::geometry::{array, given};
use crate::analysis::matrix::Matrix;
use crate::analysis::similarity::{
    AffineInvariant, AngularCka, Kernel, LengthScale, Metric, Positive, Shape, ShapeForm, Stress, alexandrov,
    angle, cka, frechet_mean, hsic, norm, pairwise_angles, pairwise_distances, procrustes, whitened,
};
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed};

/// One entry of the parameters `kernels` and `metrics`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Description {
    metric: String,
    kernel: String,
    length_scale: Value,
    diagonal_zeroed: bool,
    divide_by_median: bool,
    on: String,
    form: String,
    alpha: f64,
    p: usize,
    eps: f64,
}

impl Description {
    fn kernel(&self) -> Result<Kernel> {
        let scale = || match &self.length_scale {
            // The files' word for half of the median.
            Value::String(text) => LengthScale::parse(&text.replace("_half", "/2")),
            Value::Null => LengthScale::parse("auto"),
            other => LengthScale::parse(&other.to_string()),
        };
        match self.kernel.to_lowercase().as_str() {
            "linear" | "" => Ok(Kernel::Linear),
            "sqexp" => Ok(Kernel::SquaredExponential(scale()?)),
            "laplace" => Ok(Kernel::Laplace(scale()?)),
            other => Err(Error::unknown("kernel", other, ["linear", "sqexp", "laplace"])),
        }
    }

    fn metric(&self) -> Result<Box<dyn Metric>> {
        let form = if self.form == "angular" { ShapeForm::Angular } else { ShapeForm::Euclidean };
        let shape = |is_rotated| Shape { form, p: self.p, alpha: self.alpha, is_rotated };
        Ok(match self.metric.as_str() {
            "AngularCKA" => {
                Box::new(AngularCka { kernel: self.kernel()?, is_diagonal_zeroed: self.diagonal_zeroed })
            }
            "Stress" => Box::new(Stress { kernel: self.kernel()?, is_scaled: self.divide_by_median }),
            "AffineInvariantRiemannian" => {
                let of = match self.on.as_str() {
                    "covariance" => Positive::Covariance(self.p),
                    _ => Positive::Gram(self.kernel()?),
                };
                Box::new(AffineInvariant { of, eps: self.eps })
            }
            "PreShape" => Box::new(shape(false)),
            "Shape" => Box::new(shape(true)),
            other => {
                let known = ["AngularCKA", "Stress", "AffineInvariantRiemannian", "PreShape", "Shape"];
                return Err(Error::unknown("metric", other, known));
            }
        })
    }
}

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let [x, y, z, w] = ["x", "y", "z", "w"].map(|name| given(inputs, name));
    let (x, y, z, w) = (x?, y?, z?, w?);
    let mut recomputed = Recomputed::new();
    let kernels: BTreeMap<String, Description> = inputs.parameter("kernels")?;
    for (name, description) in &kernels {
        let (k, l) = (description.kernel()?.gram(&x), description.kernel()?.gram(&y));
        recomputed.insert(format!("gram.{name}.x"), array(&k)?);
        recomputed.insert_if_stored(format!("center.{name}.x"), array(&k.double_centred())?);
        for (word, is_unbiased) in [("unb", true), ("biased", false)] {
            recomputed.insert(format!("hsic.{name}.{word}"), one(hsic(&k, &l, is_unbiased))?);
            recomputed.insert(format!("cka.{name}.{word}"), one(cka(&k, &l, is_unbiased))?);
        }
    }
    for word in ["median", "mean"] {
        recomputed.insert_if_stored(format!("length_scale.{word}"), one(LengthScale::parse(word)?.of(&x))?);
    }
    let metrics: BTreeMap<String, Description> = inputs.parameter("metrics")?;
    for (name, description) in &metrics {
        geometry(name, description.metric()?.as_ref(), [&x, &y, &z], &mut recomputed)?;
    }
    recomputed.insert_if_stored("pairwise.euclidean.x", array(&pairwise_distances(&x))?);
    recomputed.insert_if_stored("pairwise.angle.x", array(&pairwise_angles(&x))?);
    for alpha in [0.0, 0.5] {
        recomputed.insert_if_stored(format!("whiten.a{alpha}.x"), array(&whitened(&x.centred(), alpha)?)?);
    }
    let (a, b) = (x.centred(), y.centred());
    recomputed.insert_if_stored("procrustes.b_to_a", array(&b.times(&procrustes(&a, &b)?))?);
    let compare = |metric: &dyn Metric| metric.length(&metric.point(&x)?, &metric.point(&w)?);
    let angular = AngularCka { kernel: Kernel::Linear, is_diagonal_zeroed: true };
    recomputed.insert_if_stored("compare.angular_cka.xw", one(compare(&angular)?)?);
    let stress = Stress { kernel: Kernel::Linear, is_scaled: false };
    recomputed.insert_if_stored("compare.stress.xw", one(compare(&stress)?)?);
    let singular = AffineInvariant { of: Positive::Gram(Kernel::Linear), eps: 0.0 };
    let length = singular.length(&singular.point(&x)?, &singular.point(&y)?)?;
    recomputed.insert_if_stored("air_linear_eps0_is_inf", one(length)?);
    Ok(recomputed)
}

/// Everything that is stored of one metric on three populations.
fn geometry(
    name: &str,
    metric: &dyn Metric,
    responses: [&Matrix; 3],
    recomputed: &mut Recomputed,
) -> Result<()> {
    let [x, y, z] = responses.map(|responses| metric.point(responses));
    let (x, y, z) = (x?, y?, z?);
    let length = |a: &Matrix, b: &Matrix| metric.length(a, b);
    let lengths = vec![length(&x, &y)?, length(&x, &z)?, length(&y, &z)?, length(&x, &x)?];
    recomputed.insert(format!("length.{name}"), Array::f64(&[4], lengths)?);
    let (middle, quarter) = (metric.geodesic(&x, &y, 0.5)?, metric.geodesic(&x, &y, 0.25)?);
    let parts =
        vec![length(&x, &middle)?, length(&middle, &y)?, length(&x, &quarter)?, length(&quarter, &y)?];
    recomputed.insert(format!("geodesic_check.{name}"), Array::f64(&[4], parts)?);
    recomputed.insert(format!("angle_yxz.{name}"), one(angle(metric, &y, &x, &z)?)?);
    let log = metric.log(&x, &y)?;
    recomputed.insert(format!("norm_log.{name}"), one(norm(metric, &x, &log)?)?);
    let back = metric.exp(&x, &log)?;
    recomputed.insert(format!("len_exp_log_to_y.{name}"), one(length(&back, &y)?)?);
    recomputed.insert(format!("alexandrov_xyz.{name}"), one(alexandrov(metric, &x, &y, &z)?)?);
    let carried = metric.transport(&x, &y, &metric.log(&x, &z)?)?;
    recomputed.insert_if_stored(format!("transport.{name}"), array(&carried)?);
    let points = [x, y, z];
    let mean = frechet_mean(metric, &points)?;
    let distances = points.iter().map(|point| length(&mean, point)).collect::<Result<Vec<_>>>()?;
    recomputed.insert(format!("frechet_iter_dists.{name}"), Array::f64(&[3], distances)?);
    recomputed.insert_if_stored(format!("point.{name}.x"), array(&points[0])?);
    recomputed.insert_if_stored(format!("log.{name}.xy"), array(&log)?);
    recomputed.insert_if_stored(format!("mid.{name}.xy"), array(&middle)?);
    Ok(())
}

fn one(value: f64) -> Result<Array> {
    Array::f64(&[1], vec![value])
}
