//! The table of rooms, and the sources held against it.

use std::fs;
use std::path::{Path, PathBuf};

use super::paths::names;

/// A room, the rooms that it may import, and the other crates that it may name; where the second
/// list is missing, any but those of [`ONE_ROOM_ONLY`].
type Room = (
    &'static str,
    &'static [&'static str],
    Option<&'static [&'static str]>,
);

const ROOMS: &[Room] = &[
    ("store", &["reader", "writer", "storage"], None),
    ("reader", &["store", "writer", "storage"], None),
    ("writer", &["store", "reader", "storage"], None),
    ("storage", &["index", "kv"], None),
    ("index", &["kv"], Some(&["convodb_core", "siphasher"])),
    ("kv", &[], Some(&["convodb_core", "redb"])),
    ("testing", &["store", "storage"], None),
    // Beside the rooms: documents without code, and the fuzz targets' way in.
    ("docs", &[], Some(&[])),
    ("fuzzing", &["storage", "index"], Some(&[])),
];

/// Crates that must be replaceable: the one place that names each, a file or a folder.
const ONE_ROOM_ONLY: &[(&str, &[&str])] = &[
    ("redb", &["kv.rs", "kv/"]),
    ("bincode", &["storage/codec.rs"]),
    // Of the command line tool: the library is built without them.
    ("clap", &["bin/"]),
    ("clap_complete", &["bin/"]),
    ("comfy_table", &["bin/"]),
    ("ctrlc", &["bin/"]),
    ("indicatif", &["bin/"]),
    ("plotters", &["bin/"]),
    ("serde_json", &["bin/"]),
];

/// The one file of the library that reaches the file system: all else asks a disk, which a test can
/// replace.
const FILE_SYSTEM: &str = "kv/disk.rs";

/// What is wrong with a file of `src`, told by its path there.
fn findings(file: &str, source: &str, crates: &[String]) -> Vec<String> {
    let module = module_of(file);
    let names = names(source, &module, &[crates, &["std".to_owned()]].concat());
    let mut findings = Vec::new();
    if names.words.iter().any(|word| word == "unsafe") {
        findings.push(format!("{file} is unsafe"));
    }
    for path in &names.paths {
        let written = path.join("::");
        let first = path[0].as_str();
        let is_librarys = !file.starts_with("bin/") && file != FILE_SYSTEM;
        if first == "std" && path.get(1).is_some_and(|of| of == "fs") && is_librarys {
            findings.push(format!("{file} names {written}, past the disk"));
        }
        let place = ONE_ROOM_ONLY.iter().find(|(name, _)| *name == first);
        if place.is_some_and(|(_, allowed)| !allowed.iter().any(|at| is_at(file, at))) {
            findings.push(format!("{file} names {written}, which only one place may"));
        }
    }
    // What a program of the package says `crate::` of is its own.
    if file.starts_with("bin/") || file == "lib.rs" {
        return findings;
    }
    let Some((room, rooms, others)) = ROOMS.iter().find(|(room, ..)| *room == module[0]) else {
        findings.push(format!("{file} is in a room that the table does not have"));
        return findings;
    };
    for path in &names.paths {
        let written = path.join("::");
        let is_allowed = match path[0].as_str() {
            "crate" => path
                .get(1)
                .is_some_and(|to| to == room || rooms.contains(&to.as_str())),
            "std" => true,
            other => others.is_none_or(|others| others.contains(&other)),
        };
        if !is_allowed {
            findings.push(format!("{file} names {written}, which {room} may not"));
        }
    }
    findings
}

fn is_at(file: &str, place: &str) -> bool {
    match place.strip_suffix('/') {
        Some(_) => file.starts_with(place),
        None => file == place,
    }
}

/// `storage/keys.rs` is `storage::keys`, and so is `storage/keys/mod.rs`.
fn module_of(file: &str) -> Vec<&str> {
    let path = file.strip_suffix(".rs").expect("a source file");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    match path {
        "lib" => Vec::new(),
        path => path.split('/').collect(),
    }
}

fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The crates that the library depends on, as paths name them.
fn dependencies() -> Vec<String> {
    let manifest = fs::read_to_string(package().join("Cargo.toml")).unwrap();
    let mut section = "";
    let mut names = Vec::new();
    for line in manifest.lines() {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
            if let Some(name) = section.strip_prefix("dependencies.") {
                names.push(name.replace('-', "_"));
            }
        } else if section == "dependencies"
            && let Some((name, _)) = line.split_once('=')
            && !line.starts_with('#')
        {
            names.push(name.trim().replace('-', "_"));
        }
    }
    names
}

/// Every source file, told by its path below `src`.
fn sources() -> Vec<(String, String)> {
    fn collect(directory: &Path, prefix: &str, sources: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                collect(&path, &format!("{prefix}{name}/"), sources);
            } else if name.ends_with(".rs") {
                let source = fs::read_to_string(&path).unwrap();
                sources.push((format!("{prefix}{name}"), source));
            }
        }
    }
    let mut sources = Vec::new();
    collect(&package().join("src"), "", &mut sources);
    sources.sort_unstable();
    sources
}

