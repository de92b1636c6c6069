//! Every operation on shapes nobody chose: gradients against central differences, both paths against
//! each other, on every instruction set of this machine.

use candle_core::{Device, Tensor};
use proptest::prelude::*;

use super::activation::activate_by;
use super::addition::sum_by;
use super::blur::blur_pool2d_by;
use super::kernels::addition::Sum;
use super::leaky::leaky_update_by;
use super::norm::{batch_norm_by, group_norm_by};
use super::pool::{avg_pool2d_by, max_pool2d_by};
use super::resize::upsample_nearest_by;
use super::testing::{
    PATHS, check_gradients, check_paths, difference, gradients, normal, shuffled, values, weight, workspace,
};
use super::*;
use crate::error::Result;

/// What an operation reads may lie in memory in another order than that of its axes.
#[derive(Clone, Copy, Debug)]
enum Lying {
    Contiguous,
    /// Rows and columns exchanged.
    Transposed,
    /// Every second row of a larger map.
    Part,
}

impl Lying {
    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![Just(Self::Contiguous), Just(Self::Transposed), Just(Self::Part)]
    }

    /// The tensor library reads beyond the end of an empty part.
    fn of_batch(self, batch: usize) -> Self {
        if batch == 0 { Self::Contiguous } else { self }
    }

    /// The axes of a tensor that [`Self::view`] makes `dims` of.
    fn stored([a, b, h, w]: [usize; 4], lying: Self) -> [usize; 4] {
        match lying {
            Self::Contiguous => [a, b, h, w],
            Self::Transposed => [a, b, w, h],
            Self::Part => [a, b, h + 2, w],
        }
    }

    fn view(self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Contiguous => x.clone(),
            Self::Transposed => x.transpose(2, 3)?,
            Self::Part => x.narrow(2, 1, x.dim(2)? - 2)?,
        })
    }
}

/// A convolution and the sizes of its operands.
#[derive(Clone, Debug)]
struct Case {
    x: [usize; 4],
    w: [usize; 4],
    spec: ConvSpec,
    lying: Lying,
    seed: u64,
}

fn convolutions() -> impl Strategy<Value = Case> {
    let counts = (0..=3usize, 1..=3usize, 1..=4usize, 1..=4usize);
    let kernel = (1..=4usize, 1..=4usize, 1..=3usize, 0..=3usize, any::<bool>());
    let rest = (0..=5usize, 0..=5usize, Lying::any(), any::<u64>());
    (counts, kernel, rest).prop_map(
        |((batch, groups, inputs, outputs), (kh, kw, stride, padding, mirrored), (h, w, lying, seed))| {
            let side = |k: usize, more| k.saturating_sub(2 * padding).max(1) + more;
            let (h, w) = (side(kh, h), side(kw, w));
            let pad_mode = if mirrored && padding < h.min(w) { PadMode::Reflect } else { PadMode::Zero };
            Case {
                x: [batch, groups * inputs, h, w],
                w: [groups * outputs, inputs, kh, kw],
                spec: ConvSpec { stride, padding, pad_mode, groups },
                lying: lying.of_batch(batch),
                seed,
            }
        },
    )
}

fn run(case: &Case, inputs: &[Tensor], path: Path) -> Result<Tensor> {
    let (x, bias) = (case.lying.view(&inputs[0])?, inputs.get(2).map(weight));
    conv2d(&x, &weight(&inputs[1]), bias.as_ref(), &case.spec, &mut workspace(path))
}

/// Batch, channels, rows and columns of a map, how it lies, and a seed.
fn maps(least: usize) -> impl Strategy<Value = ([usize; 4], Lying, u64)> {
    let dims = (0..=3usize, 1..=4usize, least..=7usize, least..=7usize);
    (dims, Lying::any(), any::<u64>())
        .prop_map(|((n, c, h, w), lying, seed)| ([n, c, h, w], lying.of_batch(n), seed))
}

