//! A state, opened and looked at.

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;

use convodb::testing::ManualClock;
use convodb::{Error, Read as _, Store};

use super::claims::Claims;
use super::states::Crash;
use crate::fixture::{clock, options};
use crate::harness::contents::Contents;
use crate::harness::disk::MemoryDisk;
use crate::harness::report::{Breach, Report};

/// What is wrong with a store.
type Finding = (Breach, String);

/// Opens the store of a state and holds it against what is claimed there.
pub fn check(crash: &Crash, claims: &Claims, origin: &str, report: &mut Report) {
    let looked = panic::catch_unwind(AssertUnwindSafe(|| look(crash, claims)));
    let found = match looked {
        Ok(Ok(())) => return,
        Ok(Err(finding)) => finding,
        Err(_) => (Breach::Panicked, "while it was looked at".to_owned()),
    };
    let (breach, what) = found;
    report.found(breach, || format!("{what}\n  of {origin}, {crash}"));
}

fn look(crash: &Crash, claims: &Claims) -> Result<(), Finding> {
    let disk = MemoryDisk::of(crash.image.clone());
    let known = claims.known(crash.at);
    if known.is_some() && crash.image.read(super::path()).is_none() {
        return Err((Breach::Lost, "the file itself".to_owned()));
    }
    let (store, clock) = open(&disk, super::path(), known.is_none())?;
    let commit = store.commit_seq().map_err(|error| torn(&error))?;
    let sequence = commit.get();
    if known.is_some_and(|known| sequence < known) {
        let what = format!("{known:?} was known, and {sequence} is there");
        return Err((Breach::Lost, what));
    }
    let most = claims.most(crash.at);
    if sequence > most {
        let what = format!("{most} was begun, and {sequence} is there");
        return Err((Breach::Torn, what));
    }
    let Some(expected) = claims.contents(crash.at, sequence) else {
        return Err((
            Breach::Torn,
            format!("no reader reported commit {sequence}"),
        ));
    };
    compare(&store, &clock, expected)?;
    build(&store, expected)?;
    drop(store);
    for (copy, is_done) in claims.copies(crash.at) {
        if crash.image.read(&copy.path).is_some() {
            let (store, clock) = open(&disk, &copy.path, false)?;
            compare(&store, &clock, &copy.contents)?;
        } else if is_done {
            return Err((Breach::Lost, format!("the copy {}", copy.path.display())));
        }
    }
    Ok(())
}

fn open(disk: &MemoryDisk, path: &Path, create: bool) -> Result<(Store, ManualClock), Finding> {
    let clock = clock();
    let opened = options(&clock)
        .disk(Arc::new(disk.clone()))
        .create(create)
        .open(path);
    let store = opened.map_err(|error| (Breach::Unopened, format!("{error:?}")))?;
    Ok((store, clock))
}

fn torn(error: &Error) -> Finding {
    (Breach::Torn, format!("{error:?}"))
}

/// What was being built when it crashed is built to its end.
fn build(store: &Store, expected: &Contents) -> Result<(), Finding> {
    let built = expected.difference_of_built(store);
    if let Some(difference) = built.map_err(|error| torn(&error))? {
        return Err((Breach::Torn, difference));
    }
    let report = store.verify().map_err(|error| torn(&error))?;
    match report.is_clean() {
        true => Ok(()),
        false => Err((Breach::Torn, format!("{:?}", report.findings))),
    }
}

fn compare(store: &Store, clock: &ManualClock, expected: &Contents) -> Result<(), Finding> {
    let contents = Contents::of_store(store, clock).map_err(|error| torn(&error))?;
    if let Some(difference) = contents.difference(expected) {
        return Err((Breach::Torn, difference));
    }
    let report = store.verify().map_err(|error| torn(&error))?;
    if !report.is_clean() {
        return Err((Breach::Torn, format!("{:?}", report.findings)));
    }
    Ok(())
}
