//! The tensor operations models use: PyTorch's values and PyTorch's gradients on every device.
//!
//! All tensors are `[batch, channels, height, width]` unless said otherwise. Each operation has one
//! entry point that dispatches by device and dtype: CPU kernels for `f32` and `f64` where they
//! exist, else a composition of tensor primitives whose own gradients are right.

mod activation;
mod adam;
mod addition;
mod blur;
mod composite;
mod conv;
mod deep_stack;
mod elementwise;
mod gate;
#[cfg(test)]
mod golden;
mod kernels;
mod leaky;
mod leaves;
mod linear;
mod loss;
mod norm;
mod parameter;
mod pool;
#[cfg(test)]
mod random_shapes;
mod resize;
mod self_check;
#[cfg(test)]
mod testing;
mod workspace;

pub use activation::{Activation, activate, relu};
pub use adam::{AdamStep, adam};
pub use addition::{add, add_rectified};
pub use blur::blur_pool2d;
pub use conv::{
    ConvSpec, ConvTransposeSpec, PadMode, conv_transpose2d, conv2d, conv2d_transposed,
    conv2d_weight_gradient, dilated_kernel,
};
pub use deep_stack::{backward, compute_pool, on_deep_stack};
pub use elementwise::{abs, clamp};
pub use gate::{gate_where_positive, gated_relu, positive};
pub use kernels::{instruction_set, instruction_sets, without_library_threads};
pub use leaky::{LeakyRule, LeakyTerms, leaky_step, leaky_update};
pub use linear::{linear, linear_transposed, linear_weight_gradient};
pub use loss::{Reduction, cross_entropy, log_softmax, mse, soft_cross_entropy, softmax};
pub use norm::{
    BatchStatistics, Moments, batch_moments, batch_norm, group_norm, instance_moments, instance_norm,
};
pub use parameter::{dropout, dropout2d, embedding, weight_norm};
pub use pool::{PoolSpec, adaptive_avg_pool2d, avg_pool2d, global_avg_pool2d, max_pool2d, max_pool2d_back};
pub use resize::{resize_bicubic, upsample_nearest};
pub use self_check::check_gradients_of;
pub use workspace::{Numerics, Path, Workspace};
