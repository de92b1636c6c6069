//! Tensor operations with correct gradients.

/// Packed copies and scratch of the operations; never changes a result.
#[derive(Default)]
pub struct Workspace;
