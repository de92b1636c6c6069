//! `tasks.json`: what each task shows for how long, and what its loss reads.

use serde_json::{Map, Value};

use super::python_repr::{PyValue, read_numbers};
use crate::error::{Error, Result};

/// In place of class weights: those of the training data.
const INVERSE: &str = "inverse";

/// Sweeps of a run chosen the way Python indexes a list.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    All,
    /// Indices, negative ones from the end.
    Each(Vec<i64>),
    Slice {
        start: Option<i64>,
        stop: Option<i64>,
        step: Option<i64>,
    },
}

/// What the loss of a task is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum LossSpec {
    /// Cross-entropy over some sweeps, squared error of the maps over some, cross-entropy of the
    /// read-out pass.
    ThreeTerms { weights: [f64; 3], labels: Selection, masks: Selection },
    /// One cross-entropy and one squared error per listed sweep with its own weight, no read-out
    /// pass.
    PerSweep { labels: Vec<(i64, f64)>, masks: Vec<(i64, f64)> },
}

/// One task of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskSpec {
    pub name: String,
    /// Class of the reference that composes its stimuli.
    pub composer: String,
    /// Row of the task tables and position of the one-hot; two tasks may share one.
    pub key: usize,
    pub params: Map<String, Value>,
    pub loss: LossSpec,
    pub has_prompt: bool,
    pub class_weights: Option<Vec<f64>>,
    /// Classes are weighted by the inverse of how often they occur in the training data: ours, written
    /// `"inverse"` in place of the numbers.
    pub balances_classes: bool,
    /// Ranges of outputs that are separate labels, for example shape, colour and texture.
    pub label_groups: Vec<(usize, Option<usize>)>,
}

/// Reads `tasks.json`.
///
/// # Errors
/// [`Error::Config`] naming task and key.
pub fn read_tasks(document: &Value) -> Result<Vec<TaskSpec>> {
    let tasks = document
        .as_object()
        .ok_or_else(|| Error::config("tasks.json", "an object with one entry per task", kind(document)))?;
    tasks.iter().map(|(name, task)| TaskSpec::read(name, task)).collect()
}

impl TaskSpec {
    fn read(name: &str, task: &Value) -> Result<Self> {
        let at = |key: &str| format!("tasks.json: {name}.{key}");
        let fields = task
            .as_object()
            .ok_or_else(|| Error::config(format!("tasks.json: {name}"), "an object", kind(task)))?;
        let get = |key: &str| fields.get(key).unwrap_or(&Value::Null);
        let key = match get("key") {
            Value::Null => 0,
            value => value
                .as_u64()
                .and_then(|key| usize::try_from(key).ok())
                .filter(|&key| key < 1 << 16)
                .ok_or_else(|| Error::config(at("key"), "a whole number from 0", value))?,
        };
        let balances_classes = get("class_weights").as_str() == Some(INVERSE);
        let class_weights = match get("class_weights") {
            Value::Null => None,
            _ if balances_classes => None,
            value => Some(read_numbers(&at("class_weights"), value)?),
        };
        Ok(Self {
            name: name.to_owned(),
            composer: get("composer").as_str().unwrap_or_default().to_owned(),
            key,
            params: get("params").as_object().cloned().unwrap_or_default(),
            loss: LossSpec::read(&at("loss_w"), get("loss_w"), &at("loss_s"), get("loss_s"))?,
            has_prompt: get("has_prompt").as_bool().unwrap_or(false),
            class_weights,
            balances_classes,
            label_groups: label_groups(&at("m_slice"), get("m_slice"))?,
        })
    }

    /// Sweeps of one stimulus, where the parameters tell.
    pub fn n_sweeps(&self) -> Option<usize> {
        let number = |key: &str| self.params.get(key)?.as_u64();
        let stretches = self.stretches();
        let n = if !stretches.is_empty() {
            Some(stretches.iter().sum())
        } else if let (Some(digits), Some(each)) = (number("n_digits"), number("n_attend")) {
            digits.checked_mul(each)
        } else {
            number("n_iter")
        };
        n.and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=10_000).contains(n))
    }

    /// Lengths of the consecutive stretches of a stimulus (cue, stimulus, …), where it has several.
    pub fn stretches(&self) -> Vec<u64> {
        let keys = ["fix_attend", "fix_attend_saccade", "episodes"];
        let list = keys.iter().find_map(|&key| self.params.get(key)?.as_array());
        list.into_iter().flatten().filter_map(Value::as_u64).filter(|&n| n <= 10_000).collect()
    }

    /// Are labels and masks sets whose members the sweeps visit one after the other?
    pub fn is_matched(&self) -> bool {
        self.composer == "IOR_DS"
    }

    /// The last sweep of each visit of a run of `n_sweeps`.
    ///
    /// # Errors
    /// [`Error::Config`] if the run is not whole visits.
    pub fn visits(&self, n_sweeps: usize) -> Result<Vec<usize>> {
        let each = self.params.get("n_attend").and_then(Value::as_u64).unwrap_or(2).max(1) as usize;
        match n_sweeps % each {
            0 if n_sweeps > 0 => Ok((each - 1..n_sweeps).step_by(each).collect()),
            _ => Err(Error::config("sweeps of visits", format!("a multiple of {each}"), n_sweeps)),
        }
    }

    /// Does the published protocol end with a read-out pass?
    pub fn has_read_out(&self) -> bool {
        // Inhibition of return scores the sweeps themselves.
        matches!(self.loss, LossSpec::ThreeTerms { .. }) && !self.is_matched()
    }
}

