//! Arbitrary bytes as records and changes: what the fuzz target of records runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use convodb_testkit::harness::random::Random;
use convodb_testkit::records::{KINDS, check, examples};

#[test]
fn an_example_of_each_kind_is_accepted() {
    let mut kinds = BTreeSet::new();
    for example in examples() {
        assert!(check(&example), "{example:02x?}");
        kinds.insert(example[0]);
    }
    assert_eq!(kinds.len(), usize::from(KINDS));
}

#[test]
fn changed_bytes_are_refused_or_survive_being_encoded_again() {
    let mut random = Random::new(1);
    let mut accepted = 0;
    for example in examples() {
        for place in 0..example.len() {
            for bit in 0..8 {
                let mut bytes = example.clone();
                bytes[place] ^= 1 << bit;
                accepted += u32::from(check(&bytes));
            }
            check(&example[..place]);
        }
        let mut noise = example.clone();
        noise.extend((0..3).map(|_| random.word() as u8));
        check(&noise);
    }
    assert!(accepted > 100, "{accepted} were accepted");
}

#[test]
fn arbitrary_bytes_are_refused_or_survive_being_encoded_again() {
    let mut random = Random::new(2);
    for _ in 0..20_000 {
        let len = random.index(60);
        let bytes: Vec<_> = (0..len).map(|_| random.word() as u8).collect();
        check(&bytes);
    }
}

#[test]
fn the_seeds_of_the_fuzz_target_show_nothing() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/records");
    let mut accepted = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        accepted += u8::from(check(&fs::read(entry.unwrap().path()).unwrap()));
    }
    assert!(accepted >= KINDS, "{accepted} were accepted");
}
