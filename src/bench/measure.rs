//! Wall time, processor time and memory of calls.

use std::time::Instant;

use crate::error::Result;

/// Times of repeated calls, in milliseconds.
pub(super) struct Timings {
    wall: Vec<f64>,
    cpu: Vec<Option<f64>>,
}

impl Timings {
    /// Calls once to warm up, then `repeats` times.
    pub fn of(repeats: usize, call: &mut dyn FnMut() -> Result<()>) -> Result<Self> {
        call()?;
        let mut timings = Self { wall: Vec::new(), cpu: Vec::new() };
        for _ in 0..repeats {
            let (wall, cpu) = (Instant::now(), process_cpu_ms());
            call()?;
            timings.wall.push(wall.elapsed().as_secs_f64() * 1e3);
            timings.cpu.push(process_cpu_ms().zip(cpu).map(|(after, before)| after - before));
        }
        Ok(timings)
    }

    pub fn median_wall_ms(&self) -> f64 {
        rounded(median(self.wall.clone()))
    }

    pub fn median_cpu_ms(&self) -> Option<f64> {
        let known: Option<Vec<f64>> = self.cpu.iter().copied().collect();
        known.map(|cpu| rounded(median(cpu)))
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n => 0.5 * (values[(n - 1) / 2] + values[n / 2]),
    }
}

/// To 0.1 µs.
fn rounded(ms: f64) -> f64 {
    (ms * 1e4).round() / 1e4
}

/// Processor time of all threads of this process so far, also of those that ended; `None` where the
/// system does not tell.
#[cfg(unix)]
pub fn process_cpu_ms() -> Option<f64> {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6)
}

/// Processor time of this process; this system does not tell.
#[cfg(not(unix))]
pub fn process_cpu_ms() -> Option<f64> {
    None
}

/// Largest resident size of this process so far in MiB; `None` where the system does not tell.
pub fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some((kib / 1024.0 * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_call_is_left_out() {
        let mut calls = 0;
        let mut call = || {
            calls += 1;
            Ok(())
        };
        assert_eq!(Timings::of(3, &mut call).unwrap().wall.len(), 3);
        assert_eq!(calls, 4);
    }

    #[test]
    fn medians_lie_between_the_middle_two() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[cfg(unix)]
    #[test]
    fn work_takes_processor_time() {
        let before = process_cpu_ms().unwrap();
        let sum: f64 = (0..2_000_000).map(|i| std::hint::black_box(f64::from(i)).sqrt()).sum();
        assert!(sum > 0.0);
        assert!(process_cpu_ms().unwrap() > before);
    }

    #[test]
    fn a_known_peak_of_memory_is_more_than_a_program_needs_to_start() {
        match peak_rss_mb() {
            Some(mb) => assert!(mb > 1.0),
            None => println!("skipped: this system does not tell the peak of memory"),
        }
    }
}
