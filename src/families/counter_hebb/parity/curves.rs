//! Kind `training_curves`: whole trainings on stored orders, instructions and pairs of digits.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::config::Config;
use super::super::model::CounterHebb;
use super::super::open::without_training;
use super::super::subnetworks::subnetworks;
use super::super::train::{Learner, LearningRule, Score};
use super::super::update::Batch;
use super::fill;
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::stimulus::idx::load_digits;
use crate::stimulus::{DIGIT_SIZE, Digits, Split};
use crate::task::multi_mnist::Composer;
use crate::train::OptimiserConfig;
use crate::train::optim::Decay;
use crate::weights::Weights;

/// Losses of the first updates that are stored.
const FIRST_LOSSES: usize = 40;

/// One entry of the parameter `conditions`.
#[derive(Deserialize)]
struct Condition {
    update: String,
    shared_weights: bool,
    back_weights_updated: bool,
    weight_decay: f64,
}

/// The parameter `optimiser`.
#[derive(Deserialize)]
struct StoredOptimiser {
    name: String,
    lr: f64,
    decay_per_epoch: f64,
    batch: usize,
    epochs: usize,
    val_batch: usize,
}

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let conditions: BTreeMap<String, Condition> = inputs.parameter("conditions")?;
    let settings: StoredOptimiser = inputs.parameter("optimiser")?;
    let data = Data::read(inputs)?;
    let mut recomputed = Recomputed::new();
    for (name, condition) in &conditions {
        let mut values: Map<String, Value> = inputs.parameter("config")?;
        without_training(&mut values);
        values.insert("shared_weights".to_owned(), condition.shared_weights.into());
        values.insert("loss_name".to_owned(), inputs.text("loss")?.into());
        let config = Config::from_values(&values)?;
        let weights = fill::hashinit(&config, inputs.device())?;
        let curves = train(&config, weights, condition, &settings, &data)?;
        let Curves { first_losses, history, analysis, weights } = curves;
        let rows = history.len();
        let columns = history.first().map_or(0, Vec::len);
        recomputed.insert(format!("{name}/first_losses"), Array::f64(&[first_losses.len()], first_losses)?);
        recomputed.insert(format!("{name}/history"), Array::f64(&[rows, columns], history.concat())?);
        if config.mtl {
            let bundles = analysis.len() / rows.max(1) / 3;
            recomputed.insert(format!("{name}/analysis"), Array::f64(&[rows, bundles, 3], analysis)?);
        }
        for (parameter, weight) in weights.iter() {
            let values: Vec<f64> = Array::from_tensor(weight.tensor())?.to_f64();
            let sums = vec![
                values.iter().sum(),
                values.iter().map(|value| value.abs()).sum(),
                values.iter().map(|value| value * value).sum(),
            ];
            recomputed.insert(format!("{name}/final_stat/{parameter}"), Array::f64(&[3], sums)?);
        }
    }
    Ok(recomputed)
}

/// What one condition gives.
struct Curves {
    first_losses: Vec<f64>,
    /// Per evaluation: epoch, running loss, validation loss, accuracy of each task, mean accuracy.
    history: Vec<Vec<f64>>,
    /// Per evaluation and bundle: active shares under both instructions and their cosine.
    analysis: Vec<f64>,
    weights: Weights,
}

fn train(
    config: &Config,
    weights: Weights,
    condition: &Condition,
    settings: &StoredOptimiser,
    data: &Data,
) -> Result<Curves> {
    let rule = match condition.update.as_str() {
        "counter_hebb" => LearningRule::CounterHebb { changes_top_down: condition.back_weights_updated },
        "backprop" => LearningRule::Backprop,
        other => return Err(Error::unknown("update", other, ["counter_hebb", "backprop"])),
    };
    if settings.name != "Adam" {
        return Err(Error::unknown("optimiser", &settings.name, ["Adam"]));
    }
    let optimiser = OptimiserConfig::Adam {
        learning_rate: settings.lr,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weight_decay: condition.weight_decay,
        decay: Decay::L2,
    };
    let mut learner = Learner::new(config, rule, weights, optimiser);
    let mut curves = Curves {
        first_losses: Vec::new(),
        history: Vec::new(),
        analysis: Vec::new(),
        weights: Weights::default(),
    };
    curves.evaluate(config, &mut learner, data, settings, (0, f64::NAN))?;
    for epoch in 0..settings.epochs {
        learner.set_learning_rate(settings.lr * settings.decay_per_epoch.powi(epoch as i32));
        let (mut sum, mut n) = (0.0, 0);
        for batch in data.training(config, epoch, settings.batch) {
            let loss = learner.update(&batch?)?;
            if curves.first_losses.len() < FIRST_LOSSES {
                curves.first_losses.push(loss);
            }
            (sum, n) = (sum + loss, n + 1);
        }
        curves.evaluate(config, &mut learner, data, settings, (epoch + 1, sum / f64::from(n.max(1))))?;
    }
    curves.weights = learner.weights().clone();
    Ok(curves)
}

