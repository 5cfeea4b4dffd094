//! What each module of the library may import of the others: a lower one never imports an upper one.
//! The core and the tables of bytes are crates of their own. The sources are read as text, without their comments.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules from the lowest on, and what each may import. Those of the API, from `execute` on, may
/// import each other.
const MODULES: &[(&str, &[&str])] = &[
    ("index", &[]),
    ("storage", &["index"]),
    ("clock", &[]),
    ("options", &["clock", "storage"]),
    ("executor", &["options", "storage"]),
    ("stats", &["executor", "storage"]),
    ("execute", &[]),
    ("transaction", &["execute", "executor", "storage"]),
    ("snapshot", &["executor", "storage"]),
    (
        "read",
        &["executor", "snapshot", "storage", "store", "transaction"],
    ),
    (
        "store",
        &[
            "execute",
            "executor",
            "options",
            "read",
            "snapshot",
            "stats",
            "storage",
            "transaction",
        ],
    ),
    ("import_lines", &["execute", "read", "store", "transaction"]),
    ("consumer", &["execute", "read", "store"]),
    (
        "testing",
        &[
            "clock", "commands", "execute", "executor", "read", "storage", "store",
        ],
    ),
    ("docs", &[]),
];

/// What a crate names in one place alone, a module or a file; nowhere without a place.
const ONE_PLACE: &[(&str, &str, Option<&str>)] = &[
    ("src", "redb::", None),
    ("src", "std::fs", None),
    ("src", "std::net", None),
    ("src", "bincode::", None),
    ("src", "Utc::now", Some("clock.rs")),
    ("src", "SystemTime::now", Some("clock.rs")),
    (KV, "std::fs", Some("disk.rs")),
    (KV, "std::net", None),
    (KV, "bincode::", None),
    (KV, "Utc::now", None),
    (KV, "SystemTime::now", None),
    (CORE, "bincode::", Some("codec.rs")),
    (CORE, "redb::", None),
    (CORE, "std::fs", None),
    (CORE, "std::net", None),
    (CORE, "std::thread", None),
    (CORE, "Utc::now", None),
    (CORE, "Instant::now", None),
    (CORE, "SystemTime::now", None),
];

const CORE: &str = "crates/convodb-core/src";
const KV: &str = "crates/convodb-kv/src";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The lines of code of every file of a folder but of its tests, each with the file's path in it.
fn lines(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let file = path.strip_prefix(folder).unwrap().to_str().unwrap();
            if path.is_dir() {
                folders.push(path);
            } else if file.ends_with(".rs") && !TESTS.iter().any(|test| file.ends_with(test)) {
                let code = fs::read_to_string(&path).unwrap();
                let code = code.lines().filter(|line| !line.trim().starts_with("//"));
                found.extend(code.map(|line| (file.to_owned(), line.to_owned())));
            }
        }
    }
    found
}

/// Files of unit tests alone.
const TESTS: &[&str] = &["tests.rs", "golden.rs"];

#[test]
fn no_module_imports_what_the_table_does_not_give_it() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (file, line) in lines(&root().join("src")) {
        if file == "lib.rs" {
            continue;
        }
        let module = file.split(['/', '.']).next().unwrap();
        let row = MODULES.iter().find(|(name, _)| *name == module);
        let (_, allowed) = row.unwrap_or_else(|| panic!("{module} is not in the table"));
        // A tree of imports, `crate::{…}`, names nothing here, and is refused.
        for import in line.split("crate::").skip(1) {
            let mut name = import.split(|c: char| !c.is_alphanumeric() && c != '_');
            let name = name.next().unwrap();
            if file == "testing.rs" && import.starts_with('*') {
                // Of the documentation's examples.
                continue;
            }
            seen += 1;
            if name != module && !allowed.contains(&name) {
                wrong.push(format!("{file} may not import: {line}"));
            }
        }
    }
    assert!(seen > 50, "imports are seen");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_clocks_and_engines_are_named_in_one_place() {
    let mut wrong = Vec::new();
    for folder in ["src", KV, CORE] {
        for (file, line) in lines(&root().join(folder)) {
            for (of, name, place) in ONE_PLACE {
                let is_place = place.is_some_and(|place| file.starts_with(place));
                if *of == folder && line.contains(name) && !is_place {
                    wrong.push(format!("{folder}/{file} may not name {name}: {line}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
