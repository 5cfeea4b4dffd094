//! How far a run has come, on the standard error of a terminal.

use indicatif::{ProgressBar, ProgressStyle};

use convodb_testkit::harness::report::Progress;

/// A bar that a harness moves.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn new(name: &'static str) -> Self {
        let style = ProgressStyle::with_template("{msg} {bar:40} {human_pos}/{human_len} {eta}");
        let bar = ProgressBar::no_length().with_message(name);
        Self(match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    pub(crate) fn clear(&self) {
        let Self(bar) = self;
        bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn at(&self, done: u64, of: u64) {
        let Self(bar) = self;
        bar.set_length(of);
        bar.set_position(done);
    }
}
