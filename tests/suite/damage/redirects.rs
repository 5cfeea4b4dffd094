//! Redirects of removed assignees that were changed.

use convodb::prelude::*;
use convodb::testing::reassign_now;
use convodb::{AssigneeId, ErrorKind, Filter, FindingKind, PageRequest, UserId};
use convodb_core::codec::Record as _;
use convodb_core::records::{RedirectRecord, RedirectStep};

use super::{REDIRECTS, damaged_rows, open, write};

/// A redirect as it is stored: from the number of a removed owner to that of its successor.
fn redirect(from: u32, to: u32) -> (Vec<u8>, Vec<u8>) {
    let key = [&[REDIRECTS][..], &from.to_be_bytes()].concat();
    let alice = AssigneeId::new("usr_alice").unwrap();
    let record = RedirectRecord {
        removed: AssigneeId::new("usr_leaving").unwrap(),
        steps: vec![RedirectStep {
            successor: Some(alice),
            owner: to,
            at: chrono::DateTime::UNIX_EPOCH,
            actor: None,
        }],
    };
    let mut value = vec![RedirectRecord::VERSION];
    record.encode(&mut value).unwrap();
    (key, value)
}

#[test]
fn verify_names_redirects_that_lead_nowhere_or_in_a_circle_and_those_that_are_drained() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    drop(damaged_rows(&path));
    // Alice has the number 1, Billing 2, and the removed user 3.
    let (key, sound) = redirect(3, 1);
    write(&path, "catalog", &key, Some(&sound));
    let store = open(&path).unwrap();
    assert!(store.verify().unwrap().is_clean());
    let page = |store: &Store| store.list(&Filter::all(), PageRequest::default());
    let showed = page(&store).unwrap();
    let (next, of_next) = redirect(4, 1);
    store
        .save_user(&UserId::new("usr_next").unwrap(), "Next")
        .unwrap();
    store
        .remove_assignee(&AssigneeId::new("usr_next").unwrap(), None)
        .unwrap();
    store.close().unwrap();

    // To a number without an owner, to itself, and to one that leads back.
    let (_, to_next) = redirect(3, 4);
    let (_, to_itself) = redirect(3, 3);
    let (_, next_back) = redirect(4, 3);
    for (value, others) in [
        (&to_next, None),
        (&to_itself, None),
        (&to_next, Some(&next_back)),
    ] {
        write(&path, "catalog", &key, Some(value));
        write(&path, "catalog", &next, others.map(|other| &other[..]));
        let store = open(&path).unwrap();
        let report = store.verify().unwrap();
        let named: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| finding.table == "catalog" && finding.key[0] == REDIRECTS)
            .map(|finding| (finding.key.clone(), finding.kind))
            .collect();
        let mut expected = vec![(key.clone(), FindingKind::Different)];
        expected.extend(others.map(|_| (next.clone(), FindingKind::Different)));
        assert_eq!(named, expected, "{:?}", report.findings);
        let error = page(&store).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted);
        // A view that is being built meets the damage too.
        match reassign_now(&store, 100) {
            Ok(reassigned) => assert!(reassigned.is_empty()),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupted),
        }
        assert!(!store.repair().unwrap().is_clean());
        store.close().unwrap();
        write(&path, "catalog", &key, Some(&sound));
        write(&path, "catalog", &next, None);
        let store = open(&path).unwrap();
        assert!(store.repair().unwrap().is_clean());
        assert_eq!(page(&store).unwrap(), showed);
        assert_eq!(store.stats().unwrap().to_reassign, 1);
    }

    // Nothing is stored under that number.
    write(&path, "catalog", &next, Some(&of_next));
    let store = open(&path).unwrap();
    let report = store.verify().unwrap();
    let found: Vec<_> = report
        .findings
        .iter()
        .map(|one| (&one.key, one.kind))
        .collect();
    assert_eq!(found, [(&next, FindingKind::Unexpected)]);
    assert_eq!(page(&store).unwrap(), showed);
    assert!(store.repair().unwrap().is_clean());
    assert_eq!(reassign_now(&store, 100).unwrap().len(), 1);
    assert!(store.verify().unwrap().is_clean());
    store.close().unwrap();

    // Without its row the owner is unknown. A row that cannot be read is an error.
    for (value, opens) in [(None, true), (Some(&sound[..9]), false)] {
        std::fs::remove_file(&path).unwrap();
        drop(damaged_rows(&path));
        write(&path, "catalog", &key, value);
        match open(&path) {
            Ok(store) => assert!(opens && !store.verify().unwrap().is_clean()),
            Err(error) => assert_eq!((error.kind(), opens), (ErrorKind::Corrupted, false)),
        }
    }
}
