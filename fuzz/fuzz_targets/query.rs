//! Arbitrary text as queries, ids, cursors, words and documents: each is refused, or survives being
//! printed and read again. The first byte of an input chooses the kind.

#![no_main]

use convodb_testkit::text;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    text::check(data);
});
