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
    for (refused, kind) in [
        (one("wamid.2"), ErrorKind::AlreadyExists),
        (two("wamid.1"), ErrorKind::ProviderIdConflict),
    ] {
        assert_eq!(given.decide(&refused).unwrap_err().kind(), kind);
    }
    let message = text("x").provider_id("wamid.1");
    let again = given.decide(&SendMessage { message }).unwrap();
    assert!(again.is_duplicate);
}
