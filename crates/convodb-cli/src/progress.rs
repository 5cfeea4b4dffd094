//! How far a command has come: on standard error, and only where that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// So often a bar is drawn that does not move by itself.
const TICK: Duration = Duration::from_millis(100);

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Of so many things.
pub(crate) fn counted(doing: &'static str, things: u64) -> ProgressBar {
    let template = "{msg} {wide_bar:.cyan} {human_pos} of {human_len} {eta}";
    styled(ProgressBar::new(things), template).with_message(doing)
}

/// Of the bytes of a file; without its size, of those that have come.
pub(crate) fn bytes(doing: &'static str, size: Option<u64>) -> ProgressBar {
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
    bar.with_message(doing)
}

/// Of something that does not tell.
pub(crate) fn busy(doing: &'static str) -> ProgressBar {
    let bar = styled(ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}").with_message(doing);
    bar.enable_steady_tick(TICK);
    bar
}
