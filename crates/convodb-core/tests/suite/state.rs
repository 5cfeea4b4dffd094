//! The identity map.

use convodb_core::*;

#[test]
fn a_difference_spans_all_changes_since_the_last_one() {
    let mut entities = Entities::<u8, &str>::default();
    entities.insert(1, Some("a"));
    entities.insert(2, None);
    assert!(entities.take_differences().is_empty());
    entities.put(1, Some("b"));
    entities.put(2, Some("x"));
    assert!(entities.update(&1, |entity| *entity = "c"));
    assert!(!entities.update(&3, |_| ()), "it was not loaded");
    let differences = entities.take_differences();
    let shown: Vec<_> = differences
        .iter()
        .map(|one| (one.key, one.before, one.after))
        .collect();
    assert_eq!(shown, [(1, Some("a"), Some("c")), (2, None, Some("x"))]);
    entities.put(1, None);
    let again = entities.take_differences();
    assert_eq!((again[0].before, again[0].after), (Some("c"), None));
    assert_eq!(entities.get(&1), Some(None));
}

#[test]
fn what_is_stored_otherwise_than_it_shows_is_written_from_what_is_stored() {
    let mut entities = Entities::<u8, &str>::default();
    entities.insert_as(1, "stored", "shown");
    assert_eq!(entities.get(&1), Some(Some(&"shown")));
    entities.show_stored(&1);
    assert_eq!(entities.get(&1), Some(Some(&"stored")));
    entities.put(1, Some("after"));
    entities.show_stored(&1);
    let differences = entities.take_differences();
    let difference = &differences[0];
    assert_eq!(
        (difference.before, difference.after),
        (Some("stored"), Some("after"))
    );
}
