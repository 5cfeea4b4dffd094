//! What messages must not have: the passwords of arguments.

use std::env;

/// What a password is behind.
const SIGNS: [&str; 3] = ["postgres://", "postgresql://", "password"];

/// A text without what of an argument may be a password. A message quotes an argument whole, or from its value on.
pub(crate) fn concealed(text: &str) -> String {
    let arguments = env::args_os().skip(1);
    let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    without(text, arguments)
}

fn without(text: &str, arguments: impl Iterator<Item = String>) -> String {
    let mut text = text.to_owned();
    for argument in arguments {
        // Of the same length, and so with the same places.
        let folded = argument.to_ascii_lowercase();
        let begin = |sign: &&str| Some((folded.find(*sign)?, sign.len()));
        let Some((at, length)) = SIGNS.iter().filter_map(begin).min() else {
            continue;
        };
        let (secret, sign) = (argument.get(at..), argument.get(at..at + length));
        if let (Some(secret), Some(sign)) = (secret, sign)
            && secret.len() > sign.len()
        {
            text = text.replace(secret, &format!("{sign}…"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::without;

    fn shown(text: &str, argument: &str) -> String {
        without(text, [argument.to_owned()].into_iter())
    }

    #[test]
    fn what_an_argument_may_have_as_a_password_is_not_shown() {
        for argument in [
            "postgres://inbox:se cret'@db/support",
            "POSTGRESQL://inbox:secret@db/support?password=secret",
            "host=db user=inbox password=secret",
            "--db=postgres://inbox:secret@db/support",
        ] {
            let text = format!("error: unexpected argument '{argument}' found");
            let shown = shown(&text, argument);
            assert!(!shown.contains("cret"), "{shown}");
            assert!(shown.ends_with("…' found"), "{shown}");
        }
        assert_eq!(
            shown("inbox.redb: no such file", "inbox.redb"),
            "inbox.redb: no such file"
        );
    }
}
