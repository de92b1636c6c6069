//! Memory for results that are written whole, so that nothing has to clear it first.
#![expect(unsafe_code, reason = "kernels vouch that they wrote every entry")]

use std::mem::MaybeUninit;

/// A place for a number that may not have been written yet.
pub(super) type Room<T> = MaybeUninit<T>;

/// `n` entries that `write` fills.
///
/// # Safety
/// `write` must have written every entry when it returns.
pub(super) unsafe fn written<T: Copy>(n: usize, write: impl FnOnce(&mut [Room<T>])) -> Vec<T> {
    // SAFETY: the caller vouches for every entry.
    let [entries] = unsafe { all_written(n, |[room]| write(room)) };
    entries
}

/// As many results of `n` entries as `write` fills.
///
/// # Safety
/// `write` must have written every entry of each when it returns.
pub(super) unsafe fn all_written<T: Copy, const N: usize>(
    n: usize,
    write: impl FnOnce([&mut [Room<T>]; N]),
) -> [Vec<T>; N] {
    let mut all = std::array::from_fn(|_| Vec::with_capacity(n));
    write(all.each_mut().map(|entries| &mut entries.spare_capacity_mut()[..n]));
    for entries in &mut all {
        // SAFETY: there is room for `n` entries, and the caller vouches that all were written.
        unsafe { entries.set_len(n) };
    }
    all
}

/// Room with `value` everywhere.
pub(super) fn filled<T: Copy>(room: &mut [Room<T>], value: T) -> &mut [T] {
    room.iter_mut().for_each(|to| _ = to.write(value));
    // SAFETY: every entry was written just now.
    unsafe { room.assume_init_mut() }
}

/// `f` of each pair of entries of `a` and `b` in `room`; the three are of one length.
#[inline(always)]
pub(super) fn paired<'a, T: Copy>(
    room: &'a mut [Room<T>],
    a: &[T],
    b: &[T],
    f: impl Fn(T, T) -> T,
) -> &'a mut [T] {
    assert!(a.len() == room.len() && b.len() == room.len(), "pairs for the whole room");
    room.iter_mut().zip(a).zip(b).for_each(|((to, &a), &b)| _ = to.write(f(a, b)));
    // SAFETY: there were pairs for the whole room.
    unsafe { room.assume_init_mut() }
}

/// Entries as room for others.
///
/// # Safety
/// Only numbers may be put into the room, never something unwritten.
pub(super) unsafe fn room<T: Copy>(entries: &mut [T]) -> &mut [Room<T>] {
    // SAFETY: both have the same layout, and the caller vouches that entries stay numbers.
    unsafe { std::slice::from_raw_parts_mut(entries.as_mut_ptr().cast(), entries.len()) }
}
