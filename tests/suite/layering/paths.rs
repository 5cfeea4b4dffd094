//! The paths that a source names, as the compiler would resolve them.

use super::tokens::{Token, tokens};

/// A path from its root: `crate` and the modules below it, or another crate's name.
pub(super) type Path = Vec<String>;

/// What one file names.
pub(super) struct Names {
    /// Every path that begins at a root of its own: `crate::`, `super::`, another crate's.
    pub(super) paths: Vec<Path>,
    /// Every word, for those that are keywords.
    pub(super) words: Vec<String>,
}

/// Reads a file's source. The module is the path of the file's own, below `crate`; the crates are
/// the names of other crates that a path may begin with.
pub(super) fn names(source: &str, module: &[&str], crates: &[String]) -> Names {
    let mut reader = Reader {
        tokens: tokens(source),
        at: 0,
        modules: vec![module.iter().map(|part| (*part).to_owned()).collect()],
        depths: Vec::new(),
        depth: 0,
        crates,
        paths: Vec::new(),
    };
    let words = reader.tokens.iter().filter_map(|token| match token {
        Token::Word(word) => Some(word.clone()),
        _ => None,
    });
    let words = words.collect();
    while reader.at < reader.tokens.len() {
        reader.read();
    }
    Names {
        paths: reader.paths,
        words,
    }
}

struct Reader<'a> {
    tokens: Vec<Token>,
    at: usize,
    /// The module that the reader is in, and those around it.
    modules: Vec<Path>,
    /// The depth of braces at which each inner module began.
    depths: Vec<usize>,
    depth: usize,
    crates: &'a [String],
    paths: Vec<Path>,
}

impl Reader<'_> {
    fn token(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead)
    }

    fn word(&self, ahead: usize) -> Option<String> {
        match self.token(ahead) {
            Some(Token::Word(word)) => Some(word.clone()),
            _ => None,
        }
    }

    fn is_mark(&self, ahead: usize, mark: char) -> bool {
        self.token(ahead) == Some(&Token::Mark(mark))
    }

    fn follows_path_separator(&self) -> bool {
        self.at > 0 && self.tokens[self.at - 1] == Token::PathSeparator
    }

    fn read(&mut self) {
        match self.token(0) {
            Some(Token::Mark('{')) => self.depth += 1,
            Some(Token::Mark('}')) => {
                self.depth -= 1;
                if self.depths.last() == Some(&self.depth) {
                    self.depths.pop();
                    self.modules.pop();
                }
            }
            Some(Token::Word(word)) => {
                let word = word.clone();
                return self.read_word(&word);
            }
            _ => {}
        }
        self.at += 1;
    }

    fn read_word(&mut self, word: &str) {
        match word {
            "use" => {
                self.at += 1;
                self.read_tree(Vec::new());
            }
            // `pub(crate)`, `pub(super)` and `pub(in super::super)` name who may see, not what is
            // seen.
            "pub" if self.is_mark(1, '(') => {
                while !self.is_mark(0, ')') {
                    self.at += 1;
                }
            }
            "mod" if self.is_mark(2, '{') => {
                let name = self.word(1).expect("a module's name");
                let inner = [self.module(), &[name]].concat();
                self.modules.push(inner);
                self.depths.push(self.depth);
                self.depth += 1;
                self.at += 3;
            }
            "extern" if self.token(1).is_some_and(|next| next.is("crate")) => {
                let name = self.word(2).expect("a crate's name");
                self.paths.push(vec![name]);
                self.at += 3;
            }
            _ => self.read_path(),
        }
    }

    /// A path in an expression, a type or an attribute.
    fn read_path(&mut self) {
        let is_root = !self.follows_path_separator() || !self.is_within_a_path();
        let mut path = vec![self.word(0).expect("a word")];
        self.at += 1;
        while self.token(0) == Some(&Token::PathSeparator) {
            let Some(part) = self.word(1) else {
                break;
            };
            path.push(part);
            self.at += 2;
        }
        if is_root && path.len() > 1 {
            self.add(path);
        }
    }

    /// Whether the `::` before the reader joins to something: `a::b`, but not `(::b`.
    fn is_within_a_path(&self) -> bool {
        self.at > 1 && matches!(self.tokens[self.at - 2], Token::Word(_) | Token::Mark('>'))
    }

    /// What stands behind `use`: a path, a glob, or a group of them, nested as they come.
    fn read_tree(&mut self, prefix: Path) {
        let mut path = prefix;
        loop {
            if self.token(0) == Some(&Token::PathSeparator) {
                self.at += 1;
            } else if self.is_mark(0, '{') {
                self.at += 1;
                while !self.is_mark(0, '}') {
                    self.read_tree(path.clone());
                    if self.is_mark(0, ',') {
                        self.at += 1;
                    }
                }
                self.at += 1;
                return;
            } else if self.is_mark(0, '*') {
                self.at += 1;
                path.push("*".to_owned());
                return self.add(path);
            } else if let Some(part) = self.word(0) {
                self.at += 1;
                if part == "as" {
                    self.at += 1;
                    return self.add(path);
                }
                // `{self}` is the path before it.
                if part != "self" || path.is_empty() {
                    path.push(part);
                }
                let goes_on = self.token(0) == Some(&Token::PathSeparator)
                    || self.token(0).is_some_and(|next| next.is("as"));
                if !goes_on {
                    return self.add(path);
                }
            } else {
                return;
            }
        }
    }

    fn module(&self) -> &[String] {
        self.modules.last().expect("the file's own module")
    }

    /// Resolves where the path begins; what begins at an item of the module itself stays in it.
    fn add(&mut self, path: Path) {
        let mut module = self.module().to_vec();
        let mut rest = &path[..];
        match rest.first().map(String::as_str) {
            Some("crate") => {
                module.clear();
                rest = &rest[1..];
            }
            Some("self" | "super") => {
                while let Some("self" | "super") = rest.first().map(String::as_str) {
                    if rest[0] == "super" {
                        module.pop().expect("a module above");
                    }
                    rest = &rest[1..];
                }
            }
            Some(name) if self.crates.iter().any(|one| one == name) => {
                return self.paths.push(path);
            }
            _ => return,
        }
        let mut resolved = vec!["crate".to_owned()];
        resolved.extend(module);
        resolved.extend(rest.iter().cloned());
        self.paths.push(resolved);
    }
}

