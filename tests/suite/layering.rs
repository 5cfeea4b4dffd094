//! What each module of the library may import of the others: a lower one never imports an upper one.
//! The sources are read as text, without their comments.

use std::fs;
use std::path::Path;

/// Modules from the lowest on, and what each may import.
const MODULES: &[(&str, &[&str])] = &[
    ("kv", &[]),
    ("index", &["kv"]),
    ("storage", &["index", "kv"]),
    ("writer", &["store", "storage"]),
    ("reader", &["store", "storage"]),
    ("store", &["reader", "writer", "storage"]),
    ("testing", &["store", "storage"]),
    ("fuzzing", &["storage", "index"]),
    ("docs", &[]),
];

/// What only one place may name, a module or a file.
const ONE_PLACE: &[(&str, &str)] = &[
    ("redb::", "kv"),
    ("bincode::", "storage/codec.rs"),
    ("std::fs", "kv/disk.rs"),
];

/// Tells what is wrong with the files of a folder, and answers how many imports it has seen.
fn look(folder: &Path, source: &Path, wrong: &mut Vec<String>) -> usize {
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            seen += look(&path, source, wrong);
        }
        let file = path.strip_prefix(source).unwrap().to_str().unwrap();
        if !file.ends_with(".rs") || file == "lib.rs" {
            continue;
        }
        let module = file.split(['/', '.']).next().unwrap();
        let row = MODULES.iter().find(|(name, _)| *name == module);
        let (_, allowed) = row.unwrap_or_else(|| panic!("{module} is not in the table"));
        let code = fs::read_to_string(&path).unwrap();
        for line in code.lines().filter(|line| !line.trim().starts_with("//")) {
            // A tree of imports, `crate::{…}`, names nothing here, and is refused.
            for import in line.split("crate::").skip(1) {
                let name = import.split(|c: char| !c.is_alphanumeric() && c != '_');
                let name = name.into_iter().next().unwrap();
                seen += 1;
                if name != module && !allowed.contains(&name) {
                    wrong.push(format!("{file} may not import: {line}"));
                }
            }
            for (name, place) in ONE_PLACE {
                if line.contains(name) && !file.starts_with(place) {
                    wrong.push(format!("{file} may not name {name}: {line}"));
                }
            }
        }
    }
    seen
}

#[test]
fn no_module_imports_what_the_table_does_not_give_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    let mut wrong = Vec::new();
    assert!(look(&source, &source, &mut wrong) > 100, "imports are seen");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
