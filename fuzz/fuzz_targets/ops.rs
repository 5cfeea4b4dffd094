//! Operations beside a naive model, on a disk that fails where the bytes say so: the first four are
//! the fault, the others commands, reopenings, compactions, backups and repairs.

#![no_main]

#[path = "../../tests/support/mod.rs"]
#[allow(dead_code, reason = "the target takes of the support what it needs")]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let ran = support::harness::ops::run(data);
    assert!(ran.is_ok(), "{ran:?}");
});
