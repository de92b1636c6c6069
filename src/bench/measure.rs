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

/// Processor time of all threads of this process so far; `None` where the system does not tell.
///
/// Threads that have ended are not counted, so differences are of those that live on.
pub fn process_cpu_ms() -> Option<f64> {
    let mut nanoseconds = 0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let schedstat = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += schedstat.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(nanoseconds as f64 / 1e6)
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

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_time_and_memory() {
        assert!(process_cpu_ms().unwrap() > 0.0);
        assert!(peak_rss_mb().unwrap() > 1.0);
    }
}
