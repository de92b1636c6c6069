//! Gradients of leaves, summed beside the tensor library's store.
//!
//! The store clears a tensor for every gradient and adds to that in another; weights that are variables
//! have no use for either.

use std::cell::RefCell;
use std::collections::HashMap;

use candle_core::{Result, Tensor, TensorId};

type Sums = HashMap<TensorId, Tensor>;

thread_local! {
    /// Those of the walk over a graph that goes on.
    static SUMS: RefCell<Option<Sums>> = const { RefCell::new(None) };
}

/// Runs `walk` and gives what it collected; walks may be nested.
pub(super) fn collecting<R>(walk: impl FnOnce() -> R) -> (R, Sums) {
    struct Outer(Option<Sums>);
    impl Drop for Outer {
        fn drop(&mut self) {
            SUMS.set(self.0.take());
        }
    }
    let outer = Outer(SUMS.replace(Some(Sums::new())));
    let result = walk();
    let sums = SUMS.take().unwrap_or_default();
    drop(outer);
    (result, sums)
}

/// Adds to the sum of a variable during [`collecting`]; whatever cannot be taken comes back.
pub(super) fn collect(leaf: &Tensor, gradient: Tensor) -> Result<Option<Tensor>> {
    if !leaf.is_variable() {
        return Ok(Some(gradient));
    }
    SUMS.with_borrow_mut(|sums| {
        let Some(sums) = sums else { return Ok(Some(gradient)) };
        let sum = match sums.remove(&leaf.id()) {
            Some(sum) => (sum + gradient)?,
            None => gradient,
        };
        sums.insert(leaf.id(), sum);
        Ok(None)
    })
}
