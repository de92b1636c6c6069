//! The tensor library's own threads, which Gainfield does without.
#![expect(unsafe_code, reason = "the library is told by a variable of the environment")]

/// Keeps the tensor library from starting threads for its elementwise operations.
///
/// They wait for one another by spinning, whatever pool the work was installed on and one caller
/// at a time: beside a second job or a window, most of the time goes into waiting. A value that
/// the user has set is left alone.
///
/// # Safety
/// To be called first thing in `main`, while no other thread runs.
pub unsafe fn without_library_threads() {
    const THREADS: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(THREADS).is_none() {
        // SAFETY: the caller vouches that no other thread could read the environment meanwhile.
        unsafe { std::env::set_var(THREADS, "1") };
    }
}
