use convodb_core::commands::*;
use convodb_core::*;

use crate::given::Given;

fn team() -> TeamId {
    TeamId::new("team_billing").unwrap()
}

fn user(number: usize) -> UserId {
    UserId::new(&format!("usr_{number:03}")).unwrap()
}

fn save(name: &str, members: Option<Vec<UserId>>) -> SaveTeam {
    SaveTeam {
        team: team(),
        name: name.to_owned(),
        members,
    }
}

fn given(users: usize) -> Given {
    (0..users).fold(Given::new(), |given, number| {
        given.assignee(user(number).into(), "A user")
    })
}

#[test]
fn members_are_kept_once_by_their_ids_until_others_are_given() {
    let mut given = given(3);
    let saved = given.run(&save("Billing", Some(vec![user(2), user(0), user(2)])));
    assert_eq!(saved.unwrap().members, [user(0), user(2)]);
    let again = given.decide(&save("Billing", Some(vec![user(2), user(0)])));
    assert!(again.unwrap().changes.is_empty());
    assert!(
        given
            .decide(&save("Billing", None))
            .unwrap()
            .changes
            .is_empty()
    );
    let renamed = given.run(&save("Invoices", None)).unwrap();
    assert_eq!((&*renamed.name, renamed.members.len()), ("Invoices", 2));
    assert_eq!(
        given.run(&save("Invoices", Some(vec![]))).unwrap().members,
        []
    );
    assert!(
        given
            .decide(&save("Invoices", Some(vec![])))
            .unwrap()
            .changes
            .is_empty()
    );
}

#[test]
fn a_team_is_created_with_its_members_or_without() {
    for members in [None, Some(vec![]), Some(vec![user(0)])] {
        let decided = given(1).decide(&save("Billing", members)).unwrap();
        assert!(decided.effect.created && decided.changes.len() == 1);
    }
}

#[test]
fn a_member_is_a_user_of_the_directory_and_there_are_64_at_most() {
    let mut given = given(65);
    let mut refused = |name: &str, members: Vec<UserId>| {
        let error = given.decide(&save(name, Some(members))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        (
            error.field().unwrap().to_owned(),
            error.reason().unwrap().to_owned(),
        )
    };
    let unknown = UserId::new("usr_nobody").unwrap();
    let (field, reason) = refused("Billing", vec![user(0), unknown]);
    assert_eq!(field, "members[1]");
    assert_eq!(
        reason,
        "must be a user of the directory, and `usr_nobody` is none"
    );
    let (field, reason) = refused("Billing", (0..65).map(user).collect());
    assert_eq!(field, "members");
    assert_eq!(reason, "must be at most 64 users, and are 65");
    assert_eq!(refused("", vec![]).0, "name");
    let most = given.run(&save("Billing", Some((0..64).map(user).collect())));
    assert_eq!(most.unwrap().members.len(), Team::MAX_MEMBERS);
}
