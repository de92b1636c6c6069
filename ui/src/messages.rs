//! What the window has said: the log, the toasts, the line in the status bar.

use std::time::{Duration, Instant};

use crate::command::Command;
use crate::widgets::Severity;

/// One line of the log.
#[derive(Clone, Debug)]
pub struct Entry {
    pub severity: Severity,
    pub text: String,
    /// Seconds since the session began.
    pub at: f64,
}

/// Something that failed or needs an answer, shown until it is closed or has faded.
#[derive(Clone, Debug)]
pub struct Toast {
    pub id: usize,
    pub severity: Severity,
    pub title: String,
    pub detail: String,
    /// The way out: what the button says and does.
    pub action: Option<(String, Command)>,
    shown_at: Instant,
}

/// All messages of the session.
#[derive(Debug)]
pub struct Messages {
    started: Instant,
    log: Vec<Entry>,
    toasts: Vec<Toast>,
    next_toast: usize,
    last: Option<(Severity, String, Instant)>,
}

impl Default for Messages {
    fn default() -> Self {
        Self { started: Instant::now(), log: Vec::new(), toasts: Vec::new(), next_toast: 0, last: None }
    }
}

/// Toasts on screen at a time.
const MAX_TOASTS: usize = 3;
/// Seconds a toast stays that is no error.
const TOAST_SECS: u64 = 6;
/// Seconds a success stays in the status line.
const STATUS_SECS: u64 = 4;
/// Lines the log keeps.
const LOG_LIMIT: usize = 2000;

impl Messages {
    fn log_line(&mut self, severity: Severity, text: String) {
        if self.log.len() == LOG_LIMIT {
            self.log.remove(0);
        }
        self.log.push(Entry { severity, text, at: self.started.elapsed().as_secs_f64() });
    }

    /// A success or a fact: the status line for a moment, and the log.
    pub fn say(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.last = Some((Severity::Info, text.clone(), Instant::now()));
        self.log_line(Severity::Info, text);
    }

    /// Something that failed or needs an answer: a toast, and the log.
    pub fn raise(
        &mut self,
        severity: Severity,
        title: impl Into<String>,
        detail: impl Into<String>,
        action: Option<(String, Command)>,
    ) {
        let (title, detail) = (title.into(), detail.into());
        self.log_line(severity, format!("{title}. {detail}"));
        let id = self.next_toast;
        self.next_toast += 1;
        self.toasts.push(Toast { id, severity, title, detail, action, shown_at: Instant::now() });
        if self.toasts.len() > MAX_TOASTS {
            self.toasts.remove(0);
        }
    }

    pub fn error(&mut self, title: impl Into<String>, detail: impl Into<String>) {
        self.raise(Severity::Error, title, detail, None);
    }

    pub fn dismiss(&mut self, id: usize) {
        self.toasts.retain(|toast| toast.id != id);
    }

    /// Drops what has been shown long enough; errors stay until closed.
    pub fn tick(&mut self) {
        self.toasts.retain(|toast| {
            toast.severity == Severity::Error || toast.shown_at.elapsed().as_secs() < TOAST_SECS
        });
    }

    /// How long until a message fades by itself.
    pub fn next_change(&self) -> Option<Duration> {
        let left = |at: &Instant, secs: u64| Duration::from_secs(secs).saturating_sub(at.elapsed());
        let toasts = self.toasts.iter().filter(|toast| toast.severity != Severity::Error);
        let fading = toasts.map(|toast| left(&toast.shown_at, TOAST_SECS));
        let status = self.last.iter().map(|(_, _, at)| left(at, STATUS_SECS));
        fading.chain(status).filter(|left| !left.is_zero()).min()
    }

    pub fn toasts(&self) -> &[Toast] {
        &self.toasts
    }

    pub fn log(&self) -> &[Entry] {
        &self.log
    }

    /// The line for the status bar, while it is fresh.
    pub fn status(&self) -> Option<(Severity, &str)> {
        let (severity, text, at) = self.last.as_ref()?;
        (at.elapsed().as_secs() < STATUS_SECS).then_some((*severity, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_three_toasts_show_and_all_are_logged() {
        let mut messages = Messages::default();
        for i in 0..5 {
            messages.error(format!("failure {i}"), "details");
        }
        assert_eq!(messages.toasts().len(), 3);
        assert_eq!(messages.log().len(), 5);
        let id = messages.toasts()[0].id;
        messages.dismiss(id);
        assert_eq!(messages.toasts().len(), 2);
    }
}
