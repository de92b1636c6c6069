//! The visible counter: CPU time of the window's thread from the start of `logic` to the end of
//! tessellation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use egui::{LayerId, PaintCallback, Rect, Ui, pos2};

/// Frames the median is taken over.
const WINDOW: usize = 61;

/// Costs of the latest frames.
pub struct PaintCost {
    started: Duration,
    /// Written by the first thing that is painted, which happens right after tessellation.
    finished_us: Arc<AtomicU64>,
    recent: Vec<Duration>,
    next: usize,
}

impl Default for PaintCost {
    fn default() -> Self {
        Self {
            started: thread_cpu_time(),
            finished_us: Arc::new(AtomicU64::new(0)),
            recent: Vec::with_capacity(WINDOW),
            next: 0,
        }
    }
}

impl PaintCost {
    /// To be called first in `logic`: books the frame before and starts the next.
    pub fn begin(&mut self) {
        let finished = Duration::from_micros(self.finished_us.swap(0, Ordering::Relaxed));
        if finished > self.started {
            self.book(finished.saturating_sub(self.started));
        }
        self.started = thread_cpu_time();
    }

    /// Puts the end mark below everything else; the painter reaches it when tessellation is done.
    pub fn mark_end(&self, ui: &Ui) {
        let finished = Arc::clone(&self.finished_us);
        let callback = eframe::egui_glow::CallbackFn::new(move |_, _| {
            let now = u64::try_from(thread_cpu_time().as_micros()).unwrap_or(u64::MAX);
            finished.store(now, Ordering::Relaxed);
        });
        let corner = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        let painter = ui.ctx().layer_painter(LayerId::background());
        painter.add(PaintCallback { rect: corner, callback: Arc::new(callback) });
    }

    fn book(&mut self, cost: Duration) {
        if self.recent.len() < WINDOW {
            self.recent.push(cost);
        } else {
            self.recent[self.next] = cost;
        }
        self.next = (self.next + 1) % WINDOW;
    }

    /// Median over the latest frames; `None` before the first is known.
    pub fn median(&self) -> Option<Duration> {
        let mut sorted = self.recent.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}

/// CPU time of this thread; other work on the same cores does not count.
#[cfg(target_os = "linux")]
fn thread_cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Wall-clock time, where no clock of the thread is at hand.
#[cfg(not(target_os = "linux"))]
fn thread_cpu_time() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

/// Resident memory of the process in bytes, where the system tells.
pub fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_one_slow_frame() {
        let mut cost = PaintCost::default();
        for ms in [5, 6, 900, 6, 7] {
            cost.book(Duration::from_millis(ms));
        }
        assert_eq!(cost.median(), Some(Duration::from_millis(6)));
    }
}
