//! Saved views of convodb.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use convodb::prelude::*;
use convodb::{Attributes, Channel, Filter, Options, Priority, Sort, ViewId};

use super::{import, time};
use crate::data::Dataset;
use crate::plan::LIMIT;
use crate::views::{View, ViewPage, ViewRows, Viewer};

/// How often it is asked whether a view is complete.
const PAUSE: Duration = Duration::from_millis(1);

pub(crate) struct ConvodbViews {
    path: PathBuf,
    store: Option<Store>,
    /// In the order of [`View::ALL`].
    filters: Vec<Filter>,
}

fn definition(view: View) -> (Filter, Sort) {
    match view {
        View::Waiting => {
            let waiting = Filter::open().unassigned().waiting(true);
            (waiting, Sort::LongestWaiting)
        }
        View::Urgent => {
            let urgent = Filter::open().priority(Priority::Urgent);
            (urgent.priority(Priority::High), Sort::Priority)
        }
        View::Archive => {
            let archive = Filter::resolved().channel(Channel::Whatsapp);
            (archive.channel(Channel::Instagram), Sort::Newest)
        }
    }
}

impl ConvodbViews {
    pub(crate) fn new(at: &Path) -> Self {
        Self {
            path: at.join("views.redb"),
            store: None,
            filters: Vec::new(),
        }
    }

    fn asked(&self, view: View) -> Result<(&Store, &Filter)> {
        let store = self.store.as_ref().context("the store is closed")?;
        let filter = self.filters.get(view as usize).context("no such view")?;
        Ok((store, filter))
    }
}

impl Viewer for ConvodbViews {
    fn load(&mut self, data: &Dataset) -> Result<()> {
        let store = Options::new().open(&self.path)?;
        let mut invalid = None;
        let imports = data.conversations().map_while(|mut plain| {
            plain.messages = 0;
            let import = import(data, &plain).map(|mut import| {
                let conversation = &mut import.conversation;
                conversation.timeline.waiting_since = plain.waiting_since_us().map(time);
                let priority = plain.priority();
                if priority.is_some() {
                    let mut attributes = Attributes::default();
                    attributes.priority = priority;
                    conversation.attributes = Some(Box::new(attributes));
                }
                import
            });
            import.map_err(|error| invalid = Some(error)).ok()
        });
        store.import_all(imports)?;
        if let Some(error) = invalid {
            return Err(error.into());
        }
        for view in View::ALL {
            let id = ViewId::new(&format!("view_{}", view.name()))?;
            let (filter, sort) = definition(view);
            store.save_view(&id, view.name(), filter, sort)?;
            while store.view(&id)?.building.is_some() {
                thread::sleep(PAUSE);
            }
            self.filters.push(Filter::view(&id));
        }
        store.compact()?;
        store.close()?;
        self.store = Some(Options::new().create(false).open(&self.path)?);
        Ok(())
    }

    fn page(&mut self, view: View, number: u64) -> Result<ViewPage> {
        let (store, filter) = self.asked(view)?;
        let page = store.list(filter, (number, LIMIT))?;
        Ok(ViewPage {
            rows: ViewRows::Convodb(page.data),
            total: page.total,
        })
    }

    fn count(&mut self, view: View) -> Result<u64> {
        let (store, filter) = self.asked(view)?;
        Ok(store.count(filter)?)
    }
}
