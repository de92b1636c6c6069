//! The rules by which a recomputed quantity is judged, one group per file.

mod curves;
mod entries;
mod gradients;
mod json;
mod sets;
mod statistics;

pub(super) use gradients::{DeltaVerdict, adamw_delta, first_step, pool_outliers, small_entries};
pub(super) use json::judge_json;

use super::{Array, Recomputed, Rule, Tolerance, Value};

/// How far a quantity is off.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Verdict {
    /// Largest deviation; infinite if an entry is not finite where it should be.
    pub worst: f64,
    /// Deviation over what is allowed; up to 1 is a pass.
    pub excess: f64,
    pub reason: Option<String>,
}

impl Verdict {
    /// Takes one entry into account.
    pub fn push(&mut self, deviation: f64, allowed: f64) {
        self.worst = self.worst.max(deviation);
        self.excess = self.excess.max(excess(deviation, allowed));
    }

    pub fn failed(reason: impl Into<String>) -> Self {
        Self { worst: f64::INFINITY, excess: f64::INFINITY, reason: Some(reason.into()) }
    }

    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

/// `|g - w|`; equal infinities and NaN against NaN are equal, other non-finite pairs infinitely far.
pub(super) fn deviation(w: f64, g: f64) -> f64 {
    if w == g || (w.is_nan() && g.is_nan()) {
        return 0.0;
    }
    let deviation = (g - w).abs();
    if deviation.is_finite() { deviation } else { f64::INFINITY }
}

/// Deviation over allowance; nothing is allowed beyond a non-finite entry.
pub(super) fn excess(deviation: f64, allowed: f64) -> f64 {
    if deviation == 0.0 {
        0.0
    } else if deviation.is_infinite() || allowed == 0.0 {
        f64::INFINITY
    } else {
        deviation / allowed
    }
}

/// Judges one quantity by every rule that needs nothing but the two values (and sizes or partners
/// that the recomputation knows). The gradient rules are judged by [`first_step`] and [`adamw_delta`].
pub(super) fn judge(
    name: &str,
    stored: &Value,
    got: &Value,
    tolerance: &Tolerance,
    partner: Option<(&Array, &Array)>,
    recomputed: &Recomputed,
) -> Verdict {
    let (stored, got) = match (stored, got) {
        (Value::Array(stored), Value::Array(got)) => (stored, got),
        (Value::Json(stored), Value::Json(got)) => return judge_json(stored, got, tolerance),
        (Value::Array(_), Value::Json(_)) => return Verdict::failed("expected an array, recomputed JSON"),
        (Value::Json(_), Value::Array(_)) => return Verdict::failed("expected JSON, recomputed an array"),
    };
    // Random starts may be of another number than the expected ones.
    if stored.dims() != got.dims() && !matches!(tolerance.rule, Rule::Statistical { .. }) {
        return wrong_shape(stored, got);
    }
    match &tolerance.rule {
        Rule::Default | Rule::Reuse | Rule::Anchor | Rule::NotCompared { .. } => {
            entries::default(stored, got, tolerance)
        }
        Rule::Exact => entries::exact(stored, got),
        Rule::Plus => entries::plus(stored, got, tolerance),
        Rule::MaxRel => entries::max_rel(stored, got, tolerance),
        Rule::Ranges { axis, ranges } => entries::ranges(stored, got, *axis, ranges),
        Rule::Fraction { min, loose } => entries::fraction(stored, got, tolerance, *min, *loose),
        Rule::Flips { axis, max_flips } => entries::flips(stored, got, *axis, max_flips),
        Rule::Sorted { ranges } => sets::sorted(stored, got, ranges),
        Rule::UpToSign { axis, ranges } => sets::up_to_sign(stored, got, tolerance, *axis, ranges.as_deref()),
        Rule::ComplexSet { partner: name, segments } => {
            sets::complex_set(stored, got, tolerance.abs, name.as_deref(), partner, segments.as_deref())
        }
        Rule::Spectrum => sets::spectrum(stored, got, tolerance),
        Rule::Stat4 => statistics::stat4(stored, got, tolerance),
        Rule::Stats => statistics::stats(stored, got, tolerance, recomputed.n_entries(name)),
        Rule::Statistical { axis } => statistics::statistical(stored, got, tolerance, *axis),
        Rule::Curve(curve) => curves::curve(stored, got, tolerance, curve),
        Rule::Ordered { .. } => Verdict::failed("the rule \"ordered\" judges JSON lists, not arrays"),
        Rule::FirstStep(_) | Rule::AdamwDelta(_) => Verdict::failed("no gradient to judge by"),
    }
}

pub(super) fn wrong_shape(stored: &Array, got: &Array) -> Verdict {
    Verdict::failed(format!("expected shape {:?}, recomputed {:?}", stored.dims(), got.dims()))
}

/// Position along `axis` (negative counts from the end) of each flat index; `None` if there is no such axis.
pub(super) struct AxisIndex {
    stride: usize,
    pub len: usize,
}

impl AxisIndex {
    pub fn of(dims: &[usize], axis: isize) -> Option<Self> {
        let axis = usize::try_from(if axis < 0 { axis + dims.len() as isize } else { axis }).ok()?;
        let len = *dims.get(axis)?;
        Some(Self { stride: dims[axis + 1..].iter().product(), len })
    }

    pub fn at(&self, flat: usize) -> usize {
        flat / self.stride.max(1) % self.len.max(1)
    }
}

pub(super) fn no_axis(stored: &Array, axis: isize) -> Verdict {
    Verdict::failed(format!("the tolerance names axis {axis} of an array of shape {:?}", stored.dims()))
}
