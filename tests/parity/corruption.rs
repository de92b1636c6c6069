//! Corrupts one quantity at a time and demands that just its row fails.

use gainfield::parity::{Array, Golden, Numbers, Recomputed, Row, Rule, Tolerance, Value};
use serde_json::Value as Json;

/// Checks every output of a golden whose recomputation passes: on the expected and on the recomputed
/// side, off by ten times the tolerance, not a number, of another shape, missing.
pub fn every_corruption_is_noticed(golden: &Golden, recomputed: &Recomputed) {
    let report = golden.compare("file", recomputed);
    assert_eq!(failing(&report), Vec::<String>::new(), "the uncorrupted file passes");
    for row in &report {
        let tolerance = Tolerance::parse(&row.tolerance).expect("a row repeats the header");
        if matches!(tolerance.rule, Rule::Anchor | Rule::NotCompared { .. }) {
            continue;
        }
        let name = &row.quantity;
        let stored = golden.stored.get(name).expect("a passing row is about a stored output");
        for (how, value) in corruptions(stored, &tolerance) {
            let is_missing = value.is_none();
            let is_left_out = is_missing && recomputed.is_optional(name);
            let stored = golden.stored.with(name, value);
            let rows = gainfield::parity::compare("file", golden.inputs.header(), &stored, recomputed);
            if is_left_out {
                // Files of this kind differ in what they store; at most its own row, or that of the
                // tolerance which nothing needs any more, may fail.
                assert!(failing(&rows).len() <= 1, "stored {name} {how}");
                continue;
            }
            let failing = failing(&rows);
            if is_missing && failing.len() == 1 && recomputed.are_alternatives(name, &failing[0]) {
                // Which of several forms the file should have had cannot be told.
                continue;
            }
            assert_just(&rows, name, &tolerance, &format!("stored {name} {how}"));
        }
        let value = recomputed.get(name).expect("a passing row is about a recomputed output");
        for (how, value) in corruptions(value, &tolerance) {
            let rows = golden.compare("file", &recomputed.with(name, value));
            assert_just(&rows, name, &tolerance, &format!("recomputed {name} {how}"));
        }
    }
}

/// Names of the rows that are not ok.
pub fn failing(rows: &[Row]) -> Vec<String> {
    rows.iter().filter(|row| !row.ok).map(|row| row.quantity.clone()).collect()
}

/// Just the row of `name` fails; of a pair of real and imaginary parts, which are one quantity, either.
fn assert_just(rows: &[Row], name: &str, tolerance: &Tolerance, what: &str) {
    let failing = failing(rows);
    if let Rule::ComplexSet { partner: Some(partner), .. } = &tolerance.rule {
        assert!(!failing.is_empty() && failing.iter().all(|row| row == name || row == partner), "{what}");
    } else {
        assert_eq!(failing, [name], "{what}");
    }
}

/// Corrupted values, `None` for a missing one, each with a word for the message.
fn corruptions(value: &Value, tolerance: &Tolerance) -> Vec<(&'static str, Option<Value>)> {
    let mut all = vec![("is missing", None)];
    match value {
        Value::Array(array) => {
            all.push(("is off by ten times its tolerance", Some(beyond(array, tolerance).into())));
            if let Some(array) = with_nan(array) {
                all.push(("has a NaN", Some(array.into())));
            }
            let mut dims = array.dims().to_vec();
            dims.push(1);
            let reshaped = Array::new(&dims, array.numbers().clone()).unwrap();
            all.push(("has another shape", Some(reshaped.into())));
        }
        Value::Json(json) => {
            let mut changed = json.clone();
            assert!(change_first(&mut changed), "some number or text can be changed");
            all.push(("has another entry", Some(changed.into())));
            let mut longer = json.clone();
            longer.as_array_mut().expect("a list").push(Json::Null);
            all.push(("is longer", Some(longer.into())));
        }
    }
    all
}

