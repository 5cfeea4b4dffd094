//! The generator for proptest: bytes that shrink, and what they mean.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;

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

/// What a run beside the model does next.
#[derive(Clone, Debug)]
pub enum Step {
    Do(Op),
    Ask(Probe),
    /// Takes a snapshot, to be asked from then on.
    Hold,
    /// Views are built then, also with conversations that are yet to be reassigned.
    Repair,
}

/// Steps of a run. They are printed a step a line, as a failing case is read.
pub struct Steps(pub Vec<Step>);

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(steps) = self;
        steps
            .iter()
            .try_for_each(|step| write!(f, "\n    {step:?}"))
    }
}

/// At most so many steps, of which operations come with this weight beside three questions, a snapshot and a repair.
pub fn steps(most: usize, operations: u32) -> impl Strategy<Value = Steps> {
    let step = prop_oneof![
        operations => op().prop_map(Step::Do),
        3 => probe().prop_map(Step::Ask),
        1 => Just(Step::Hold),
        1 => Just(Step::Repair),
    ];
    vec(step, 0..=most).prop_map(Steps)
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
