//! How far it is, on standard error, if that is a terminal.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Time between two figures: often enough to see it move.
const PERIOD: Duration = Duration::from_millis(100);

/// A line with rows, rows per second and bytes.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    begun: Instant,
    shown: Instant,
}

impl Progress {
    /// `wanted` says whether there is to be one if standard error is a terminal; `total` how many
    /// bytes there will be.
    pub(crate) fn new(wanted: bool, total: Option<u64>) -> Self {
        let begun = Instant::now();
        if !wanted || !std::io::stderr().is_terminal() {
            return Self { bar: None, begun, shown: begun };
        }
        let template = match total {
            Some(_) => "{bar:30} {percent:>3} %  {msg}",
            None => "{spinner} {msg}",
        };
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(style);
        bar.set_message("waiting for the server");
        bar.enable_steady_tick(PERIOD);
        Self { bar: Some(bar), begun, shown: begun }
    }

    /// Shows the figures, unless it did a moment ago.
    pub(crate) fn update(&mut self, rows: u64, bytes: u64) {
        let Some(bar) = &self.bar else { return };
        if self.shown.elapsed() < PERIOD {
            return;
        }
        self.shown = Instant::now();
        bar.set_position(bytes);
        bar.set_message(figures(rows, bytes, self.begun.elapsed()));
    }

    /// Takes the line away and leaves the last figures in its place.
    pub(crate) fn finish(self, rows: u64, bytes: u64) {
        let Some(bar) = self.bar else { return };
        let took = self.begun.elapsed();
        bar.println(format!("{}  {:.1} s", figures(rows, bytes, took), took.as_secs_f64()));
        bar.finish_and_clear();
    }

    /// Takes the line away.
    pub(crate) fn clear(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn figures(rows: u64, bytes: u64, took: Duration) -> String {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let per_second = rows.saturating_mul(1000) / millis;
    format!("{} rows  {} rows/s  {}", HumanCount(rows), HumanCount(per_second), BinaryBytes(bytes))
}
