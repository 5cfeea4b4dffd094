//! What errors report as data.

use convodb::{AssigneeId, Details, Error, ErrorKind, Revision};

/// The assignee and the revision of the conversation of which a precondition did not hold.
#[track_caller]
pub(crate) fn found(error: &Error) -> (Option<&AssigneeId>, Revision) {
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{error}");
    match error.details() {
        Details::Precondition {
            assignee, revision, ..
        } => (assignee.as_ref(), *revision),
        other => panic!("no conversation in {other:?}"),
    }
}

/// The present assignee of the conversation.
#[track_caller]
pub(crate) fn holder(error: &Error) -> Option<&AssigneeId> {
    found(error).0
}

/// The present revision of the conversation.
#[track_caller]
pub(crate) fn revision(error: &Error) -> Revision {
    found(error).1
}
