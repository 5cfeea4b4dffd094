use convodb_core::commands::*;

use crate::given::{Given, alice};

#[test]
fn a_name_is_saved_once() {
    let save = |name: &str| SaveAssignee {
        assignee: alice(),
        name: name.to_owned(),
    };
    let mut given = Given::new();
    assert!(given.decide(&save("Alice")).unwrap().changes.is_empty());
    assert!(!given.decide(&save("Alicia")).unwrap().effect.created);
    assert_eq!(&*given.run(&save("Alicia")).unwrap().name, "Alicia");
    assert_eq!(given.decide(&save("")).unwrap_err().field(), Some("name"));
}