#[test]
fn no_room_imports_what_the_table_does_not_give_it() {
    let (sources, crates) = (sources(), dependencies());
    for name in ["redb", "bincode", "serde", "ulid", "chrono"] {
        assert!(crates.iter().any(|one| one == name), "{name}: {crates:?}");
    }
    for (room, ..) in ROOMS {
        let file = format!("{room}.rs");
        assert!(sources.iter().any(|(name, _)| *name == file), "{file}");
    }
    let findings: Vec<_> = sources
        .iter()
        .flat_map(|(file, source)| findings(file, source, &crates))
        .collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn the_sources_are_read_and_their_imports_found() {
    // Were nothing found, nothing could be wrong.
    let (sources, crates) = (sources(), dependencies());
    let named = |file: &str, wanted: &str| {
        let (_, source) = sources.iter().find(|(name, _)| name == file).unwrap();
        let paths = names(source, &module_of(file), &crates).paths;
        let found = paths.iter().any(|path| path.join("::").starts_with(wanted));
        assert!(found, "{file} names {wanted}: {paths:?}");
    };
    named("kv.rs", "redb::");
    named("storage/codec.rs", "bincode::");
    named("storage/codec.rs", "crate::kv::Table");
    named("writer.rs", "ulid::Ulid");
    named("store.rs", "crate::writer::Transaction");
    named("storage/lists.rs", "crate::storage::keys");
}

/// The checker reports exactly this of a made-up file.
fn assert_reported(file: &str, source: &str, reported: &[&str]) {
    let found = findings(file, source, &dependencies());
    assert_eq!(found, reported, "{file}: {source}");
}

#[test]
fn an_offending_source_is_reported() {
    assert_reported(
        "kv/new.rs",
        "use crate::storage::{keys, Reader};",
        &[
            "kv/new.rs names crate::storage::keys, which kv may not",
            "kv/new.rs names crate::storage::Reader, which kv may not",
        ],
    );
    assert_reported(
        "index/deep/new.rs",
        "fn a() { super::super::super::store::open() }",
        &["index/deep/new.rs names crate::store::open, which index may not"],
    );
    assert_reported(
        "kv/new.rs",
        "use std::fmt; use convodb_core::Error; struct A(crc32fast::Hasher);",
        &["kv/new.rs names crc32fast::Hasher, which kv may not"],
    );
    assert_reported(
        "index/counted.rs",
        "use crate::{kv::Table, storage::Head};",
        &["index/counted.rs names crate::storage::Head, which index may not"],
    );
    assert_reported(
        "kv/new.rs",
        "use crate::Error; use super::super::*; use super::Table;",
        &[
            "kv/new.rs names crate::Error, which kv may not",
            "kv/new.rs names crate::*, which kv may not",
        ],
    );
    assert_reported(
        "kv.rs",
        "mod a { use super::super::storage::keys; } use redb::Database; use crate::kv::a;",
        &["kv.rs names crate::storage::keys, which kv may not"],
    );
    assert_reported(
        "testing.rs",
        "use crate::store::Clock; use crate::writer::Transaction;",
        &["testing.rs names crate::writer::Transaction, which testing may not"],
    );
    assert_reported(
        "journal.rs",
        "",
        &["journal.rs is in a room that the table does not have"],
    );
}

#[test]
fn redb_and_bincode_are_reported_outside_their_rooms_and_unsafe_everywhere() {
    assert_reported(
        "storage/verify.rs",
        "type A = redb::ReadOnlyTable<u8, u8>;",
        &["storage/verify.rs names redb::ReadOnlyTable, which only one place may"],
    );
    assert_reported(
        "storage/records.rs",
        "use bincode::{self, config};",
        &[
            "storage/records.rs names bincode, which only one place may",
            "storage/records.rs names bincode::config, which only one place may",
        ],
    );
    assert_reported("storage/codec.rs", "use bincode::config;", &[]);
    assert_reported("kv/file.rs", "use redb::Builder;", &[]);
    assert_reported(
        "lib.rs",
        "pub use redb::Database;",
        &["lib.rs names redb::Database, which only one place may"],
    );
    assert_reported(
        "bin/convodb/main.rs",
        "use crate::commands; use convodb::Store; use redb::Database;",
        &["bin/convodb/main.rs names redb::Database, which only one place may"],
    );
    assert_reported(
        "storage/lists.rs",
        "fn a() { serde_json::to_string(b) }",
        &["storage/lists.rs names serde_json::to_string, which only one place may"],
    );
    assert_reported(
        "storage/keys.rs",
        "fn a() { unsafe { b() } }",
        &["storage/keys.rs is unsafe"],
    );
}

#[test]
fn the_file_system_is_reported_outside_the_disk() {
    assert_reported(
        "storage/engine.rs",
        "use std::{fs, io}; fn a() { std::fs::File::open(b) }",
        &[
            "storage/engine.rs names std::fs, past the disk",
            "storage/engine.rs names std::fs::File::open, past the disk",
        ],
    );
    assert_reported("kv/disk.rs", "use std::fs::File;", &[]);
    assert_reported("bin/convodb/opening.rs", "use std::fs;", &[]);
    assert_reported("kv/file.rs", "use std::path::Path;", &[]);
}

#[test]
fn what_a_comment_or_a_string_says_is_not_reported() {
    assert_reported(
        "kv/new.rs",
        r##"
        //! As [`crate::Error`], never `redb`; see [`Store`](crate::store::Store).
        /* unsafe { crate::kv::open() } */
        /// [`Corrupted`](crate::ErrorKind::Corrupted)
        #[doc = "crate::storage::Reader"]
        pub(crate) fn a<'redb>(b: &'redb str) -> &'redb str { r#"unsafe { redb::x() }"# }
        "##,
        &[],
    );
}