/// Moves entries by ten times what the rule allows, or flips ten times as many pixels.
fn beyond(array: &Array, tolerance: &Tolerance) -> Array {
    let mut values = array.to_f64();
    let largest = (0..values.len())
        .filter(|&i| values[i].is_finite())
        .max_by(|&a, &b| values[a].abs().total_cmp(&values[b].abs()));
    let top = largest.map_or(0.0, |i| values[i].abs());
    let by = |abs: f64, rel: f64, w: f64| 10.0 * (abs + rel * w.abs()).max(f64::from(f32::EPSILON) * w.abs());
    let (abs, rel) = (tolerance.abs, tolerance.rel);
    let mut moved = |index: usize, by: f64| values[index] += if by > 0.0 { by } else { 1.0 };
    match &tolerance.rule {
        Rule::Fraction { .. } | Rule::Statistical { .. } => {
            for i in 0..array.len() {
                let w = array.to_f64()[i];
                moved(i, by(abs, rel, w));
            }
        }
        Rule::Ranges { axis, ranges } => {
            let axis = usize::try_from(*axis).unwrap();
            let stride: usize = array.dims()[axis + 1..].iter().product();
            let first = ranges[0].0 * stride;
            moved(first, by(ranges[0].2, ranges[0].3, array.to_f64()[first]));
        }
        Rule::Sorted { ranges } => moved(largest.unwrap(), by(ranges[0].2, ranges[0].3, top)),
        Rule::UpToSign { .. } | Rule::ComplexSet { .. } | Rule::Spectrum => {
            moved(0, by(abs, rel, top) * 10.0)
        }
        Rule::FirstStep(rule) => (0..array.len()).for_each(|i| moved(i, 10.0 * rule.loose)),
        Rule::AdamwDelta(_) => (0..array.len()).for_each(|i| moved(i, 10.0 * abs)),
        Rule::Stats | Rule::Stat4 => moved(1, by(abs, rel, array.to_f64()[1])),
        Rule::Curve(_) => moved(0, by(abs, rel, array.to_f64()[0])),
        Rule::Flips { axis, max_flips } => {
            let len = array.dims()[usize::try_from(*axis).unwrap()];
            let per_slice = array.len() / len;
            let n = (10 * max_flips[len - 1] as usize).clamp(1, per_slice);
            let last = (len - 1) * per_slice;
            values[last..last + n].iter_mut().for_each(|pixel| *pixel = 1.0 - *pixel);
        }
        _ => match largest {
            Some(i) => moved(i, by(abs, rel, top)),
            None => values.fill(0.0),
        },
    }
    like(array, &values)
}

/// `values` in the type of `array`; whole numbers and bytes change by at least one.
fn like(array: &Array, values: &[f64]) -> Array {
    let numbers = match array.numbers() {
        Numbers::F32(_) => Numbers::F32(values.iter().map(|&v| v as f32).collect()),
        Numbers::F64(_) => Numbers::F64(values.to_vec()),
        Numbers::I64(_) => Numbers::I64(values.iter().map(|&v| v.ceil() as i64).collect()),
        Numbers::U8(old) => {
            let changed = |(&v, &old): (&f64, &u8)| if v == f64::from(old) { old } else { byte(v, old) };
            Numbers::U8(values.iter().zip(old).map(changed).collect())
        }
    };
    Array::new(array.dims(), numbers).unwrap()
}

fn byte(value: f64, old: u8) -> u8 {
    let new = value.ceil().clamp(0.0, 255.0) as u8;
    if new == old { old ^ 1 } else { new }
}

fn with_nan(array: &Array) -> Option<Array> {
    let numbers = match array.numbers() {
        Numbers::F32(values) => {
            let mut values = values.clone();
            *values.first_mut()? = f32::NAN;
            Numbers::F32(values)
        }
        Numbers::F64(values) => {
            let mut values = values.clone();
            *values.first_mut()? = f64::NAN;
            Numbers::F64(values)
        }
        Numbers::I64(_) | Numbers::U8(_) => return None,
    };
    Some(Array::new(array.dims(), numbers).unwrap())
}

/// Changes the first number or text of a piece of JSON by far.
fn change_first(json: &mut Json) -> bool {
    match json {
        Json::Number(number) => {
            *json = match number.as_i64() {
                Some(whole) => (whole + 10).into(),
                None => (number.as_f64().unwrap_or(0.0) + 10.0).into(),
            };
            true
        }
        Json::String(text) => {
            text.push('!');
            true
        }
        Json::Array(list) => list.iter_mut().any(change_first),
        Json::Object(map) => map.values_mut().any(change_first),
        Json::Null | Json::Bool(_) => false,
    }
}
