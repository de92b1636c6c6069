//! Training of the recurrent-gating networks: the gradient of the whole loss, dropout, statistics.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use gainfield::dynamics::{Frame, Instruction};
use gainfield::families::recurrent_gating::{
    Batch, Config, Dropout, LossTerms, Term, UpdateSettings, Variant, loss, trainable, update,
};
use gainfield::train::{Optimiser, OptimiserConfig, gradients};
use gainfield::weights::Weights;
use serde_json::json;

use crate::recurrent_gating::{Net, block, gate, random};

const STEP: f64 = 1e-5;

fn batch(config: &Config, n_sweeps: usize, groups: usize) -> Batch {
    let dims = match &config.network {
        gainfield::families::recurrent_gating::Network::Gate(gate) => gate.in_dims,
        gainfield::families::recurrent_gating::Network::Block(block) => block.in_dims,
    };
    let [channels, height, width] = dims;
    let frame = |t: usize| Arc::new(Frame::new(random(&[2, channels, height, width], t as u64)));
    let labels: Vec<i64> = (0..2 * n_sweeps * groups).map(|i| (i % 2) as i64).collect();
    Batch {
        frames: (0..n_sweeps).map(frame).collect(),
        instructions: vec![Some(Instruction { task: Some(1), prompt: None }); n_sweeps],
        labels: Some(Tensor::from_vec(labels, (2, n_sweeps, groups), &Device::Cpu).unwrap()),
        masks: Some(((random(&[2, n_sweeps, 1, height, width], 9) * 2.0).unwrap() - 1.0).unwrap()),
    }
}

fn terms() -> LossTerms {
    LossTerms {
        labels: vec![Term { sweeps: vec![0, 1], weight: 0.5 }],
        masks: vec![Term { sweeps: vec![1], weight: 2.0 }],
        read_out: Some(0.7),
        groups: Vec::new(),
        class_weights: Some(vec![0.5, 1.0, 2.0]),
        ..LossTerms::default()
    }
}

/// Compares every gradient with central differences at a few entries, in double precision.
fn check_gradients(net: &Net, terms: &LossTerms, dropout: Option<Dropout>) {
    let batch = batch(&net.config, 2, terms.groups.len().max(1));
    let weights = net.weights.to_dtype(DType::F64).unwrap();
    let variables = trainable(&net.config, &weights).unwrap();
    let (total, _) = loss(&net.config, &variables, &batch, terms, dropout).unwrap();
    let found = gradients(&total, &variables).unwrap();
    let value =
        |weights: &Weights| -> f64 { loss(&net.config, weights, &batch, terms, dropout).unwrap().1.total };
    assert!(found.len() > 20);
    for (name, gradient) in &found {
        let gradient: Vec<f64> = gradient.flatten_all().unwrap().to_vec1().unwrap();
        let tensor = weights.get(name).unwrap().tensor();
        let flat: Vec<f64> = tensor.flatten_all().unwrap().to_vec1().unwrap();
        for index in [0, flat.len() / 2, flat.len() - 1] {
            let moved = |by: f64| {
                let mut flat = flat.clone();
                flat[index] += by;
                let tensor = Tensor::from_vec(flat, tensor.dims(), &Device::Cpu).unwrap();
                value(&weights.with([(name.clone(), tensor)]))
            };
            let expected = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let deviation = (gradient[index] - expected).abs();
            assert!(
                deviation <= 1e-8 + 1e-5 * expected.abs(),
                "{name}[{index}]: {} by the graph, {expected} by differences",
                gradient[index]
            );
        }
    }
}

#[test]
fn the_gradient_of_the_whole_loss_is_that_of_central_differences() {
    let smooth = json!({"conv_funs": "GELU()", "rnn_funs": "Tanh()", "trans_fun": "GELU()"});
    check_gradients(&Net::gate(smooth), &terms(), None);
    let plain = json!({"conv_funs": "GELU()", "rnn_funs": "GELU()", "rnn_to_fc": true, "affine": false,
        "trans_fun": "Identity()", "deconv_norms": "batch", "task_bias": false});
    check_gradients(&Net::gate(plain), &terms(), None);
    check_gradients(&Net::block(json!({"recurrent": true, "concat": false})), &terms(), None);
    let grouped = LossTerms { groups: vec![0..2, 2..4], class_weights: None, ..terms() };
    let older = block(json!({"in_dims": [3, 16, 24], "n_classes": 4, "skip_maxpool": true}));
    check_gradients(&Net::new(Variant::Resatt, &older), &grouped, None);
}

