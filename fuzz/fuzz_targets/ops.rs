//! Operations beside a naive model, on a disk that fails where the bytes say so: the first four are
//! the fault, the others commands, reopenings, compactions, backups and repairs.

#![no_main]

use convodb_testkit::harness::ops;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let ran = ops::run(data);
    assert!(ran.is_ok(), "{ran:?}");
});
