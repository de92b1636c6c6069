//! Progress on stderr: a bar on a terminal, now and then a plain line in a log.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use gainfield::progress::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use super::print;

/// Time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Progress of one command.
pub enum Shown {
    Silent,
    Bar(ProgressBar),
    Lines { last: Instant },
}

impl Shown {
    pub fn new(is_quiet: bool) -> Self {
        if is_quiet {
            return Self::Silent;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines { last: Instant::now() };
        }
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}  {eta}");
        bar.set_style(style.unwrap_or_else(|_invalid| ProgressStyle::default_bar()));
        Self::Bar(bar)
    }

    /// Takes the bar away.
    pub fn finish(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Shown {
    fn report(&mut self, what: &str, done: usize, total: usize) {
        match self {
            Self::Silent => {}
            Self::Bar(bar) => {
                bar.set_length(total as u64);
                bar.set_position(done as u64);
                if bar.message() != what {
                    bar.set_message(what.to_owned());
                }
            }
            Self::Lines { last } => {
                if last.elapsed() >= LINE_EVERY {
                    print::remark(format_args!("{what}: {done} of {total}"));
                    *last = Instant::now();
                }
            }
        }
    }
}
