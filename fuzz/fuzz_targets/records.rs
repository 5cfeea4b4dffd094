//! Records and changes from arbitrary bytes: each is refused, or survives being encoded again.
//! The first byte of an input chooses the kind.

#![no_main]

use convodb_testkit::records;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    records::check(data);
});