#[cfg(test)]
fn found(source: &str) -> Vec<String> {
    let crates = ["redb".to_owned(), "serde".to_owned()];
    let names = names(source, &["storage", "keys"], &crates);
    names.paths.iter().map(|path| path.join("::")).collect()
}

#[test]
fn paths_are_found_in_use_trees() {
    assert_eq!(
        found("use crate::domain::{self, id::{Id as Other, *}, time}; use crate::kv;"),
        [
            "crate::domain",
            "crate::domain::id::Id",
            "crate::domain::id::*",
            "crate::domain::time",
            "crate::kv"
        ]
    );
    assert_eq!(
        found("use {crate::a::A, redb::Table, std::fmt, serde as s};"),
        ["crate::a::A", "redb::Table", "serde"]
    );
    assert_eq!(
        found("use super::records::{RowV1, super_row}; use super::super::kv::Read;"),
        [
            "crate::storage::records::RowV1",
            "crate::storage::records::super_row",
            "crate::kv::Read"
        ]
    );
    assert_eq!(
        found("use crate as all; use super::super::*;"),
        ["crate", "crate::*"]
    );
    assert_eq!(
        found("use ::redb::Table; extern crate redb as other;"),
        ["redb::Table", "redb"]
    );
    assert_eq!(
        found("use self::inner::A;"),
        ["crate::storage::keys::inner::A"]
    );
}

#[test]
fn paths_are_found_in_expressions_types_attributes_and_macros() {
    assert_eq!(
        found("fn a(x: &crate::kv::Range<'_>) -> redb::Result<()> { crate::query::check(x) }"),
        ["crate::kv::Range", "redb::Result", "crate::query::check"]
    );
    assert_eq!(
        found("#[derive(serde::Serialize)] struct A; type B = <redb::C as redb::D>::E;"),
        ["serde::Serialize", "redb::C", "redb::D"]
    );
    assert_eq!(
        found("macro_rules! m { () => { $crate::store::Store::open(::redb::X) } }"),
        ["crate::store::Store::open", "redb::X"]
    );
    assert_eq!(found("use_it(a::redb::b, redb.len(), redb)"), [""; 0]);
}

#[test]
fn paths_are_resolved_from_the_module_they_stand_in() {
    assert_eq!(
        found(
            "mod tests { use super::*; mod deep { use super::super::A; } use super::B; } use super::C;"
        ),
        [
            "crate::storage::keys::*",
            "crate::storage::keys::A",
            "crate::storage::keys::B",
            "crate::storage::C"
        ]
    );
    assert_eq!(
        found("pub(in super::super) const A: u8 = 1; pub(crate) fn b() { super::keys() }"),
        ["crate::storage::keys"]
    );
}
