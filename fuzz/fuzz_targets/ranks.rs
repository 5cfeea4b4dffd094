//! Rows that come to and go from streams: after each commit the counts, pages and ranks are those
//! of sorted lists. Four bytes are a row, and some of them end a commit.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| convodb::fuzzing::ranks(data).unwrap());
