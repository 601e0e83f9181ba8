//! Progress messages on standard error, only on a terminal.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use crate::output::{clear_progress, is_watched, note, show_progress};

/// Shows the progress of a long command on a terminal, after half a second of silence, and clears the line at the end.
pub struct Progress {
    what: &'static str,
    of: usize,
    done: AtomicUsize,
    begun: Instant,
    /// When the next line is due, in milliseconds since the beginning; `u64::MAX` without a terminal.
    due: AtomicU64,
}

impl Progress {
    /// Starts to count `what` up to `of`.
    pub fn new(what: &'static str, of: usize) -> Self {
        let due = if is_watched() { 500 } else { u64::MAX };
        Self { what, of, done: AtomicUsize::new(0), begun: Instant::now(), due: due.into() }
    }

    /// Counts one more.
    pub fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let due = self.due.load(Ordering::Relaxed);
        if due == u64::MAX {
            return;
        }
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now >= due && self.due.compare_exchange(due, now + 100, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            show_progress(done, self.of, self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if !matches!(self.due.load(Ordering::Relaxed), 500 | u64::MAX) {
            clear_progress();
        }
    }
}

/// Returns a function that prints, on a terminal, what a long command is doing.
pub fn progress() -> impl Fn(&str) + Sync {
    let terminal = is_watched();
    move |what: &str| {
        if terminal {
            note(what);
        }
    }
}