/// Compares gradients of both paths with central differences, and the paths with each other.
fn check(inputs: &[Tensor], f: impl Fn(&[Tensor], Path) -> Result<Tensor>) {
    for path in PATHS {
        check_gradients(inputs, |inputs| f(inputs, path));
    }
    check_paths(inputs, f);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn convolution(case in convolutions()) {
        let x = normal(case.seed, &Lying::stored(case.x, case.lying));
        let inputs = [x, normal(case.seed ^ 1, &case.w), normal(case.seed ^ 2, &case.w[..1])];
        check(&inputs, |inputs, path| run(&case, inputs, path));
        check(&inputs[..2], |inputs, path| run(&case, inputs, path));
    }

    #[test]
    fn transposed_convolution(case in convolutions(), output_padding in 0..3usize) {
        let Case { x: [batch, .., h, w], w: [out, per_group, kh, kw], spec, lying, seed } = case;
        let spec = ConvTransposeSpec {
            stride: spec.stride,
            padding: spec.padding.min((kh.min(kw) - 1) / 2),
            output_padding: output_padding.min(spec.stride - 1),
        };
        let x = normal(seed, &Lying::stored([batch, out, h, w], lying));
        let inputs = [x, normal(seed ^ 1, &[out, per_group, kh, kw]), normal(seed ^ 2, &[per_group])];
        check(&inputs, |inputs, path| {
            let (x, kernel, bias) = (lying.view(&inputs[0])?, weight(&inputs[1]), weight(&inputs[2]));
            conv_transpose2d(&x, &kernel, Some(&bias), &spec, &mut workspace(path))
        });
    }

    /// The two products that a convolution's gradient is made of, asked for by name.
    #[test]
    fn what_a_convolution_sends_back(case in convolutions()) {
        prop_assume!(case.spec.pad_mode == PadMode::Zero);
        let inputs = [normal(case.seed, &case.x), normal(case.seed ^ 1, &case.w)];
        let plain = Case { lying: Lying::Contiguous, ..case.clone() };
        for path in PATHS {
            let y = run(&plain, &inputs, path).unwrap();
            // The projection of the shared checks.
            let of = normal(99, y.dims());
            let expected = gradients(&inputs, &|inputs: &[Tensor]| run(&plain, inputs, path));
            let (mut ws, size) = (workspace(path), (case.x[2], case.x[3]));
            let back = conv2d_transposed(&of, &weight(&inputs[1]), &case.spec, size, &mut ws).unwrap();
            prop_assert!(difference(&back, &expected[0]) < 1e-11);
            let taps = (case.w[2], case.w[3]);
            let of_weight = conv2d_weight_gradient(&inputs[0], &of, taps, &case.spec, &ws).unwrap();
            prop_assert!(difference(&of_weight, &expected[1]) < 1e-11);
        }
    }

    /// Tiles against windows: shapes around the smallest that tiles of either size are used for.
    #[test]
    fn fast_convolution(
        batch in 0..3usize, channels in 16..24usize, out in 16..24usize, groups in 1..3usize,
        h in 3..15usize, w in 3..15usize, padding in 0..3usize, seed: u64,
    ) {
        let single = |seed, dims: &[usize]| normal(seed, dims).to_dtype(candle_core::DType::F32).unwrap();
        let x = single(seed, &[batch, groups * channels, h, w]);
        let kernel = weight(&single(seed ^ 1, &[groups * out, channels, 3, 3]));
        let spec = ConvSpec { padding, groups, ..ConvSpec::default() };
        let exact = conv2d(&x, &kernel, None, &spec, &mut Workspace::new()).unwrap();
        let mut fast = Workspace::with_numerics(Numerics::Fast);
        let found = conv2d(&x, &kernel, None, &spec, &mut fast).unwrap();
        let largest = values(&exact).into_iter().fold(0.0, |a: f64, b| a.max(b.abs()));
        prop_assert!(difference(&found, &exact) <= 2e-5 * largest);
    }

    #[test]
    fn pooling(
        (dims, lying, seed) in maps(1),
        kernel in 1..=4usize, stride in 1..=3usize, padding in 0..=2usize,
    ) {
        let padding = padding.min(kernel / 2);
        let side = |n: usize| n + kernel.saturating_sub(n + 2 * padding);
        let dims = [dims[0], dims[1], side(dims[2]), side(dims[3])];
        let (x, spec) = ([shuffled(seed, &Lying::stored(dims, lying))], PoolSpec { kernel, stride, padding });
        check(&x, |x, path| max_pool2d_by(path, &lying.view(&x[0])?, &spec));
        check(&x, |x, path| avg_pool2d_by(path, &lying.view(&x[0])?, &spec));
    }

    #[test]
    fn resizing((dims, lying, seed) in maps(1), h in 1..=9usize, w in 1..=9usize) {
        let x = [normal(seed, &Lying::stored(dims, lying))];
        check(&x, |x, path| upsample_nearest_by(path, &lying.view(&x[0])?, (h, w)));
        check_gradients(&x, |x| resize_bicubic(&lying.view(&x[0])?, (h, w)));
        check_gradients(&x, |x| adaptive_avg_pool2d(&lying.view(&x[0])?, (h, w)));
        check_gradients(&x, |x| global_avg_pool2d(&lying.view(&x[0])?));
    }

    #[test]
    fn blurring((dims, lying, seed) in maps(3)) {
        check(&[normal(seed, &Lying::stored(dims, lying))], |x, path| blur_pool2d_by(path, &lying.view(&x[0])?));
    }

    #[test]
    fn normalising((dims, lying, seed) in maps(2), by_channel: bool, with_parameters: bool) {
        let dims = [dims[0].max(1), dims[1], dims[2], dims[3]];
        let channels = dims[1];
        let mut inputs = vec![normal(seed, &Lying::stored(dims, lying))];
        if with_parameters {
            inputs.extend([normal(seed ^ 1, &[channels]), normal(seed ^ 2, &[channels])]);
        }
        let parameters = |inputs: &[Tensor]| (inputs.get(1).map(weight), inputs.get(2).map(weight));
        let groups = if by_channel { channels } else { 1 };
        // The variance of few entries may be tiny, where derivatives are steep.
        let eps = 0.1;
        check(&inputs, |inputs, path| {
            let (gain, bias) = parameters(inputs);
            group_norm_by(path, &lying.view(&inputs[0])?, groups, gain.as_ref(), bias.as_ref(), eps)
        });
        check(&inputs, |inputs, path| {
            let ((gain, bias), x) = (parameters(inputs), lying.view(&inputs[0])?);
            batch_norm_by(path, &x, BatchStatistics::Current, gain.as_ref(), bias.as_ref(), eps)
        });
        check(&inputs, |inputs, path| {
            let (gain, bias) = parameters(inputs);
            let dtype = inputs[0].dtype();
            let mean = normal(seed ^ 3, &[channels]).to_dtype(dtype)?;
            let variance = (normal(seed ^ 4, &[channels]).sqr()? + 0.1)?.to_dtype(dtype)?;
            let stored = BatchStatistics::Stored { mean: &mean, variance: &variance };
            batch_norm_by(path, &lying.view(&inputs[0])?, stored, gain.as_ref(), bias.as_ref(), eps)
        });
    }

    #[test]
    fn linear_maps(rows in 0..=5usize, inputs in 1..=40usize, out in 1..=9usize, turned: bool, seed: u64) {
        let x = if turned { normal(seed, &[inputs, rows]) } else { normal(seed, &[rows, inputs]) };
        let operands = [x, normal(seed ^ 1, &[out, inputs]), normal(seed ^ 2, &[out])];
        check(&operands, |operands, path| {
            let x = if turned { operands[0].t()? } else { operands[0].clone() };
            linear(&x, &weight(&operands[1]), Some(&weight(&operands[2])), &mut workspace(path))
        });
        let operands = [normal(seed, &[rows, out]), normal(seed ^ 1, &[out, inputs])];
        check_gradients(&operands, |operands| linear_transposed(&operands[0], &weight(&operands[1]), None));
    }

    #[test]
    fn leaky_units((dims, lying, seed) in maps(1), alpha in 0.05..1.0f64, slope in 0.0..1.0f64) {
        let stored = Lying::stored(dims, lying);
        let shifted = |seed: u64, by: f64| (shuffled(seed, &stored) + by).unwrap();
        // Sums of these stay away from the corner at 0.
        let bias = (normal(seed ^ 3, &dims[1..]).tanh().unwrap() * 0.01).unwrap();
        let x = [normal(seed, &stored), shifted(seed ^ 1, 0.0), bias, shifted(seed ^ 2, 0.03)];
        let rule = LeakyRule { alpha, slope };
        for n in [3, 4] {
            check(&x[..n], |x, path| {
                let input = x.get(3).map(|input| lying.view(input)).transpose()?;
                let recurrent = lying.view(&x[1])?;
                let terms = LeakyTerms { recurrent: &recurrent, bias: &x[2], input: input.as_ref() };
                leaky_update_by(path, &lying.view(&x[0])?, &terms, rule)
            });
        }
        let pair = [shifted(seed, 0.0), shifted(seed ^ 1, 0.0)];
        for sum in [Sum::Plain, Sum::FirstRectified, Sum::BothRectified] {
            check(&pair, |x, path| sum_by(path, &lying.view(&x[0])?, &lying.view(&x[1])?, sum));
        }
    }

    #[test]
    fn activations((dims, lying, seed) in maps(1)) {
        use Activation::{Gelu, Identity, Relu, Sigmoid, Softplus, Tanh};
        let x = [shuffled(seed, &Lying::stored(dims, lying))];
        for activation in [Identity, Relu, Gelu, Tanh, Sigmoid, Softplus] {
            check(&x, |x, path| activate_by(path, &lying.view(&x[0])?, activation));
        }
        check_gradients(&x, |x| abs(&lying.view(&x[0])?));
        check_gradients(&x, |x| clamp(&lying.view(&x[0])?, -0.3, 0.4));
    }

    #[test]
    fn losses(rows in 1..=4usize, classes in 1..=6usize, seed: u64) {
        let logits = [normal(seed, &[rows, classes])];
        let mut rng = crate::rng::stream(seed, "labels", &[]);
        let labels: Vec<u32> = (0..rows).map(|_| crate::rng::index(&mut rng, 0, classes) as u32).collect();
        let labels = Tensor::new(labels, &Device::Cpu).unwrap();
        let soft = softmax(&normal(seed ^ 1, &[rows, classes]), 1).unwrap();
        check_gradients(&logits, |x| softmax(&x[0], 1));
        check_gradients(&logits, |x| log_softmax(&x[0], 1));
        for reduction in [Reduction::None, Reduction::Sum, Reduction::Mean] {
            check_gradients(&logits, |x| cross_entropy(&x[0], &labels, None, reduction));
            check_gradients(&logits, |x| soft_cross_entropy(&x[0], &soft, reduction));
        }
        check_gradients(&logits, |x| mse(&x[0], &soft));
        check_gradients(&[normal(seed, &[rows, 2, 3]), normal(seed ^ 1, &[rows])], |x| weight_norm(&x[0], &x[1]));
    }
}

/// This program again, with narrower vectors: the choice is made once in a process.
#[test]
fn every_instruction_set_passes() {
    const VARIABLE: &str = "GAINFIELD_SIMD";
    if std::env::var_os(VARIABLE).is_some() {
        println!("skipped: {VARIABLE} chose one already");
        return;
    }
    for name in ["avx512", "avx2", "neon", "portable"] {
        if !instruction_sets().contains(&name) {
            println!("skipped: this processor has no {name}");
            continue;
        }
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        let done = again.args(["ops::", "--test-threads=2"]).env(VARIABLE, name).output().unwrap();
        let text = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{name}: {text}{}", String::from_utf8_lossy(&done.stderr));
        assert!(text.contains("test result: ok"), "{name}: {text}");
    }
}
