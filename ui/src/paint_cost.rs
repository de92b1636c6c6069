//! The visible counter: CPU time of the window's thread from the start of `logic` to the end of
//! tessellation.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use egui::{LayerId, PaintCallback, Rect, Ui, pos2};

/// Frames the median is taken over.
const WINDOW: usize = 61;

/// Costs of the latest frames, and of all that were painted while a network trained.
pub struct PaintCost {
    started: Stamp,
    /// Written by the first thing that is painted, which happens right after tessellation.
    finished: Arc<Finished>,
    recent: Vec<Duration>,
    next: usize,
    is_training: bool,
    training_cpu: Histogram,
    training_clock: Histogram,
}

/// Two clocks at one moment: that of this thread, and that on the wall.
#[derive(Clone, Copy)]
struct Stamp {
    cpu: Duration,
    clock: Duration,
}

impl Stamp {
    fn now() -> Self {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        Self { cpu: thread_cpu_time(), clock: START.elapsed() }
    }
}

/// A stamp in microseconds, 0 where there is none.
#[derive(Default)]
struct Finished {
    cpu: AtomicU64,
    clock: AtomicU64,
}

impl Finished {
    fn set(&self, stamp: Stamp) {
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.cpu.store(us(stamp.cpu), Ordering::Relaxed);
        self.clock.store(us(stamp.clock), Ordering::Relaxed);
    }

    fn take(&self) -> Option<Stamp> {
        let [cpu, clock] =
            [&self.cpu, &self.clock].map(|end| Duration::from_micros(end.swap(0, Ordering::Relaxed)));
        (cpu > Duration::ZERO).then_some(Stamp { cpu, clock })
    }
}

impl Default for PaintCost {
    fn default() -> Self {
        Self {
            started: Stamp::now(),
            finished: Arc::default(),
            recent: Vec::with_capacity(WINDOW),
            next: 0,
            is_training: false,
            training_cpu: Histogram::default(),
            training_clock: Histogram::default(),
        }
    }
}

impl PaintCost {
    /// To be called first in `logic`: books the frame before and starts the next.
    pub fn begin(&mut self, is_training: bool) {
        if let Some(finished) = self.finished.take() {
            let cost = finished.cpu.saturating_sub(self.started.cpu);
            self.book(cost);
            if self.is_training {
                self.training_cpu.add(cost);
                self.training_clock.add(finished.clock.saturating_sub(self.started.clock));
            }
        }
        (self.started, self.is_training) = (Stamp::now(), is_training);
    }

    /// Puts the end mark below everything else; the painter reaches it when tessellation is done.
    pub fn mark_end(&self, ui: &Ui) {
        let finished = Arc::clone(&self.finished);
        let callback = eframe::egui_glow::CallbackFn::new(move |_, _| finished.set(Stamp::now()));
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

    /// What frames cost while a network trained, in words; `None` if none did.
    pub fn while_training(&self) -> Option<String> {
        let quantiles = |histogram: &Histogram| {
            Some(format!("{:.1} ms (95 %: {:.1} ms)", histogram.quantile(0.5)?, histogram.quantile(0.95)?))
        };
        Some(format!(
            "{} frames while training: median CPU time {}, by the clock {}",
            self.training_cpu.n,
            quantiles(&self.training_cpu)?,
            quantiles(&self.training_clock)?,
        ))
    }
}

/// How often durations came, in steps of 0.1 ms; the last step holds all that are longer.
struct Histogram {
    counts: Vec<u32>,
    n: u32,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; 2000], n: 0 }
    }
}

impl Histogram {
    const STEP_MS: f64 = 0.1;

    fn add(&mut self, time: Duration) {
        let step = (time.as_secs_f64() * 1e3 / Self::STEP_MS) as usize;
        self.counts[step.min(1999)] += 1;
        self.n += 1;
    }

    /// Upper end of the step, in ms, below which this share lies; `None` without a duration.
    fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = (share * f64::from(self.n)).ceil().max(1.0) as u32;
        let mut seen = 0;
        let step = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some((step + 1) as f64 * Self::STEP_MS)
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
        assert_eq!(cost.while_training(), None);
    }

    #[test]
    fn quantiles_are_those_of_all_frames() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        for ms in 1..=20 {
            histogram.add(Duration::from_millis(ms) - Duration::from_micros(50));
        }
        histogram.add(Duration::from_secs(9));
        let near = |share, ms: f64| (histogram.quantile(share).unwrap() - ms).abs() < 1e-6;
        assert!(near(0.5, 11.0) && near(0.95, 20.0) && near(1.0, 200.0));
    }
}