#[test]
fn dropout_is_drawn_anew_each_update_and_repeats_with_its_seed() {
    let smooth = json!({"conv_funs": "GELU()", "rnn_funs": "Tanh()", "trans_fun": "GELU()",
        "conv_dropouts": 0.3, "rnn_dropouts": 0.2});
    let net = Net::gate(smooth);
    let batch = batch(&net.config, 2, 1);
    let total = |dropout: Option<Dropout>| {
        loss(&net.config, &net.weights, &batch, &terms(), dropout).unwrap().1.total
    };
    let drawn = |update: u64| Some(Dropout { seed: 5, update });
    assert_eq!(total(drawn(1)), total(drawn(1)));
    assert_ne!(total(drawn(1)), total(drawn(2)));
    assert_ne!(total(drawn(1)), total(None));
    check_gradients(&net, &terms(), drawn(1));
}

#[test]
fn an_update_moves_what_the_loss_depends_on_and_nothing_else() {
    let net = Net::block(json!({"norm": "batch", "resnet": false, "residual": false}));
    let batch = batch(&net.config, 2, 1);
    let mut optimiser = Optimiser::new(OptimiserConfig::adam(0.01));
    let settings = UpdateSettings { max_grad_norm: 1.0, dropout: None, moving_statistics: false };
    let before = net.weights.clone();
    let update = update(&net.config, &before, &batch, &terms(), &settings, &mut optimiser).unwrap();
    assert!(update.losses.gradient_norm > 0.0 && update.losses.total.is_finite());
    for (name, weight) in before.iter() {
        let new = update.weights.get(name).unwrap();
        let unused = name.contains("post_") || name.contains("running_") || name.contains("num_batches");
        assert_eq!(new.generation() == weight.generation(), unused, "{name}");
        assert_eq!(update.gradients.contains_key(name), !unused, "{name}");
    }
}

#[test]
fn labels_and_masks_that_do_not_fit_are_errors() {
    let net = Net::gate(json!({}));
    let outcome = |batch: &Batch, terms: &LossTerms| {
        loss(&net.config, &net.weights, batch, terms, None).map(|(_, losses)| losses)
    };
    let good = batch(&net.config, 2, 1);
    assert!(outcome(&good, &terms()).is_ok());
    let shorter =
        Batch { labels: Some(good.labels.clone().unwrap().narrow(1, 0, 1).unwrap()), ..good.clone() };
    assert!(outcome(&shorter, &terms()).unwrap_err().to_string().contains("labels"));
    let outside = LossTerms { groups: vec![0..2, 2..9], ..terms() };
    assert!(outcome(&batch(&net.config, 2, 2), &outside).is_err());
    assert!(outcome(&good, &LossTerms { class_weights: Some(vec![1.0]), ..terms() }).is_err());
    let bare = Batch { labels: None, masks: None, ..good };
    assert!(outcome(&bare, &terms()).unwrap_err().to_string().contains("loss"));
}

#[test]
fn wrong_configurations_are_errors_that_name_the_field() {
    for (changes, field) in [
        (json!({"channels": [3, 4, 4, 4]}), "channels"),
        (json!({"kernels": [5, 3]}), "kernels"),
        (json!({"kernels": 99}), "kernels"),
        (json!({"paddings": 16}), "paddings"),
        (json!({"pools": [2, 1, 99]}), "pools"),
        (json!({"conv_funs": "Softmax()"}), "conv_funs"),
        (json!({"deconv_norms": ["layer"]}), "deconv_norms"),
        (json!({"conv_norms": "group"}), "conv_norms"),
        (json!({"n_classes": 9}), "n_classes"),
        (json!({"softness": "high"}), "softness"),
        (json!({"residuals": true}), "residuals"),
        (json!({"task_layers": 4}), "task_layers"),
        (json!({"task_weight": false}), "task_bias"),
        (json!({"normalize": true, "norm_mean": [0.5]}), "norm_std"),
        (json!({"in_dims": [2, 65536, 65536]}), "in_dims"),
        (json!({"in_dims": [2, 17]}), "in_dims"),
        (json!({"conv_dropouts": 1.5}), "conv_dropouts"),
        (json!({"soft": 1}), "soft"),
        (json!({"tasks": {"A": {"key": 7, "loss_w": [0, 0, 1], "loss_s": [null, null]}}}), "A.key"),
    ] {
        let values = gate(changes);
        let config = Config::from_values(Variant::Gate, values.as_object().unwrap());
        let outcome = config.and_then(|config| {
            gainfield::families::recurrent_gating::build(&config, &Weights::default()).map(|_| ())
        });
        let message = outcome.unwrap_err().to_string();
        assert!(message.contains(field), "{field}: {message}");
    }
    for (changes, field) in [
        (json!({"in_dims": [2, 16, 24]}), "in_dims"),
        (json!({"in_dims": [1, 18, 24]}), "in_dims"),
        (json!({"mid_dim": 0}), "mid_dim"),
        (json!({"softness": [0.5, 0.5]}), "softness"),
        (json!({"fun": null, "norm": 3}), "norm"),
    ] {
        let values = block(changes);
        let message =
            Config::from_values(Variant::Block, values.as_object().unwrap()).unwrap_err().to_string();
        assert!(message.contains(field), "{field}: {message}");
    }
}
