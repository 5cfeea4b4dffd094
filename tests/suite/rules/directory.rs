//! Users and teams. Conversations show their present names.

use convodb::{
    AssigneeId, Cursor, ErrorKind, Execute, Filter, PageRequest, Status, TeamId, UserId,
};

use super::inbox::{Inbox, assignee, name};
use crate::store::{Read, test};

#[test]
fn the_directory_lists_users_then_teams_by_their_ids() {
    let inbox = Inbox::new();
    inbox.team("a_team", "Team");
    inbox.user("usr_b", "Bob");
    inbox.user("usr_a", "Alice");
    let listed = inbox.store.assignees().unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|one| (one.id.as_str(), &*one.name))
        .collect();
    assert_eq!(
        listed,
        [("usr_a", "Alice"), ("usr_b", "Bob"), ("a_team", "Team")]
    );
    let stats = inbox.store.stats().unwrap();
    assert_eq!((stats.users, stats.teams), (2, 1));
}

#[test]
fn saving_adds_a_user_renames_it_or_changes_nothing() {
    let inbox = Inbox::new();
    let alice = UserId::new("usr_alice").unwrap();
    let save = |name| inbox.store.save_user(&alice, name).unwrap();
    let (first, second, third) = (save("Alice"), save("Alice B."), save("Alice B."));
    assert!(first.effect.created && first.effect.changed);
    assert!(!second.effect.created && second.effect.changed);
    assert!(!third.effect.created && !third.effect.changed);
    assert_eq!(&*third.value.name, "Alice B.");
    assert_eq!(third.commit, second.commit);
}

#[test]
fn assigning_to_an_unknown_id_is_an_error() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let commit = inbox.store.commit_seq().unwrap();
    let user = AssigneeId::new("usr_nobody").unwrap();
    let team = AssigneeId::new("team_none").unwrap();
    for (unknown, what) in [
        (&user, "there is no user `usr_nobody`"),
        (&team, "there is no team `team_none`"),
    ] {
        for refused in [
            inbox.store.assign(id, unknown),
            inbox.store.claim(id, unknown),
        ] {
            let refused = refused.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::NotFound);
            assert_eq!(refused.to_string(), what);
        }
        let missing = inbox.store.assignee(unknown).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    }
    assert_eq!(assignee(&inbox.show(id)), None);
    assert_eq!(inbox.store.commit_seq().unwrap(), commit);
}

#[test]
fn a_rename_shows_at_once_everywhere_and_is_no_activity() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let (open, resolved) = (inbox.conversation(), inbox.hello("con_2").conversation_id);
    let alice = inbox.user("usr_alice", "Alice");
    store.assign(open, &alice).unwrap();
    store.assign(resolved, &alice).unwrap();
    store.resolve(resolved).unwrap();
    let (before, old) = (inbox.show(open), store.snapshot().unwrap());
    inbox.later();
    inbox.user("usr_alice", "Alice Cooper");

    for id in [open, resolved] {
        assert_eq!(name(&inbox.show(id)), Some("Alice Cooper"));
    }
    assert_eq!(inbox.show(open).updated_at, before.updated_at);
    assert_eq!(inbox.show(resolved).status, Status::Resolved);
    let page = store.list(&Filter::all(), PageRequest::default()).unwrap();
    assert_eq!(page.total, 2);
    assert!(
        page.data
            .iter()
            .all(|row| name(row) == Some("Alice Cooper"))
    );
    let behind = Cursor::from(&page.data[0]);
    let rest = store.list(&Filter::all(), (behind, 10)).unwrap();
    assert_eq!(name(&rest.data[0]), Some("Alice Cooper"));
    let who = &inbox.show(open).contact_id;
    let found = store
        .find_conversation(who, before.channel)
        .unwrap()
        .unwrap();
    assert_eq!(name(&found), Some("Alice Cooper"));
    assert_eq!(&*store.assignee(&alice).unwrap().name, "Alice Cooper");
    // What a command answers, too; and within a transaction before it commits.
    assert_eq!(
        name(&store.assign(open, &alice).unwrap().value),
        Some("Alice Cooper")
    );
    store
        .transaction(|tx| {
            tx.save_user(&UserId::new("usr_alice")?, "Alice III.")?;
            assert_eq!(name(&tx.transcript(open)?.conversation), Some("Alice III."));
            Ok::<_, convodb::Error>(())
        })
        .unwrap();
    // A snapshot is of its own time, names included.
    assert_eq!(
        name(&old.transcript(open).unwrap().conversation),
        Some("Alice")
    );
    inbox.assert_sound();
}

