//! Many conversations at once: `import_all`, of a store and of a transaction.

use convodb::prelude::*;
use convodb::{
    Actor, Assignee, AssigneeId, Channel, CommitSeq, Content, Context, Conversation, Error,
    ErrorKind, EventSeq, Filter, Import, PageRequest,
};

use super::single::{conversation, message};
use crate::rules::inbox::{Inbox, time};

/// Conversations of all kinds, the later ones not always active later.
pub(super) fn imports(count: u64) -> Vec<Import> {
    let import = |n: u64| {
        let mut conversation = conversation(n);
        conversation.channel = Channel::ALL[n as usize % 4];
        conversation.updated_at = time("2020-06-01T12:00:00Z")
            + chrono::TimeDelta::milliseconds((n * 7_919 % 1_000).cast_signed());
        conversation.assigned_to = match n % 3 {
            0 => None,
            who => {
                let id = AssigneeId::new(&format!("usr_{who}")).unwrap();
                Some(Assignee::new(id, "Agent"))
            }
        };
        let messages = (0..u128::from(n % 4))
            .map(|n| message(&conversation, "2020-06-01T12:00:00Z", n))
            .collect();
        Import::new(conversation, messages)
    };
    (1..=count).map(import).collect()
}

pub(super) fn invalid(n: u64) -> Import {
    let conversation = conversation(n);
    let mut long = message(&conversation, "2020-06-01T12:00:00Z", 1);
    long.content = Content::text("x".repeat(65_537));
    Import::new(conversation, vec![long])
}

fn list(store: &Store) -> Vec<Conversation> {
    let request = PageRequest::number(1, 100).unwrap();
    store.list(&Filter::all(), request).unwrap().data
}

/// The conversations as they show: with the number of their messages, all of which are inbound.
fn conversations(imports: &[Import]) -> impl Iterator<Item = Conversation> {
    imports.iter().map(|import| {
        let mut shown = import.conversation.clone();
        shown.inbound_count = import.messages.len() as u64;
        shown
    })
}

#[test]
fn importing_all_gives_the_same_as_importing_each_in_any_order() {
    let imports = imports(90);
    let (all, each) = (Inbox::new(), Inbox::new());
    let imported = all.store.import_all(imports.clone()).unwrap();
    assert_eq!(
        (imported.value, imported.commit),
        (90, Some(CommitSeq::new(1)))
    );
    assert!(imported.effect.changed && imported.effect.created && !imported.is_duplicate);
    for import in imports.iter().rev() {
        each.store.import(import.clone()).unwrap();
    }
    let mut expected: Vec<_> = conversations(&imports).collect();
    expected.sort_by_key(|row| std::cmp::Reverse((row.updated_at, row.id)));
    assert_eq!(list(&all.store), expected);
    assert_eq!(list(&each.store), expected);
    for (import, shown) in imports.iter().zip(conversations(&imports)) {
        let transcript = all.store.transcript(import.conversation.id).unwrap();
        assert_eq!(transcript.messages, import.messages);
        let found = all
            .store
            .find_conversation(&import.conversation.contact_id, import.conversation.channel);
        assert_eq!(found.unwrap(), Some(shown));
    }
    assert_eq!(all.store.commit_seq().unwrap(), CommitSeq::new(1));
    for inbox in [all, each] {
        let stats = inbox.store.stats().unwrap();
        assert_eq!((stats.conversations, stats.users), (90, 2));
        inbox.assert_sound();
    }
}

#[test]
fn importing_nothing_changes_nothing() {
    let inbox = Inbox::new();
    let imported = inbox.store.import_all([]).unwrap();
    assert_eq!(
        (imported.value, imported.commit),
        (0, Some(CommitSeq::ZERO))
    );
    assert!(!imported.effect.changed);
    assert_eq!(inbox.store.commit_seq().unwrap(), CommitSeq::ZERO);
}

#[test]
fn the_field_of_an_invalid_import_begins_with_its_index() {
    let inbox = Inbox::new();
    let mut imports = imports(12);
    imports[7] = invalid(8);
    let refused = inbox.store.import_all(imports).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert_eq!(refused.field(), Some("import[7].messages[0].content"));
    assert_eq!(
        refused.to_string(),
        "import[7].messages[0].content: must be at most 65536 bytes, and has 65537"
    );
    assert_eq!(inbox.store.commit_seq().unwrap(), CommitSeq::ZERO);
    assert!(list(&inbox.store).is_empty());
    assert!(inbox.store.assignees().unwrap().is_empty());
    inbox.assert_sound();
}

