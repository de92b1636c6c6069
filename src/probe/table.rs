//! All responses of a probe as a tidy table, and its summary.

use serde_json::{Value, json};

use super::{Statistic, TuningResult};
use crate::error::{Error, Result};

/// One row per unit, condition and value; units of measure in the header.
///
/// # Errors
/// [`Error::Unsupported`] if the table cannot be written, which memory alone can cause.
pub fn csv(result: &TuningResult) -> Result<Vec<u8>> {
    let failed =
        |err: &dyn std::fmt::Display| Error::Unsupported(format!("the responses cannot be written: {err}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let unit = result.feature.unit();
    let feature = if unit.is_empty() {
        result.feature.name().to_owned()
    } else {
        format!("{} ({unit})", result.feature.name())
    };
    let header = [
        "area",
        "channel",
        "row",
        "col",
        "condition",
        &feature,
        "mean (a.u.)",
        "sd (a.u.)",
        "max (a.u.)",
        "n",
    ];
    writer.write_record(header).map_err(|err| failed(&err))?;
    let number = |value: f64| if value.is_finite() { value.to_string() } else { String::new() };
    for (at, id) in result.units.iter().enumerate() {
        for condition in &result.conditions {
            let responses = &condition.responses;
            let (mean, sd, max) = (responses.mean(at), responses.standard_deviation(at), responses.max(at));
            for (value, x) in result.values.iter().enumerate() {
                let row = [
                    result.area.clone(),
                    id.channel.to_string(),
                    id.row.to_string(),
                    id.col.to_string(),
                    condition.name.clone(),
                    number(*x),
                    number(mean[value]),
                    number(sd[value]),
                    number(max[value]),
                    responses.n[value].to_string(),
                ];
                writer.write_record(&row).map_err(|err| failed(&err))?;
            }
        }
    }
    writer.into_inner().map_err(|err| failed(&err))
}

/// Numbers of the population for `--json`.
pub fn summary(result: &TuningResult, statistic: Statistic) -> Value {
    let scaling = result.scaling(statistic).map(|scaling| {
        json!({
            "n_units": scaling.units.len() + scaling.excluded.len(),
            "n_responsive": scaling.units.len(),
            "n_scaled_up": scaling.n_scaled_up,
            "median_ratio": scaling.median_ratio,
            "median_correlation": scaling.median_correlation,
            "pooled_slope": scaling.pooled_slope,
            "excluded": scaling.excluded,
            "units": scaling.units,
        })
    });
    json!({
        "area": result.area,
        "feature": result.feature,
        "statistic": statistic,
        "pooled_over": result.pooled_over,
        "n_values": result.values.len(),
        "conditions": result.conditions.iter().map(|condition| &condition.name).collect::<Vec<_>>(),
        "scaling": scaling,
    })
}
