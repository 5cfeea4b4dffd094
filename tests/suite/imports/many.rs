//! Many conversations at once: `import_all`, of a store and of a transaction.

use convodb::{
    Assignee, AssigneeId, Channel, Content, Conversation, Error, ErrorKind, Filter, Import,
    PageRequest, Store,
};

use super::single::{conversation, message};
use crate::rules::inbox::{Inbox, time};

/// Conversations of all kinds, the later ones not always active later.
fn imports(count: u64) -> Vec<Import> {
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

fn invalid(n: u64) -> Import {
    let conversation = conversation(n);
    let mut blank = message(&conversation, "2020-06-01T12:00:00Z", 1);
    blank.content = Content::text(" ");
    Import::new(conversation, vec![blank])
}

fn list(store: &Store) -> Vec<Conversation> {
    let request = PageRequest::new(1, 100).unwrap();
    store.list(&Filter::all(), request).unwrap().data
}

/// As they are shown: with the number of their messages, which all are inbound.
fn conversations(imports: &[Import]) -> impl Iterator<Item = Conversation> {
    imports.iter().map(|import| {
        let mut shown = import.conversation.clone();
        shown.inbound_count = import.messages.len() as u64;
        shown
    })
}

#[test]
fn importing_all_comes_to_the_same_as_importing_each_in_any_order() {
    let imports = imports(90);
    let (all, each) = (Inbox::new(), Inbox::new());
    assert_eq!(all.store.import_all(imports.clone()).unwrap(), 90);
    for import in imports.iter().rev() {
        each.store.import(import.clone()).unwrap();
    }
    let mut expected: Vec<_> = conversations(&imports).collect();
    expected.sort_by_key(|row| std::cmp::Reverse((row.updated_at, row.id)));
    assert_eq!(list(&all.store), expected);
    assert_eq!(list(&each.store), expected);
    for (import, shown) in imports.iter().zip(conversations(&imports)) {
        let thread = all.store.get(import.conversation.id).unwrap();
        assert_eq!(thread.messages, import.messages);
        let found = all
            .store
            .find(&import.conversation.contact_id, import.conversation.channel);
        assert_eq!(found.unwrap(), Some(shown));
    }
    assert_eq!(all.store.sequence().unwrap(), 1, "one commit held them");
    for inbox in [all, each] {
        let stats = inbox.store.stats().unwrap();
        assert_eq!((stats.conversations, stats.users), (90, 2));
        inbox.assert_sound();
    }
}

#[test]
fn importing_nothing_changes_nothing() {
    let inbox = Inbox::new();
    assert_eq!(inbox.store.import_all([]).unwrap(), 0);
    assert_eq!(inbox.store.sequence().unwrap(), 0);
}

#[test]
fn the_field_of_an_invalid_one_begins_with_its_place() {
    let inbox = Inbox::new();
    let mut imports = imports(12);
    imports[7] = invalid(8);
    let refused = inbox.store.import_all(imports).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert_eq!(refused.field(), Some("import[7].messages[0].content"));
    assert_eq!(
        refused.to_string(),
        "import[7].messages[0].content: must not be empty or only white space"
    );
    assert_eq!(inbox.store.sequence().unwrap(), 0);
    assert!(list(&inbox.store).is_empty());
    assert!(inbox.store.assignees().unwrap().is_empty());
    inbox.assert_sound();
}

#[test]
fn two_of_one_id_or_of_one_thread_are_a_conflict_and_none_is_written() {
    let one = Import::new(conversation(1), vec![]);
    let mut same_id = one.clone();
    same_id.conversation.contact_id = conversation(2).contact_id;
    let mut same_thread = one.clone();
    same_thread.conversation.id = conversation(2).id;
    for second in [one.clone(), same_id, same_thread] {
        let inbox = Inbox::new();
        let refused = inbox.store.import_all([one.clone(), second.clone()]);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
        assert!(list(&inbox.store).is_empty());
        // So are they where the first is there already.
        inbox.store.import(one.clone()).unwrap();
        let refused = inbox.store.import_all([second]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict);
        assert_eq!(list(&inbox.store).len(), 1);
        inbox.assert_sound();
    }
}

#[test]
fn within_a_transaction_all_are_seen_at_once_and_none_is_left_after_an_error() {
    let inbox = Inbox::new();
    let before = inbox.conversation();
    let sequence = inbox.store.sequence().unwrap();
    for bad in [invalid(91), Import::new(conversation(5), vec![])] {
        let failed: Result<(), Error> = inbox.store.transaction(|tx| {
            let imported = tx.import_all(imports(90))?;
            assert_eq!((imported.value, imported.created), (90, true));
            assert_eq!(tx.count(&Filter::all())?, 91);
            tx.add_note(before, "loaded")?;
            tx.import_all([bad.clone()]).map(drop)
        });
        assert!(failed.is_err());
        assert_eq!(list(&inbox.store), [inbox.show(before)]);
        assert_eq!(inbox.store.notes(before).unwrap().count(), 0);
        assert!(inbox.store.assignees().unwrap().is_empty());
        assert_eq!(inbox.store.sequence().unwrap(), sequence);
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
fn a_transaction_that_goes_on_after_a_refused_one_has_nothing_of_what_was_gathered_before_it() {
    let inbox = Inbox::new();
    let events = inbox.store.stats().unwrap().events;
    inbox
        .store
        .transaction(|tx| {
            let some = imports(90).into_iter().chain([invalid(91)]);
            let refused = tx.import_all(some).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Invalid);
            assert_eq!(tx.count(&Filter::all())?, 0);
            // The same conversations are no conflict.
            tx.import_all(imports(3)).map(drop)
        })
        .unwrap();
    assert_eq!(list(&inbox.store).len(), 3);
    assert_eq!(inbox.store.stats().unwrap().events, events + 3);
    inbox.assert_sound();
}

#[test]
fn an_invalid_one_behind_the_first_commit_is_named_by_its_place_among_all() {
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
fn a_load_of_many_commits_sees_what_the_earlier_ones_wrote() {
    let inbox = Inbox::new();
    // More than one commit takes, the last of them of the first's thread.
    let count = 16 * 1024 + 3;
    let bare = (1..=count).map(|n| Import::new(conversation(n), vec![]));
    let mut again = conversation(count + 1);
    again.contact_id = conversation(1).contact_id;
    let refused = inbox
        .store
        .import_all(bare.clone().chain([Import::new(again, vec![])]));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
    let kept = inbox.store.count(&Filter::all()).unwrap();
    assert_eq!(kept, 16 * 1024, "the transaction before it stays");
    assert_eq!(inbox.store.sequence().unwrap(), 1);
    let rest = bare.skip(16 * 1024);
    assert_eq!(inbox.store.import_all(rest).unwrap(), 3);
    assert_eq!(inbox.store.count(&Filter::all()).unwrap(), count);
    inbox.assert_sound();
}

#[test]
fn a_transaction_loads_more_rows_than_it_gathers_at_a_time() {
    let inbox = Inbox::new();
    // Each of the first three is nearly half of what is gathered before it is written.
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
    assert_eq!(again.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(inbox.store.stats().unwrap().messages, 0);
    assert_eq!(inbox.store.import_all(imports).unwrap(), 4);
    let stats = inbox.store.stats().unwrap();
    assert_eq!((stats.conversations, stats.messages), (4, 150_000));
    inbox.assert_sound();
}
