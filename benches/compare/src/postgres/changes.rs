//! The commands of the cases that write, and what they leave behind.

use std::collections::HashMap;

use convodb::Status;

use crate::data::{Dataset, Key, Rng, text};
use crate::plan::{Filter, Target};

/// So many contestants write into one database; each has conversations of its own, as has each caller.
const CLASSES: usize = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Append(String),
    Resolve,
    Reopen,
}

/// A command about a conversation.
#[derive(Clone)]
pub(crate) struct Change {
    pub(crate) number: u32,
    pub(crate) target: Target,
    pub(crate) verb: Verb,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Appends,
    /// Of each conversation in turn: it is resolved, and reopened.
    Statuses,
}

/// The conversations that were open when the inbox was made, and where all of them belong.
pub(crate) struct Inbox {
    keys: Vec<Key>,
    open: Vec<(u32, Target)>,
}

impl Inbox {
    pub(crate) fn new(data: &Dataset) -> Self {
        let keys = data.sorted_keys();
        let open = keys.iter().filter(|key| key.status == Status::Open);
        let open = open.map(|key| {
            let id = data.conversation(key.number).id;
            (key.number, Target::new(id))
        });
        Self {
            open: open.collect(),
            keys,
        }
    }
}

/// What the commands on one database have come to.
#[derive(Default)]
pub(crate) struct Ledger {
    statuses: HashMap<u32, Status>,
    appended: HashMap<u32, usize>,
}

impl Ledger {
    pub(crate) fn note(&mut self, change: &Change) {
        let status = match change.verb {
            Verb::Resolve => Status::Resolved,
            Verb::Append(_) | Verb::Reopen => Status::Open,
        };
        self.statuses.insert(change.number, status);
        if matches!(change.verb, Verb::Append(_)) {
            *self.appended.entry(change.number).or_default() += 1;
        }
    }

    /// How many conversations each filter selects now.
    pub(crate) fn totals(&self, inbox: &Inbox, filters: &[Filter]) -> Vec<u64> {
        let mut totals = vec![0; filters.len()];
        for key in &inbox.keys {
            let status = self.statuses.get(&key.number);
            let key = Key {
                status: status.copied().unwrap_or(key.status),
                ..*key
            };
            for (filter, total) in filters.iter().zip(&mut totals) {
                *total += u64::from(filter.selects(&key));
            }
        }
        totals
    }

    /// Some conversations that have got messages, and how many.
    pub(crate) fn some_appended(&self, most: usize) -> impl Iterator<Item = (u32, usize)> {
        let all = self.appended.iter().take(most);
        all.map(|(number, count)| (*number, *count))
    }
}

/// Draws commands.
pub(crate) struct Draws(Rng);

impl Draws {
    pub(crate) const fn new() -> Self {
        Self(Rng::new(11))
    }

    /// What so many callers do, each so many commands about conversations of its own.
    pub(crate) fn draw(
        &mut self,
        inbox: &Inbox,
        ledger: &Ledger,
        (what, class): (What, usize),
        (callers, each): (usize, usize),
    ) -> Vec<Vec<Change>> {
        let step = callers * CLASSES;
        let places = inbox.open.len().div_ceil(step).max(1);
        let mut commands = Vec::with_capacity(callers);
        for caller in 0..callers {
            let mut changed: HashMap<u32, Status> = HashMap::new();
            let mut own = Vec::with_capacity(each);
            for _ in 0..each {
                let nth = self.0.below(places as u64) as usize;
                let place = nth * step + class * callers + caller;
                let Some((number, target)) = inbox.open.get(place).or_else(|| {
                    // The last of the places may be behind the end.
                    inbox.open.get(class * callers + caller)
                }) else {
                    continue;
                };
                let known = changed.get(number).or_else(|| ledger.statuses.get(number));
                let verb = match (what, known.copied().unwrap_or(Status::Open)) {
                    (What::Appends, _) => Verb::Append(text(self.0.next())),
                    (What::Statuses, Status::Open) => Verb::Resolve,
                    (What::Statuses, Status::Resolved) => Verb::Reopen,
                };
                let status = match verb {
                    Verb::Resolve => Status::Resolved,
                    Verb::Append(_) | Verb::Reopen => Status::Open,
                };
                changed.insert(*number, status);
                own.push(Change {
                    number: *number,
                    target: *target,
                    verb,
                });
            }
            commands.push(own);
        }
        commands
    }
}
