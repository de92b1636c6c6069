//! Buffers that outlive a call, so that a kernel need not clear and fault in fresh memory.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use super::Real;

/// Free buffers, shared by the threads that compute for one workspace.
#[derive(Debug, Default)]
pub(in crate::ops) struct Scratch {
    pub(super) singles: Mutex<Vec<Vec<f32>>>,
    pub(super) doubles: Mutex<Vec<Vec<f64>>>,
}

/// A buffer on loan; it goes back when dropped.
pub(super) struct Buffer<'a, T: Real> {
    entries: Vec<T>,
    len: usize,
    scratch: &'a Scratch,
}

impl Scratch {
    /// `len` entries with arbitrary content.
    pub(super) fn take<T: Real>(&self, len: usize) -> Buffer<'_, T> {
        let mut free = T::free(self).lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = free.pop().unwrap_or_default();
        drop(free);
        if entries.len() < len {
            entries.resize(len, T::zero());
        }
        Buffer { entries, len, scratch: self }
    }
}

impl<T: Real> Deref for Buffer<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.entries[..self.len]
    }
}

impl<T: Real> DerefMut for Buffer<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.entries[..self.len]
    }
}

impl<T: Real> Drop for Buffer<'_, T> {
    fn drop(&mut self) {
        let mut free = T::free(self.scratch).lock().unwrap_or_else(PoisonError::into_inner);
        free.push(std::mem::take(&mut self.entries));
    }
}