impl LossSpec {
    fn read(weights_at: &str, weights: &Value, sweeps_at: &str, sweeps: &Value) -> Result<Self> {
        let wrong = || {
            let requirement = "three numbers, or a list of numbers for labels and one for masks";
            Error::config(weights_at, requirement, weights)
        };
        let selected = PyValue::read(sweeps_at, sweeps)?;
        let parts = match &selected {
            PyValue::Tuple(parts) if parts.len() == 2 => (&parts[0], &parts[1]),
            PyValue::None => (&PyValue::None, &PyValue::None),
            _ => {
                return Err(Error::config(
                    sweeps_at,
                    "one choice of sweeps for labels and one for masks",
                    sweeps,
                ));
            }
        };
        let items = weights.as_array().ok_or_else(wrong)?;
        if let [labels, masks] = items.as_slice()
            && labels.is_array()
        {
            let joined = |chosen: &PyValue, weights: &Value| -> Result<Vec<(i64, f64)>> {
                let indices: Option<Vec<i64>> = match chosen {
                    PyValue::Tuple(items) => items.iter().map(as_index).collect(),
                    _ => None,
                };
                let weights: Option<Vec<f64>> =
                    weights.as_array().and_then(|list| list.iter().map(finite).collect());
                match (indices, weights) {
                    (Some(indices), Some(weights)) if indices.len() == weights.len() => {
                        Ok(indices.into_iter().zip(weights).collect())
                    }
                    _ => Err(Error::config(sweeps_at, "one sweep for each number of loss_w", sweeps)),
                }
            };
            return Ok(Self::PerSweep { labels: joined(parts.0, labels)?, masks: joined(parts.1, masks)? });
        }
        let numbers: Option<Vec<f64>> = items.iter().map(finite).collect();
        let weights = numbers.and_then(|numbers| <[f64; 3]>::try_from(numbers).ok()).ok_or_else(wrong)?;
        let choose = |part: &PyValue| {
            Selection::from_python(part).ok_or_else(|| {
                Error::config(sweeps_at, "null, an index, a list of indices or a slice", sweeps)
            })
        };
        Ok(Self::ThreeTerms { weights, labels: choose(parts.0)?, masks: choose(parts.1)? })
    }

    /// Sweeps whose labels the loss reads, of `n`; without those of weight 0.
    ///
    /// # Errors
    /// [`Error::Config`] for an index beyond the run.
    pub fn scored_sweeps(&self, n: usize) -> Result<Vec<usize>> {
        match self {
            Self::ThreeTerms { weights, labels, .. } if weights[0] != 0.0 => labels.resolve("loss_s", n),
            Self::ThreeTerms { .. } => Ok(Vec::new()),
            Self::PerSweep { labels, .. } => {
                let indices = labels.iter().map(|(index, _)| *index).collect();
                Selection::Each(indices).resolve("loss_s", n)
            }
        }
    }
}

impl Selection {
    fn from_python(value: &PyValue) -> Option<Self> {
        match value {
            PyValue::None => Some(Self::All),
            PyValue::Int(index) => Some(Self::Each(vec![*index])),
            PyValue::Slice { step: Some(step), .. } if *step <= 0 => None,
            PyValue::Slice { start, stop, step } => {
                Some(Self::Slice { start: *start, stop: *stop, step: *step })
            }
            PyValue::Tuple(items) => items.iter().map(as_index).collect::<Option<_>>().map(Self::Each),
        }
    }