#[test]
fn a_successor_shows_at_once_reopens_nothing_and_is_no_activity() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let (open, resolved) = (inbox.conversation(), inbox.hello("con_2").conversation_id);
    let others = inbox.hello("con_3").conversation_id;
    let alice = inbox.user("usr_alice", "Alice");
    let billing = inbox.team("team_billing", "Billing");
    store.assign(open, &alice).unwrap();
    store.assign(resolved, &alice).unwrap();
    store.resolve(resolved).unwrap();
    store.assign(others, &billing).unwrap();
    let before = [open, resolved, others].map(|id| inbox.show(id));
    inbox.later();
    let removed = store.remove_assignee(&alice, Some(&billing)).unwrap();
    assert_eq!(removed.value, 2);
    assert!(removed.effect.changed && !removed.effect.reopened && !removed.effect.created);

    for (id, before) in [open, resolved, others].into_iter().zip(before) {
        let now = inbox.show(id);
        assert_eq!(assignee(&now), Some(&billing));
        assert_eq!(now.status, before.status);
        assert_eq!(now.updated_at, before.updated_at);
    }
    assert_eq!(
        store.count(&Filter::all().assigned_to(&billing)).unwrap(),
        3
    );
    assert_eq!(store.count(&Filter::all().assigned_to(&alice)).unwrap(), 0);
    assert_eq!(
        store.assignee(&alice).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    inbox.assert_sound();
}

#[test]
fn a_removal_without_a_successor_leaves_the_conversations_unassigned() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let (open, resolved) = (inbox.conversation(), inbox.hello("con_2").conversation_id);
    let billing = inbox.team("team_billing", "Billing");
    store.assign(open, &billing).unwrap();
    store.assign(resolved, &billing).unwrap();
    store.resolve(resolved).unwrap();
    let before = [open, resolved].map(|id| inbox.show(id));
    inbox.later();
    let removed = store.remove_assignee(&billing, None);
    assert_eq!(removed.unwrap().value, 2);
    for (id, before) in [open, resolved].into_iter().zip(before) {
        let mut expected = before;
        expected.assigned_to = None;
        // The team is gone, and so is its queue.
        expected.attributes = None;
        expected.revision = expected.revision.next();
        assert_eq!(inbox.show(id), expected);
    }
    assert_eq!(store.count(&Filter::all().unassigned()).unwrap(), 2);
    assert!(store.assignees().unwrap().is_empty());
    inbox.assert_sound();
}

#[test]
fn a_removed_id_that_is_added_again_has_none_of_its_conversations() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let alice = inbox.user("usr_alice", "Alice");
    inbox.store.assign(id, &alice).unwrap();
    let removed = inbox.store.remove_assignee(&alice, None);
    assert!(removed.unwrap().effect.changed);
    assert!(
        inbox
            .store
            .save_user(&UserId::new("usr_alice").unwrap(), "Alice")
            .unwrap()
            .effect
            .created
    );
    assert_eq!(assignee(&inbox.show(id)), None);
    let hers = Filter::all().assigned_to(&alice);
    assert_eq!(inbox.store.count(&hers).unwrap(), 0);
    inbox.store.assign(id, &alice).unwrap();
    assert_eq!(inbox.store.count(&hers).unwrap(), 1);
}

#[test]
fn removing_is_refused_where_either_of_the_two_is_unknown_or_both_are_one() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let alice = inbox.user("usr_alice", "Alice");
    inbox.store.assign(id, &alice).unwrap();
    let unknown: AssigneeId = TeamId::new("team_none").unwrap().into();
    let (before, commit) = (inbox.show(id), inbox.store.commit_seq().unwrap());
    let (missing, invalid) = (ErrorKind::NotFound, ErrorKind::InvalidInput);
    for (who, successor, kind, field) in [
        (&unknown, None, missing, None),
        (&alice, Some(&unknown), missing, None),
        (&alice, Some(&alice), invalid, Some("successor")),
    ] {
        let refused = inbox.store.remove_assignee(who, successor).unwrap_err();
        assert_eq!((refused.kind(), refused.field()), (kind, field));
    }
    assert_eq!(inbox.show(id), before);
    assert_eq!(inbox.store.commit_seq().unwrap(), commit);
}
