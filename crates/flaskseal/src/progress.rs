//! A line on standard error that says what is being done: only on a terminal, and only when it takes its time.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that is done sooner is not announced.
const PATIENCE: Duration = Duration::from_millis(500);

/// For work whose end is not known, and for work that is counted.
const SPINNER: &str = "{spinner} {msg} ({elapsed})";
const BAR: &str = "{spinner} {msg} {bar:30} {human_pos} of {human_len}, {per_sec}";

pub(crate) struct Progress {
    bar: ProgressBar,
    timer: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    pub(crate) fn start(wanted: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if !wanted || !flaskseal_system::stderr_is_terminal() {
            return Self { bar, timer: None };
        }
        let (done, is_done) = channel();
        let shown = bar.clone();
        let timer = std::thread::spawn(move || {
            if matches!(is_done.recv_timeout(PATIENCE), Err(RecvTimeoutError::Timeout)) {
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.enable_steady_tick(Duration::from_millis(100));
            }
        });
        let progress = Self { bar, timer: Some((done, timer)) };
        progress.style(SPINNER);
        progress
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }

    pub(crate) fn say(&self, text: String) {
        self.style(SPINNER);
        self.bar.set_message(text);
    }

    /// How many keys were tried, and of how many.
    pub(crate) fn keys(&self, tried: usize, of: usize) {
        self.bar.set_length(of as u64);
        self.bar.set_position(tried as u64);
        let is_over = tried >= of;
        self.style(if is_over { SPINNER } else { BAR });
        self.bar.set_message(if is_over { "judging" } else { "trying keys of signed cookies" });
    }

    /// How many bytes have arrived, and of how many, where that is known.
    pub(crate) fn bytes(&self, received: u64, of: Option<u64>) {
        let template = match of {
            Some(_) => {
                "{spinner} {msg} {bar:30} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}"
            }
            None => "{spinner} {msg} {binary_bytes}, {binary_bytes_per_sec}",
        };
        self.style(template);
        self.bar.set_message("fetching advisories");
        if let Some(of) = of {
            self.bar.set_length(of);
        }
        self.bar.set_position(received);
    }

    pub(crate) fn phase(&self, name: &'static str) {
        self.style(SPINNER);
        self.bar.set_message(name);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((done, timer)) = self.timer.take() {
            drop(done);
            // A timer that panicked has drawn nothing.
            let _ = timer.join();
        }
        self.bar.finish_and_clear();
    }
}
