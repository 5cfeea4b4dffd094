//! How many conversations have each tag.

use std::collections::BTreeMap;

use convodb_core::Conversation;

use crate::session::Statement;

/// What changes of the counts, by what tags are compared by. Beside each, its spelling where it is new.
#[derive(Debug, Default)]
pub(crate) struct TagEdits(BTreeMap<String, (i64, String)>);

impl TagEdits {
    pub(crate) fn add(&mut self, conversation: &Conversation, by: i64) {
        let tags = conversation.attributes.iter();
        for (folded, tag) in tags.flat_map(|it| it.tags.folded()) {
            let edit = self.0.entry(folded).or_insert_with(|| (0, tag.to_owned()));
            edit.0 += by;
        }
    }

    /// The counts by their keys.
    pub(crate) fn counted(&self) -> BTreeMap<Vec<u8>, i64> {
        let counts = self.0.iter();
        counts
            .map(|(folded, (by, _))| (folded.clone().into_bytes(), *by))
            .collect()
    }

    /// Writes the counts, in the order of the tags, so that two commits cannot wait for one another.
    pub(crate) fn write(&mut self, ws: i32, statements: &mut Vec<Statement>) {
        let edits = std::mem::take(&mut self.0).into_iter();
        let edits = edits.filter(|(_, (by, _))| *by != 0);
        let (mut keys, mut tags, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        for (folded, (by, tag)) in edits {
            keys.push(folded.into_bytes());
            tags.push(tag.into_bytes());
            counts.push(by);
        }
        if keys.is_empty() {
            return;
        }
        let sql = "INSERT INTO convodb.tag (ws, key, tag, count) \
                   SELECT $1, u.* FROM unnest($2::bytea[], $3::bytea[], $4::bigint[]) AS u(key, tag, count) \
                   ON CONFLICT (ws, key) DO UPDATE SET count = tag.count + excluded.count";
        let add = Statement::new(sql).bind(ws);
        statements.push(add.bind(keys.clone()).bind(tags).bind(counts));
        let sql = "DELETE FROM convodb.tag WHERE ws = $1 AND key = ANY($2) AND count = 0";
        statements.push(Statement::new(sql).bind(ws).bind(keys));
    }
}
