//! The generator for proptest: bytes that shrink, and what they mean.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};

use crate::bytes::Bytes;
use crate::op::Op;
use crate::probe::Probe;

/// As many bytes as the longest operation takes, nearly.
const BYTES: usize = 64;

/// One operation.
pub fn op() -> impl Strategy<Value = Op> {
    op_of(|bytes| bytes.op())
}

fn op_of(next: fn(&mut Bytes<'_>) -> Op) -> impl Strategy<Value = Op> {
    vec(any::<u8>(), BYTES).prop_map(move |bytes| next(&mut Bytes(&bytes)))
}

/// Operations to be done one after another.
pub fn ops(most: usize) -> impl Strategy<Value = Vec<Op>> {
    vec(op(), 0..=most)
}

/// One command, at the time of the one before it.
pub fn command() -> impl Strategy<Value = Op> {
    op_of(|bytes| bytes.nested()).prop_filter("moves the clock", |op| op.clock_step().is_none())
}

/// Some commands about views.
pub fn views() -> impl Strategy<Value = Vec<Op>> {
    vec(op_of(|bytes| bytes.view()), 0..=4)
}

/// One import.
pub fn import() -> impl Strategy<Value = Op> {
    op_of(|bytes| Op::Import(bytes.import()))
}

/// One question about everything that can be read.
pub fn probe() -> impl Strategy<Value = Probe> {
    vec(any::<u8>(), BYTES).prop_map(|bytes| Bytes(&bytes).probe())
}

/// So many cases as `PROPTEST_CASES` says, or few enough for every day.
pub fn cases(few: u32) -> proptest::prelude::ProptestConfig {
    let config = proptest::prelude::ProptestConfig::default();
    let is_set = std::env::var_os("PROPTEST_CASES").is_some();
    proptest::prelude::ProptestConfig {
        cases: if is_set { config.cases } else { few },
        // A failing case is printed as operations; its bytes may mean others tomorrow.
        failure_persistence: None,
        ..config
    }
}
