//! Times single operations on one thread: `cargo bench -p gainfield --bench operations [FILTER]`.
//!
//! Convolutions are rated against the machine's own matrix product, measured in the same run.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first thing that is not as it should be")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor, Var};
use gainfield::ops::{
    BatchStatistics, ConvSpec, Numerics, PoolSpec, Workspace, backward, batch_norm, compute_pool, conv2d,
    group_norm, linear, max_pool2d, relu, upsample_nearest, without_library_threads,
};
use gainfield::weights::Weight;

/// Same memory as the programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Time that one operation is repeated for.
const LONG_ENOUGH: Duration = Duration::from_millis(400);

#[expect(unsafe_code, reason = "settles the tensor library's threads before there are any")]
fn main() {
    // SAFETY: nothing has started a thread yet.
    unsafe { without_library_threads() };
    // Cargo passes `--bench`.
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    compute_pool(1).unwrap().install(|| all(&filter));
}

fn all(filter: &str) {
    let peak = product_rate();
    println!("matrix product of 768 x 768: {peak:.1} G multiply-adds/s");
    let wanted = |name: &str| name.contains(filter);
    for (batch, channels, side) in [
        (1, 64, 56),
        (1, 128, 28),
        (1, 512, 7),
        (8, 64, 56),
        (8, 128, 28),
        (8, 256, 14),
        (8, 512, 7),
        (32, 64, 4),
    ] {
        for numerics in Numerics::ALL {
            let name = format!("conv 3x3 {channels} -> {channels} at {side}, batch {batch}, {numerics}");
            if wanted(&name) {
                let work = (batch * side * side * channels * channels * 9) as f64;
                rate(&name, work, peak, convolution(batch, (channels, channels), (3, side), numerics));
            }
        }
        let name = format!("conv 3x3 {channels} -> {channels} at {side}, batch {batch}, with gradients");
        if wanted(&name) {
            let work = 3.0 * (batch * side * side * channels * channels * 9) as f64;
            rate(&name, work, peak, convolution_gradients(batch, channels, side));
        }
    }
    // Those of a residual network's bottlenecks.
    for (channels, out, side) in [
        (64, 256, 56),
        (256, 64, 56),
        (128, 512, 28),
        (512, 128, 28),
        (256, 1024, 14),
        (1024, 256, 14),
        (512, 2048, 7),
        (2048, 512, 7),
    ] {
        let name = format!("conv 1x1 {channels} -> {out} at {side}, batch 1");
        if wanted(&name) {
            let work = (side * side * channels * out) as f64;
            rate(&name, work, peak, convolution(1, (channels, out), (1, side), Numerics::Exact));
        }
    }
    let name = "linear 4096 -> 1000, batch 1";
    if wanted(name) {
        let (x, weight) = (normal(&[1, 4096]), Weight::new(normal(&[1000, 4096])));
        let mut workspace = Workspace::new();
        rate(
            name,
            4096e3,
            peak,
            median(|| drop(black_box(linear(&x, &weight, None, &mut workspace).unwrap()))),
        );
    }
    let maps = normal(&[8, 64, 56, 56]);
    let (weight, bias) = (Weight::new(normal(&[64])), Weight::new(normal(&[64])));
    let (mean, variance) = (normal(&[64]), normal(&[64]).sqr().unwrap());
    let stored = BatchStatistics::Stored { mean: &mean, variance: &variance };
    let simple: [(&str, &dyn Fn() -> Tensor); 6] = [
        ("relu", &|| relu(&maps).unwrap()),
        ("max pooling 2", &|| max_pool2d(&maps, &PoolSpec::tiling(2)).unwrap()),
        ("nearest upsampling to 112", &|| upsample_nearest(&maps, (112, 112)).unwrap()),
        ("group norm", &|| group_norm(&maps, 1, Some(&weight), Some(&bias), 1e-5).unwrap()),
        ("batch norm, stored", &|| batch_norm(&maps, stored, Some(&weight), Some(&bias), 1e-5).unwrap()),
        ("batch norm, current", &|| {
            batch_norm(&maps, BatchStatistics::Current, Some(&weight), Some(&bias), 1e-5).unwrap()
        }),
    ];
    for (name, call) in simple {
        let name = format!("{name}, 8 x 64 x 56 x 56");
        if wanted(&name) {
            let seconds = median(|| drop(black_box(call())));
            println!("{name:<62} {:>9.3} ms", seconds * 1e3);
        }
    }
}

/// Multiply-adds per second, in billions, of a large matrix product.
fn product_rate() -> f64 {
    let (a, b) = (normal(&[768, 768]), normal(&[768, 768]));
    768f64.powi(3) / median(|| drop(black_box(a.matmul(&b).unwrap()))) / 1e9
}

/// Seconds of a convolution to maps of the same size.
fn convolution(
    batch: usize,
    (channels, out): (usize, usize),
    (taps, side): (usize, usize),
    numerics: Numerics,
) -> f64 {
    let x = normal(&[batch, channels, side, side]);
    let weight = Weight::new(normal(&[out, channels, taps, taps]));
    let spec = ConvSpec { padding: taps / 2, ..ConvSpec::default() };
    let mut workspace = Workspace::with_numerics(numerics);
    median(|| drop(black_box(conv2d(&x, &weight, None, &spec, &mut workspace).unwrap())))
}

fn convolution_gradients(batch: usize, channels: usize, side: usize) -> f64 {
    let variable = |dims: &[usize]| Var::from_tensor(&normal(dims)).unwrap().into_inner();
    let (x, kernel) = (variable(&[batch, channels, side, side]), variable(&[channels, channels, 3, 3]));
    let spec = ConvSpec { padding: 1, ..ConvSpec::default() };
    let mut workspace = Workspace::new();
    median(|| {
        let y = conv2d(&x, &Weight::new(kernel.clone()), None, &spec, &mut workspace).unwrap();
        black_box(backward(&y.sum_all().unwrap(), &[&x, &kernel]).unwrap());
    })
}

fn normal(dims: &[usize]) -> Tensor {
    Tensor::randn(0f32, 1.0, dims, &Device::Cpu).unwrap().to_dtype(DType::F32).unwrap()
}

/// Seconds of one call.
fn median(mut call: impl FnMut()) -> f64 {
    call();
    let (mut times, began) = (Vec::new(), Instant::now());
    while began.elapsed() < LONG_ENOUGH {
        let start = Instant::now();
        call();
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn rate(name: &str, multiply_adds: f64, peak: f64, seconds: f64) {
    let rate = multiply_adds / seconds / 1e9;
    println!(
        "{name:<62} {:>9.3} ms {rate:>7.1} G/s {:>4.0} % of the product",
        seconds * 1e3,
        100.0 * rate / peak
    );
}
