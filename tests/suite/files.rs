//! Who may open the files of a store, which of them a process that ended leaves, and who has them.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use convodb::prelude::*;
use convodb::{Channel, ErrorKind, Inbound};

use convodb_testkit::fixture::{clock, options};
use convodb_testkit::harness::disk::{Call, Fate, Gate, Image, MemoryDisk};
use convodb_testkit::op::contact;

#[cfg(unix)]
mod access;
mod leftovers;
mod locks;
mod recovery;
mod streams;

const STORE: &str = "/inbox.redb";

fn open(disk: &MemoryDisk) -> convodb::Result<Store> {
    options(&clock()).disk(Arc::new(disk.clone())).open(STORE)
}

fn receive(store: &Store, number: u8) {
    let inbound = Inbound::text(contact(number), Channel::Whatsapp, "Hello");
    store.receive(inbound).unwrap();
}

/// Does something before each call, and lets it be done.
struct Before<F>(F);

impl<F: Fn(Call) + Send + Sync> Gate for Before<F> {
    fn before(&self, call: Call) -> Fate {
        (self.0)(call);
        Fate::Done
    }
}
