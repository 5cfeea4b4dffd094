use convodb_core::commands::*;
use convodb_core::*;

use crate::given::Given;

fn given() -> Given {
    let (oldest, newest) = (EventSeq::new(3), EventSeq::new(7));
    Given::new().answer(Query::EventRange, Answer::Events { oldest, newest })
}

fn add(start: ConsumerStart) -> AddConsumer {
    AddConsumer {
        name: ConsumerName::new("webhooks").unwrap(),
        start,
    }
}

#[test]
fn a_consumer_starts_before_the_oldest_event_or_behind_the_newest_or_behind_a_given_one() {
    let started = |start| given().run(&add(start)).unwrap().get();
    assert_eq!(started(ConsumerStart::Oldest), 2);
    assert_eq!(started(ConsumerStart::Newest), 7);
    for after in [0, 4, 7] {
        assert_eq!(started(ConsumerStart::After(EventSeq::new(after))), after);
    }
    let unknown = add(ConsumerStart::After(EventSeq::new(8)));
    let error = given().decide(&unknown).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.field(), Some("start"));
}

#[test]
fn a_consumer_that_is_there_stays_where_it_is() {
    let mut given = given();
    given.run(&add(ConsumerStart::Oldest)).unwrap();
    assert_eq!(given.run(&add(ConsumerStart::Newest)).unwrap().get(), 2);
}

#[test]
fn a_removed_consumer_is_not_found() {
    let mut given = given();
    given.run(&add(ConsumerStart::Oldest)).unwrap();
    let remove = RemoveConsumer {
        name: ConsumerName::new("webhooks").unwrap(),
    };
    given.run(&remove).unwrap();
    assert_eq!(
        given.decide(&remove).unwrap_err().kind(),
        ErrorKind::NotFound
    );
}