#[test]
fn two_of_one_id_or_of_one_contact_and_channel_are_rejected_and_none_is_written() {
    let one = Import::new(conversation(1), vec![]);
    let mut same_id = one.clone();
    same_id.conversation.contact_id = conversation(2).contact_id;
    let mut same_thread = one.clone();
    same_thread.conversation.id = conversation(2).id;
    for second in [one.clone(), same_id, same_thread] {
        let inbox = Inbox::new();
        let refused = inbox.store.import_all([one.clone(), second.clone()]);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert!(list(&inbox.store).is_empty());
        // So are they where the first is there already.
        inbox.store.import(one.clone()).unwrap();
        let refused = inbox.store.import_all([second]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        assert_eq!(list(&inbox.store).len(), 1);
        inbox.assert_sound();
    }
}

#[test]
fn within_a_transaction_all_show_at_once_and_none_is_left_after_an_error() {
    let inbox = Inbox::new();
    let before = inbox.conversation();
    let commit = inbox.store.commit_seq().unwrap();
    for bad in [invalid(91), Import::new(conversation(5), vec![])] {
        let failed: Result<(), Error> = inbox.store.transaction(|tx| {
            let imported = tx.import_all(imports(90))?;
            assert_eq!((imported.value, imported.effect.created), (90, true));
            assert_eq!(tx.count(&Filter::all())?, 91);
            tx.add_note(before, "loaded")?;
            tx.import_all([bad.clone()]).map(drop)
        });
        assert!(failed.is_err());
        assert_eq!(list(&inbox.store), [inbox.show(before).into_listed()]);
        assert_eq!(inbox.store.notes(before).unwrap().count(), 0);
        assert!(inbox.store.assignees().unwrap().is_empty());
        assert_eq!(inbox.store.commit_seq().unwrap(), commit);
        inbox.assert_sound();
    }
    inbox
        .store
        .transaction(|tx| tx.import_all(imports(90)).map(drop))
        .unwrap();
    assert_eq!(inbox.store.count(&Filter::all()).unwrap(), 91);
    inbox.assert_sound();
}

#[test]
fn a_rejected_load_aborts_its_transaction() {
    let inbox = Inbox::new();
    let before = (
        inbox.store.commit_seq().unwrap(),
        inbox.store.stats().unwrap().events,
    );
    let committed: Result<(), Error> = inbox.store.transaction(|tx| {
        let some = imports(90).into_iter().chain([invalid(91)]);
        let refused = tx.import_all(some).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        assert_eq!(refused.field(), Some("import[90].messages[0].content"));
        for after in [
            tx.count(&Filter::all()).map(drop),
            tx.import_all(imports(3)).map(drop),
            tx.import(imports(3).remove(0)).map(drop),
        ] {
            assert_eq!(after.unwrap_err().kind(), ErrorKind::Aborted);
        }
        Ok(())
    });
    assert_eq!(committed.unwrap_err().kind(), ErrorKind::Aborted);
    assert!(list(&inbox.store).is_empty());
    let after = (
        inbox.store.commit_seq().unwrap(),
        inbox.store.stats().unwrap().events,
    );
    assert_eq!(after, before);
    // Beside it, a single import that is rejected aborts nothing.
    inbox
        .store
        .transaction(|tx| {
            assert!(tx.import(invalid(91)).is_err());
            tx.import_all(imports(3)).map(drop)
        })
        .unwrap();
    assert_eq!(list(&inbox.store).len(), 3);
    inbox.assert_sound();
}

#[test]
fn an_invalid_import_after_the_first_commit_is_named_by_its_index_among_all() {
    let inbox = Inbox::new();
    let good = 16 * 1024 + 1;
    let bare = (1..=good).map(|n| Import::new(conversation(n), vec![]));
    let refused = inbox
        .store
        .import_all(bare.chain([invalid(good + 1)]))
        .unwrap_err();
    assert_eq!(refused.field(), Some("import[16385].messages[0].content"));
}

#[test]
fn a_load_of_many_commits_sees_the_earlier_ones() {
    let inbox = Inbox::new();
    inbox.conversation();
    let begun = inbox.store.commit_seq().unwrap();
    // More than one commit takes. The last one has the contact of the first.
    let count = 16 * 1024 + 3;
    let bare = (1..=count).map(|n| Import::new(conversation(n), vec![]));
    let mut again = conversation(count + 1);
    again.contact_id = conversation(1).contact_id;
    let refused = inbox
        .store
        .import_all(bare.clone().chain([Import::new(again, vec![])]));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let kept = inbox.store.count(&Filter::all()).unwrap();
    assert_eq!(kept, 1 + 16 * 1024, "the commit before it stays");
    assert_eq!(inbox.store.commit_seq().unwrap().get(), begun.get() + 1);
    let rest = bare.skip(16 * 1024);
    assert_eq!(inbox.store.import_all(rest).unwrap().value, 3);
    assert_eq!(inbox.store.count(&Filter::all()).unwrap(), 1 + count);
    inbox.assert_sound();
}

#[test]
fn a_transaction_loads_more_rows_than_it_gathers_at_a_time() {
    let inbox = Inbox::new();
    // Each of the first three is nearly half of what a batch holds.
    let large = |n: u64| {
        let conversation = conversation(n);
        let messages = (0..50_000)
            .map(|n| message(&conversation, "2020-06-01T12:00:00Z", n))
            .collect();
        Import::new(conversation, messages)
    };
    let imports = [
        large(1),
        large(2),
        large(3),
        Import::new(conversation(4), vec![]),
    ];
    let again: Result<(), Error> = inbox.store.transaction(|tx| {
        let again = Import::new(conversation(1), vec![]);
        tx.import_all(imports.clone().into_iter().chain([again]))
            .map(drop)
    });
    assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(inbox.store.stats().unwrap().messages, 0);
    assert_eq!(inbox.store.import_all(imports).unwrap().value, 4);
    let stats = inbox.store.stats().unwrap();
    assert_eq!((stats.conversations, stats.messages), (4, 150_000));
    inbox.assert_sound();
}

#[test]
fn a_load_takes_an_actor_and_neither_a_key_nor_preconditions() {
    let inbox = Inbox::new();
    for context in [
        Context::new().idempotency_key("k"),
        Context::new().if_assignee(None),
    ] {
        let store = inbox.store.with(context);
        let error = store.import_all(imports(3)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.field(), Some("context"));
        let error = store.transaction(|tx| tx.import_all(imports(3)));
        assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(inbox.store.commit_seq().unwrap(), CommitSeq::ZERO);
    let actor = Actor::new("migration").unwrap();
    let store = inbox.store.with(Context::new().actor(actor.clone()));
    assert_eq!(store.import_all(imports(3)).unwrap().value, 3);
    let events = store.events(EventSeq::ZERO, 9).unwrap();
    assert_eq!(events.len(), 3);
    assert!(
        events
            .iter()
            .all(|event| event.actor == Some(actor.clone()))
    );
}