impl Curves {
    fn evaluate(
        &mut self,
        config: &Config,
        learner: &mut Learner,
        data: &Data,
        settings: &StoredOptimiser,
        (epoch, running_loss): (usize, f64),
    ) -> Result<()> {
        let n_tasks = if config.mtl { config.n_tasks } else { 1 };
        let (mut losses, mut scores) = (Vec::new(), vec![Score::default(); n_tasks]);
        for batch in data.validation(settings.val_batch) {
            for (task, pooled) in scores.iter_mut().enumerate() {
                let score = learner.evaluate(&data.batch(config, &batch, &vec![task; batch.len()])?)?;
                losses.push(score.loss);
                pooled.correct += score.correct;
                pooled.n += score.n;
            }
        }
        let share = |score: &Score| score.correct as f64 / score.n.max(1) as f64;
        let mean_loss = losses.iter().sum::<f64>() / losses.len().max(1) as f64;
        let mut row = vec![epoch as f64, running_loss, mean_loss];
        row.extend(scores.iter().map(share));
        row.push(scores.iter().map(share).sum::<f64>() / n_tasks as f64);
        self.history.push(row);
        if config.mtl {
            let net = CounterHebb::new(config, learner.weights())?;
            let vectors = config.instructions().into_iter().flat_map(|(_, vector)| vector).collect();
            let size = config.task_vector_size;
            let vectors: Vec<f32> = vectors;
            let vectors = Tensor::from_vec(vectors, ((), size), data.device())?;
            for layer in subnetworks(&net, &vectors)? {
                self.analysis.extend([layer.active[0], layer.active[1], layer.cosine[0][1]]);
            }
        }
        Ok(())
    }
}

/// The digits and who is shown when.
struct Data {
    digits: Digits,
    /// Digit numbers of the training and validation items.
    train_from: usize,
    validation: std::ops::Range<usize>,
    /// `[epoch][visit]`.
    order: Vec<Vec<i64>>,
    tasks: Vec<Vec<i64>>,
    /// Right digits of training and validation items; none for single digits.
    right: Option<[Vec<i64>; 2]>,
    device: Device,
}

/// One item: the digit on the left (or alone) and the digit on the right.
type Item = (usize, Option<usize>);

