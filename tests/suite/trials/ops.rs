//! What the fuzz target of operations runs.

use std::fs;
use std::path::Path;

use convodb_testkit::harness::ops;
use convodb_testkit::harness::random::Random;

#[test]
fn the_seeds_of_the_fuzz_target_and_random_bytes_show_no_breach() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/ops");
    let mut inputs = Vec::new();
    for entry in fs::read_dir(corpus).unwrap() {
        inputs.push(fs::read(entry.unwrap().path()).unwrap());
    }
    let mut random = Random::new(1);
    inputs.extend((0..8).map(|_| (0..300).map(|_| random.word() as u8).collect()));
    for input in inputs {
        assert_eq!(ops::run(&input), Ok(()), "{input:02x?}");
    }
}
