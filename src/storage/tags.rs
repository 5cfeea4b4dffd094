//! How many conversations have each tag.

use std::collections::BTreeMap;

use convodb_core::records::TagRecord;
use convodb_core::{Conversation, Error, Result, TagCount};

use super::kinds::TAGS;
use convodb_kv::{Read, WriteTables};

/// What changes of the counts, by what tags are compared by. Beside each, its spelling where it is new.
#[derive(Debug, Default)]
pub(super) struct TagEdits(BTreeMap<String, (i64, String)>);

impl TagEdits {
    pub(super) fn add(&mut self, conversation: &Conversation) {
        self.count(conversation, 1);
    }

    pub(super) fn remove(&mut self, conversation: &Conversation) {
        self.count(conversation, -1);
    }

    fn count(&mut self, conversation: &Conversation, by: i64) {
        for (folded, tag) in conversation
            .attributes
            .iter()
            .flat_map(|it| it.tags.folded())
        {
            let edit = self.0.entry(folded).or_insert_with(|| (0, tag.to_owned()));
            edit.0 += by;
        }
    }

    pub(super) fn write(&mut self, rows: &mut WriteTables<'_>) -> Result<()> {
        for (folded, (by, tag)) in std::mem::take(&mut self.0) {
            if by == 0 {
                continue;
            }
            let known = TAGS.get(rows, &folded)?;
            let mut record = known.unwrap_or(TagRecord { count: 0, tag });
            record.count = record
                .count
                .checked_add_signed(by)
                .ok_or_else(|| Error::corrupted("fewer conversations than none have a tag"))?;
            match record.count {
                0 => TAGS.remove(rows, &folded)?,
                _ => TAGS.put(rows, &folded, &record)?,
            }
        }
        Ok(())
    }

    /// Whether a row says what was counted.
    pub(super) fn has(&self, folded: &str, record: &TagRecord) -> bool {
        let counted = self.0.get(folded);
        counted.is_some_and(|(count, _)| count.cast_unsigned() == record.count)
    }

    /// The keys of what was counted.
    pub(super) fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }
}

/// The tags in use, in the order of what they are compared by. O(these).
pub(super) fn all(rows: &impl Read) -> Result<Vec<TagCount>> {
    let tags = TAGS.all(rows)?;
    tags.map(|row| row.map(|(_, record)| TagCount::new(record.tag, record.count)))
        .collect()
}
