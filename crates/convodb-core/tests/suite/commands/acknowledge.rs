use convodb_core::commands::*;
use convodb_core::*;

use crate::given::Given;

#[test]
fn a_position_goes_forward_and_never_beyond_the_newest_event() {
    let (oldest, newest) = (EventSeq::new(1), EventSeq::new(7));
    let range = Answer::Events { oldest, newest };
    let mut given = Given::new().answer(Query::EventRange, range);
    let name = ConsumerName::new("webhooks").unwrap();
    given
        .state
        .consumers
        .insert(name.clone(), Some(EventSeq::new(2)));
    let up_to = |number| Acknowledge {
        consumer: name.clone(),
        up_to: EventSeq::new(number),
    };
    assert_eq!(given.run(&up_to(5)).unwrap().get(), 5);
    assert!(given.decide(&up_to(3)).unwrap().changes.is_empty());
    assert_eq!(given.decide(&up_to(8)).unwrap_err().field(), Some("up_to"));
}
