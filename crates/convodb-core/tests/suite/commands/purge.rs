use std::time::Duration;

use convodb_core::commands::*;
use convodb_core::*;

use crate::given::Given;

fn given(slowest: Option<u64>) -> Given {
    let (oldest, newest) = (EventSeq::new(3), EventSeq::new(12));
    let slowest = Answer::Position(slowest.map(EventSeq::new));
    Given::new()
        .answer(Query::EventRange, Answer::Events { oldest, newest })
        .answer(Query::SlowestConsumer, slowest)
}

fn purge(retention: Retention, limit: u64) -> PurgeEvents {
    PurgeEvents { retention, limit }
}

#[test]
fn what_a_consumer_has_not_acknowledged_stays_unless_forced() {
    let newest = Retention::newest(2);
    let purged = |slowest, retention| {
        let decided = given(slowest).decide(&purge(retention, u64::MAX)).unwrap();
        decided.subject
    };
    assert_eq!(purged(None, newest), Subject::Count(8));
    assert_eq!(purged(Some(5), newest), Subject::Count(3));
    assert_eq!(purged(Some(5), newest.force()), Subject::Count(8));
    assert_eq!(purged(Some(0), newest), Subject::Count(0));
}

#[test]
fn a_purge_is_bounded() {
    let decided = given(None).decide(&purge(Retention::newest(0), 4)).unwrap();
    let before = EventSeq::new(7);
    assert_eq!(decided.changes, [ChangeKind::EventsPurged { before }]);
}

#[test]
fn nothing_to_purge_changes_nothing() {
    let command = PurgeUnmatched {
        most: 100,
        older_than: Duration::ZERO,
    };
    assert!(Given::new().decide(&command).unwrap().changes.is_empty());
    let command = PurgeIdempotencyKeys {
        older_than: Duration::ZERO,
    };
    assert!(Given::new().decide(&command).unwrap().changes.is_empty());
}
