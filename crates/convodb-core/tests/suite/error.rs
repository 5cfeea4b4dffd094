//! Errors.

use convodb_core::*;

#[test]
fn an_error_is_one_word_large() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
}

#[test]
fn the_source_of_an_unknown_commit_leads_to_the_operating_systems_error() {
    let io = std::io::Error::other("the cable");
    let cause = Error::new(ErrorKind::Io, "cannot write").with_source(io);
    let error = Error::commit_unknown(CommitSeq::new(7), cause);
    assert_eq!(*error.details(), Details::Commit(CommitSeq::new(7)));
    let mut chain = Vec::new();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        chain.push(error.to_string());
        source = error.source();
    }
    assert_eq!(chain, ["cannot write", "the cable"]);
}
