//! Rust sources as words and marks, without comments, strings and lifetimes.

/// A token: an identifier with its text, `::`, or any other character by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    PathSeparator,
    Mark(char),
    /// A literal, whatever it says.
    Literal,
}

impl Token {
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(text) if text == word)
    }
}

struct Source<'a> {
    rest: &'a str,
}

impl Source<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    fn skip_past(&mut self, end: &str) {
        let at = self.rest.find(end).expect("an end");
        self.skip(at + end.len());
    }

    /// Block comments nest.
    fn skip_block_comment(&mut self) {
        let mut depth = 0;
        loop {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.skip(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.skip(2);
            } else {
                self.skip(self.peek().expect("the end of a comment").len_utf8());
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// What stands between two equal quotation marks, with escapes.
    fn skip_quoted(&mut self, quote: char) {
        self.skip(1);
        while let Some(next) = self.peek() {
            self.skip(next.len_utf8());
            if next == quote {
                return;
            }
            if next == '\\' {
                let escaped = self.peek().expect("an escaped character");
                self.skip(escaped.len_utf8());
            }
        }
    }

    /// A raw string ends with as many `#` as it began with.
    fn skip_raw_string(&mut self) {
        let hashes = self.rest.find('"').expect("a raw string");
        let end = format!("\"{}", "#".repeat(hashes));
        self.skip(hashes + 1);
        self.skip_past(&end);
    }

    /// `'a'` is a literal, `'a` a lifetime.
    fn is_char_literal(&self) -> bool {
        let mut chars = self.rest.chars().skip(1);
        match chars.next() {
            Some('\\') => true,
            Some(_) => chars.next() == Some('\''),
            None => false,
        }
    }

    fn word(&mut self) -> String {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word.to_owned()
    }

    /// Whether the word that was just read is the prefix of a literal.
    fn skip_literal_behind(&mut self, word: &str) -> bool {
        let is_raw =
            matches!(word, "r" | "br" | "cr") && self.rest.trim_start_matches('#').starts_with('"');
        let is_plain = matches!(word, "b" | "c") && self.rest.starts_with('"');
        let is_byte = word == "b" && self.rest.starts_with('\'');
        if is_raw {
            self.skip_raw_string();
        } else if is_plain {
            self.skip_quoted('"');
        } else if is_byte {
            self.skip_quoted('\'');
        }
        is_raw || is_plain || is_byte
    }
}

pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut source = Source { rest: text };
    let mut tokens = Vec::new();
    while let Some(next) = source.peek() {
        if source.rest.starts_with("//") {
            let end = source.rest.find('\n').unwrap_or(source.rest.len());
            source.skip(end);
        } else if source.rest.starts_with("/*") {
            source.skip_block_comment();
        } else if next == '"' {
            source.skip_quoted('"');
            tokens.push(Token::Literal);
        } else if next == '\'' {
            if source.is_char_literal() {
                source.skip_quoted('\'');
                tokens.push(Token::Literal);
            } else {
                source.skip(1);
                source.word();
            }
        } else if next.is_alphanumeric() || next == '_' {
            let word = source.word();
            if source.skip_literal_behind(&word) {
                tokens.push(Token::Literal);
            } else {
                tokens.push(Token::Word(word));
            }
        } else if source.rest.starts_with("::") {
            source.skip(2);
            tokens.push(Token::PathSeparator);
        } else {
            source.skip(next.len_utf8());
            if !next.is_whitespace() {
                tokens.push(Token::Mark(next));
            }
        }
    }
    tokens
}

#[test]
fn comments_strings_and_lifetimes_are_no_words() {
    let words = |text: &str| -> Vec<String> {
        let words = tokens(text).into_iter().filter_map(|token| match token {
            Token::Word(word) => Some(word),
            _ => None,
        });
        words.collect()
    };
    assert_eq!(
        words("//! [`redb`](redb::Database)\nfn a() {}"),
        ["fn", "a"]
    );
    assert_eq!(words("/* redb /* redb */ redb */ b"), ["b"]);
    assert_eq!(words(r#""redb \" redb" c"#), ["c"]);
    assert_eq!(words("r#\"redb \" redb\"# br\"redb\" b\"redb\" d"), ["d"]);
    assert_eq!(words(r"'\'' b'x' '\u{1f}' '\\' 'x' e"), ["e"]);
    assert_eq!(words("&'redb str"), ["str"]);
    assert_eq!(words("// redb\nredb // redb"), ["redb"]);
    assert_eq!(words("a::b:c"), ["a", "b", "c"]);
    assert_eq!(
        tokens("a::b:")[1..],
        [
            Token::PathSeparator,
            Token::Word("b".to_owned()),
            Token::Mark(':')
        ]
    );
}
