//! Receipts, merged.

use convodb_core::*;

fn receipts() -> Vec<Delivery> {
    use DeliveryStatus::{Delivered, Failed, Read, Sent};
    let receipt = |status, micros, failure: Option<&str>| Delivery {
        status,
        at: time::from_micros(micros).unwrap(),
        failure: failure.map(|code| Box::new(Failure::new(code, ""))),
        played: false,
    };
    vec![
        receipt(Sent, 1, None),
        receipt(Failed, 2, None),
        receipt(Failed, 2, Some("b")),
        receipt(Failed, 2, Some("a")),
        receipt(Failed, 1, None),
        receipt(Failed, 3, Some("c")),
        receipt(Delivered, 5, None),
        receipt(Delivered, 4, None),
        receipt(Read, 9, None),
    ]
}

#[test]
fn receipts_merge_to_the_same_in_any_order_and_only_once() {
    for a in receipts() {
        for b in receipts() {
            let mut one = Deliveries::default();
            one.merge(&a);
            let changes = one.would_change(&b);
            let before = one.clone();
            one.merge(&b);
            assert_eq!(one != before, changes, "{a:?} {b:?}");
            let mut other = Deliveries::default();
            other.merge(&b);
            other.merge(&a);
            assert_eq!(one, other, "{a:?} {b:?}");
            assert!(!one.would_change(&a) && !one.would_change(&b));
        }
    }
}

#[test]
fn the_receipts_of_deliveries_report_the_same() {
    let mut merged = Deliveries::default();
    for receipt in receipts() {
        merged.merge(&receipt);
    }
    let mut again = Deliveries::default();
    for receipt in merged.receipts() {
        again.merge(&receipt);
    }
    assert_eq!(again, merged);
}
