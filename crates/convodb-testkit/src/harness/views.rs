//! Views of a store that builds them in the background.

use std::thread;
use std::time::{Duration, Instant};

use convodb::prelude::*;
use convodb::{Conversation, ConversationId, Error, ErrorKind, Filter, Result, Sort, View};

use super::contents::rows;
use super::report::{Breach, Report};
use crate::probe;
use crate::views::view_id;

/// No list of a harness takes longer to be built.
const BOUND: Duration = Duration::from_secs(60);
/// How often it is looked at whether all are.
const LOOK: Duration = Duration::from_millis(5);

/// Saves a view of each kind; each of these times, one that has another list than before.
pub fn save(store: &Store, time: u64) -> Result<()> {
    let has_odd_list = !time.is_multiple_of(2);
    let waiting = Filter::open().waiting(has_odd_list);
    store.save_view(&view_id(0), "Waiting", waiting, Sort::LongestWaiting)?;
    let sort = if has_odd_list {
        Sort::EarliestActivity
    } else {
        Sort::Oldest
    };
    store.save_view(&view_id(1), "Everything", Filter::all(), sort)?;
    Ok(())
}

/// Waits until every view is built, and holds each against all conversations.
pub fn check(store: &Store, report: &mut Report) {
    let begun = Instant::now();
    loop {
        let views = match store.views() {
            Ok(views) => views,
            Err(error) => return report.found(Breach::Failed, || format!("{error:?}")),
        };
        if views.iter().all(|view| view.building.is_none()) {
            break;
        }
        if begun.elapsed() > BOUND {
            return report.found(Breach::Hung, || format!("{views:?}"));
        }
        thread::sleep(LOOK);
    }
    match difference(store) {
        Ok(None) => {}
        Ok(Some(what)) => report.found(Breach::Torn, || what),
        Err(error) => report.found(Breach::Failed, || format!("{error:?}")),
    }
}

/// Which view is not what its filter selects, in its order; nothing where all are, or are being built.
fn difference(store: &Store) -> Result<Option<String>> {
    let all = rows(store, &Filter::all())?;
    for view in store.views()? {
        let expected = expected(&view, &all);
        let got = match rows(store, &Filter::view(&view.id)) {
            Err(error) if error.kind() == ErrorKind::Building => continue,
            got => got?,
        };
        let ids = |rows: &[Conversation]| rows.iter().map(|row| row.id).collect::<Vec<_>>();
        if got != expected {
            let (got, expected): (Vec<ConversationId>, _) = (ids(&got), ids(&expected));
            return Ok(Some(format!(
                "{view:?} has {got:?} instead of {expected:?}"
            )));
        }
    }
    Ok::<_, Error>(None)
}

fn expected(view: &View, all: &[Conversation]) -> Vec<Conversation> {
    let selected = all.iter().filter(|row| view.filter.selects(row));
    let mut expected: Vec<_> = selected.cloned().collect();
    expected.sort_by(|one, other| probe::compare(view.sort, one, other));
    expected
}