impl Data {
    fn read(inputs: &GoldenInputs) -> Result<Self> {
        let digits = load_digits(&inputs.data_folder("mnist")?, Split::Test)?;
        let rows = |name: &str| -> Result<Vec<Vec<i64>>> {
            let array = inputs.array(name)?;
            match (array.to_i64(), array.dims()) {
                (Some(values), &[_, n]) if n > 0 => Ok(values.chunks(n).map(<[i64]>::to_vec).collect()),
                (_, dims) => Err(Error::shape(name, "[epochs, items] integers", dims)),
            }
        };
        let column = |name: &str| -> Result<Vec<i64>> {
            let array = inputs.array(name)?;
            array.to_i64().ok_or_else(|| Error::shape(name, "integers", array.dims()))
        };
        let has_pairs = inputs.has("data/right_index_train");
        let right = match has_pairs {
            true => Some([column("data/right_index_train")?, column("data/right_index_val")?]),
            false => None,
        };
        Ok(Self {
            digits,
            train_from: range(&inputs.text("train_items")?)?.start,
            validation: range(&inputs.text("val_items")?)?,
            order: rows("data/order")?,
            tasks: if has_pairs { rows("data/tasks")? } else { Vec::new() },
            right,
            device: inputs.device().clone(),
        })
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn item(&self, split: usize, from: usize, index: usize) -> Item {
        let right = self.right.as_ref().and_then(|right| right[split].get(index));
        (from + index, right.and_then(|&right| usize::try_from(right).ok()))
    }

    fn training<'a>(
        &'a self,
        config: &'a Config,
        epoch: usize,
        batch: usize,
    ) -> impl Iterator<Item = Result<Batch>> + 'a {
        let order = self.order.get(epoch).map_or(&[][..], Vec::as_slice);
        let tasks = self.tasks.get(epoch).map_or(&[][..], Vec::as_slice);
        order.chunks(batch.max(1)).enumerate().map(move |(k, visits)| {
            let index = |&visit: &i64| usize::try_from(visit).unwrap_or(usize::MAX);
            let items: Vec<Item> =
                visits.iter().map(|visit| self.item(0, self.train_from, index(visit))).collect();
            let task = |i: usize| tasks.get(k * batch + i).and_then(|&task| usize::try_from(task).ok());
            let tasks: Vec<usize> = (0..items.len()).map(|i| task(i).unwrap_or(0)).collect();
            self.batch(config, &items, &tasks)
        })
    }

    fn validation(&self, batch: usize) -> Vec<Vec<Item>> {
        let items: Vec<Item> =
            (0..self.validation.len()).map(|index| self.item(1, self.validation.start, index)).collect();
        items.chunks(batch.max(1)).map(<[Item]>::to_vec).collect()
    }

    /// Pictures, instructions and the answers to them.
    fn batch(&self, config: &Config, items: &[Item], tasks: &[usize]) -> Result<Batch> {
        let n = items.len();
        let known = |index: usize| -> Result<usize> {
            if index < self.digits.len() {
                return Ok(index);
            }
            Err(Error::config("digit index", format!("below {}", self.digits.len()), index))
        };
        let mut pixels: Vec<f32> = Vec::with_capacity(n * DIGIT_SIZE * DIGIT_SIZE);
        let mut labels = Vec::with_capacity(n);
        for (&(left, right), &task) in items.iter().zip(tasks) {
            let left = known(left)?;
            let bytes = match right {
                None => self.digits.bytes(left).to_vec(),
                Some(right) => {
                    let right = self.digits.bytes(known(right)?);
                    Composer::default().compose(self.digits.bytes(left), right, DIGIT_SIZE)?
                }
            };
            pixels.extend(bytes.iter().map(|&byte| f32::from(byte) / 255.0));
            let asked = if task == 0 { left } else { right.unwrap_or(left) };
            labels.push(i64::from(self.digits.label(asked)));
        }
        let instruction = match config.mtl {
            false => None,
            true => {
                let size = config.task_vector_size;
                let rows = tasks.iter().flat_map(|&task| (0..size).map(move |i| f32::from(i == task)));
                Some(Tensor::from_vec(rows.collect::<Vec<f32>>(), (n, size), &self.device)?)
            }
        };
        Ok(Batch {
            images: Tensor::from_vec(pixels, (n, 1, DIGIT_SIZE, DIGIT_SIZE), &self.device)?,
            instruction,
            labels: Tensor::from_vec(labels, n, &self.device)?,
        })
    }
}

/// `t10k images 8000..9999`: the last number belongs to it.
fn range(text: &str) -> Result<std::ops::Range<usize>> {
    let ends = text.rsplit_once(' ').and_then(|(_, ends)| ends.split_once(".."));
    let parsed = ends.and_then(|(from, to)| Some((from.parse::<usize>().ok()?, to.parse::<usize>().ok()?)));
    match parsed {
        Some((from, to)) if from <= to => Ok(from..to + 1),
        _ => Err(Error::config("train_items and val_items", "a range such as t10k images 0..7999", text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_include_their_last_item() {
        assert_eq!(range("t10k images 8000..9999").unwrap(), 8000..10_000);
        assert!(range("t10k images").is_err() && range("x 9..3").is_err());
    }
}
