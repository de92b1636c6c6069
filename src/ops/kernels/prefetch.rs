//! Hints about memory that is read soon, where the processor would not guess it in time.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "the hint is an instruction of its own"))]

/// Bytes of one line of the cache.
const LINE: usize = 64;

/// Asks for the line at `at` to come into the cache; nothing is read, whatever the address.
#[inline(always)]
pub(super) fn prefetch_line<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint reads nothing and never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Asks for all lines of `entries`.
#[inline(always)]
pub(super) fn prefetch<T>(entries: &[T]) {
    entries.chunks((LINE / size_of::<T>().max(1)).max(1)).for_each(|line| prefetch_line(line.as_ptr()));
}
