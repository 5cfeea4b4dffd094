//! The attribute of tests that need a PostgreSQL server.

use proc_macro::{Delimiter, Group, TokenStream, TokenTree};

/// A `#[test]` that passes where no PostgreSQL server is installed: see `is_installed` in the testkit's
/// `postgres`, which exports this attribute.
///
/// Imported by its name, it takes the place of the attribute that every file has: the same file of tests can
/// be part of a suite that needs no server.
#[proc_macro_attribute]
pub fn test(_: TokenStream, function: TokenStream) -> TokenStream {
    let mut function: Vec<TokenTree> = function.into_iter().collect();
    let mut body = tokens("if !::convodb_testkit::postgres::is_installed() { return; }");
    if let Some(TokenTree::Group(group)) = function.pop() {
        body.extend(group.stream());
    }
    function.push(Group::new(Delimiter::Brace, body).into());
    let mut test = tokens("#[::core::prelude::v1::test]");
    test.extend(function);
    test
}

#[expect(clippy::expect_used, reason = "the texts are the two above")]
fn tokens(text: &str) -> TokenStream {
    text.parse().expect("Rust")
}
