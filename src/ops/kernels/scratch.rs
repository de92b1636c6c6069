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

/// Larger buffers are rare enough to be allocated each time.
const KEEP_ENTRIES: usize = 1 << 23;

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
        // The smallest that is large enough, so that small needs do not take the large buffers.
        let fitting = (0..free.len()).filter(|&i| free[i].len() >= len).min_by_key(|&i| free[i].len());
        let chosen = fitting.or_else(|| (0..free.len()).max_by_key(|&i| free[i].len()));
        let mut entries = chosen.map(|i| free.swap_remove(i)).unwrap_or_default();
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
        if self.entries.len() > KEEP_ENTRIES {
            return;
        }
        let mut free = T::free(self.scratch).lock().unwrap_or_else(PoisonError::into_inner);
        free.push(std::mem::take(&mut self.entries));
    }
}
