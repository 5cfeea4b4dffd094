//! Progress bars, on standard error, and only if that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often a spinner is drawn.
const TICK: Duration = Duration::from_millis(100);

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// A bar of a number of things.
pub(crate) fn counted(action: &'static str, things: u64) -> ProgressBar {
    let template = "{msg} {wide_bar:.cyan} {human_pos} of {human_len} {eta}";
    styled(ProgressBar::new(things), template).with_message(action)
}

/// A bar of the bytes of a file; without a size, a spinner with the bytes so far.
pub(crate) fn bytes(action: &'static str, size: Option<u64>) -> ProgressBar {
    let bar = match size {
        Some(size) => styled(
            ProgressBar::new(size),
            "{msg} {wide_bar:.cyan} {bytes} of {total_bytes} {eta}",
        ),
        None => styled(
            ProgressBar::no_length(),
            "{spinner} {msg} {bytes} {bytes_per_sec}",
        ),
    };
    bar.with_message(action)
}

/// A spinner, for work of unknown length.
pub(crate) fn busy(action: &'static str) -> ProgressBar {
    let bar = styled(ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}").with_message(action);
    bar.enable_steady_tick(TICK);
    bar
}
