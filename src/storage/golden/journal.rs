//! The epoch record, and the journal beside the file.

use std::sync::Arc;

use convodb_core::{AssigneeId, Change, Fact};

use super::{Checked, at, hex};
use crate::kv::{Place, SystemDisk};
use crate::storage::journal::{Epoch, Journal, Payload};
use crate::storage::records::EpochV1;
use crate::storage::{Head, codec};

const EPOCH: Epoch = Epoch {
    lineage: [7; 16],
    generation: 2,
    since: 9,
    open: true,
};

#[test]
fn an_epoch_keeps_its_bytes() -> Checked {
    let epoch = EpochV1 {
        lineage: [7; 16],
        generation: 2,
        since: 9,
        open: true,
    };
    assert_eq!(
        hex(&codec::encode(b"k", &epoch)?),
        "01c761021207070707070707070707070707070707020901"
    );
    Ok(())
}

#[test]
fn a_journal_keeps_its_bytes() -> Checked {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("inbox.redb");
    let place = Place::new(Arc::new(SystemDisk), path);
    let mut payload = Payload::new();
    let change = Change {
        at: at(5),
        actor: None,
        fact: Fact::AssigneeRemoved {
            assignee: AssigneeId::new("usr_a")?,
            successor: None,
        },
    };
    assert!(payload.push(&[change.clone(), change])?);
    let head = Head {
        newest_time: at(6),
        newest_id: 8,
        ..Head::new()
    };
    let mut journal = Journal::create(&place, EPOCH)?;
    journal.append(10, payload.finish(&head))?;
    journal.sync()?;
    journal.append(11, b"second")?;
    journal.rotate(journal.next_epoch(11));
    journal.append(12, b"of the next generation")?;

    let file = place
        .beside("-journal")
        .open()?
        .ok_or("there is no journal")?;
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len)?];
    file.read_exact_at(&mut bytes, 0)?;
    assert_eq!(bytes.len(), 4_096 + 2 * 64 * 1_024);
    let (header, records) = bytes.split_at(4_096);
    let (odd, even) = records.split_at(64 * 1_024);
    let written = |bytes: &[u8]| {
        let end = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        hex(bytes.get(..end).unwrap_or_default())
    };
    assert_eq!(
        written(header),
        "636f6e766f6462206a6f75726e616c0a0100000007070707070707070707070707070707576649d4"
    );
    assert_eq!(
        written(even),
        "6a6e726c3a00000002000000000000000a0000000000000009000000000000002050e565f3be7828060000000000000008000000000000000000000000000000020000000b000000010a000c057573725f61000b000000010a000c057573725f61006a6e726c0600000002000000000000000b000000000000000a00000000000000f3be7828d36774a37365636f6e64"
    );
    assert_eq!(
        written(odd),
        "6a6e726c1600000003000000000000000c000000000000000a00000000000000be504fa939afa35b6f6620746865206e6578742067656e65726174696f6e"
    );
    Ok(())
}
