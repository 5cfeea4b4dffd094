use convodb_core::commands::*;
use convodb_core::*;

use crate::given::{Given, contact};

#[test]
fn a_message_gets_one_id_that_no_other_has() {
    let mut given = Given::new();
    let text = |text| Outbound::text(contact(), Channel::Whatsapp, text);
    let send = |given: &mut Given, words| {
        let message = given
            .run(&SendMessage {
                message: text(words),
            })
            .unwrap();
        move |id: &str| SetProviderId {
            message: MessageRef::from(&message),
            provider_id: ProviderId::new(id).unwrap(),
        }
    };
    let (one, two) = (send(&mut given, "one"), send(&mut given, "two"));
    let set = given.run(&one("wamid.1")).unwrap();
    assert_eq!(set.provider_id, Some(ProviderId::new("wamid.1").unwrap()));
    assert!(given.decide(&one("wamid.1")).unwrap().changes.is_empty());
    for refused in [one("wamid.2"), two("wamid.1")] {
        let error = given.decide(&refused).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    }
    let again = Inbound::text(contact(), Channel::Whatsapp, "x").provider_id("wamid.1");
    assert!(
        given
            .decide(&ReceiveMessage { message: again })
            .unwrap()
            .is_duplicate
    );
}