    /// The chosen indices of `0..n`.
    ///
    /// # Errors
    /// [`Error::Config`] naming `field` for an index outside.
    pub fn resolve(&self, field: &str, n: usize) -> Result<Vec<usize>> {
        let length = n as i64;
        match self {
            Self::All => Ok((0..n).collect()),
            Self::Each(indices) => indices
                .iter()
                .map(|&index| {
                    let from_start = if index < 0 { index.saturating_add(length) } else { index };
                    usize::try_from(from_start).ok().filter(|&i| i < n).ok_or_else(|| {
                        Error::config(field, format!("within the {n} sweeps of the run"), index)
                    })
                })
                .collect(),
            Self::Slice { start, stop, step } => {
                let bound = |index: Option<i64>, default: i64| match index {
                    None => default,
                    Some(index) if index < 0 => index.saturating_add(length).max(0),
                    Some(index) => index.min(length),
                };
                let (from, to) = (bound(*start, 0) as usize, bound(*stop, length) as usize);
                let step = step.map_or(1, |step| usize::try_from(step).unwrap_or(1).max(1));
                Ok((from..to.max(from)).step_by(step).collect())
            }
        }
    }
}

fn label_groups(field: &str, value: &Value) -> Result<Vec<(usize, Option<usize>)>> {
    let groups = match PyValue::read(field, value)? {
        PyValue::None => Some(Vec::new()),
        PyValue::Tuple(parts) => parts
            .into_iter()
            .map(|part| match part {
                PyValue::Slice { start, stop, step: None } => {
                    let start = usize::try_from(start.unwrap_or(0)).ok()?;
                    let stop = stop.map(usize::try_from).transpose().ok()?;
                    Some((start, stop))
                }
                _ => None,
            })
            .collect(),
        _ => None,
    };
    groups.ok_or_else(|| Error::config(field, "slices of the outputs", value))
}

fn as_index(value: &PyValue) -> Option<i64> {
    match value {
        PyValue::Int(index) => Some(*index),
        _ => None,
    }
}

fn finite(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(value: Value) -> TaskSpec {
        read_tasks(&json!({ "Task": value })).unwrap().remove(0)
    }

    #[test]
    fn the_number_of_sweeps_follows_from_the_parameters() {
        let sweeps = |params: Value| {
            task(json!({"params": params, "loss_w": [0.0, 0.0, 1.0], "loss_s": [null, null]})).n_sweeps()
        };
        assert_eq!(sweeps(json!({"n_digits": 3, "n_attend": 2})), Some(6));
        assert_eq!(sweeps(json!({"fix_attend": [2, 5], "n_digits": 4})), Some(7));
        assert_eq!(sweeps(json!({"fix_attend_saccade": [2, 3, 2]})), Some(7));
        assert_eq!(sweeps(json!({"episodes": [0, 2, 0, 3]})), Some(5));
        assert_eq!(sweeps(json!({"n_iter": 2, "n_digits": 4})), Some(2));
        assert_eq!(sweeps(json!({})), None);
    }

    #[test]
    fn selections_index_like_python() {
        let slice = |start, stop| Selection::Slice { start, stop, step: None };
        assert_eq!(slice(Some(1), None).resolve("s", 4).unwrap(), [1, 2, 3]);
        assert_eq!(slice(Some(-2), Some(-1)).resolve("s", 4).unwrap(), [2]);
        assert_eq!(slice(Some(9), None).resolve("s", 4).unwrap(), [] as [usize; 0]);
        assert_eq!(Selection::Each(vec![-2, 0]).resolve("s", 4).unwrap(), [2, 0]);
        assert!(Selection::Each(vec![4]).resolve("s", 4).is_err());
        assert!(Selection::Each(vec![i64::MIN]).resolve("s", 4).is_err());
    }

    #[test]
    fn both_forms_of_losses_are_read() {
        let celeba = task(json!({"loss_w": [0.0, 0.0, 1.0], "loss_s": [0, null]}));
        assert_eq!(
            celeba.loss,
            LossSpec::ThreeTerms {
                weights: [0.0, 0.0, 1.0],
                labels: Selection::Each(vec![0]),
                masks: Selection::All
            }
        );
        assert!(celeba.has_read_out());
        let change = task(json!({"loss_w": [[1.0, 0.5], [1.0, 1.0]], "loss_s": [[-2, -1], [0, 1]]}));
        assert_eq!(
            change.loss,
            LossSpec::PerSweep { labels: vec![(-2, 1.0), (-1, 0.5)], masks: vec![(0, 1.0), (1, 1.0)] }
        );
        assert_eq!(change.loss.scored_sweeps(5).unwrap(), [3, 4]);
        assert!(!change.has_read_out());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let message = |value| read_tasks(&json!({ "Cue": value })).unwrap_err().to_string();
        let wrong = message(json!({"loss_w": [1.0], "loss_s": [null, null]}));
        assert!(wrong.contains("tasks.json: Cue.loss_w"), "{wrong}");
        let wrong = message(json!({"loss_w": [1.0, 0.0, 0.0], "loss_s": "open('x')"}));
        assert!(wrong.contains("Cue.loss_s"), "{wrong}");
        assert!(read_tasks(&json!([])).is_err());
    }
}
