//! A short text of visible ASCII that is stored inline.

use std::cmp::Ordering;

/// A ULID behind a prefix of four characters, as most contacts have it.
const INLINE_BYTES: usize = 30;

/// Visible ASCII. A page shows twenty of them, and allocating each would cost it a sixth of its
/// time; longer ones are rare, and boxed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ShortText {
    Inline { len: u8, bytes: [u8; INLINE_BYTES] },
    Boxed(Box<[u8]>),
}

impl ShortText {
    /// Takes a text that is known to be visible ASCII.
    pub(crate) fn new(text: &[u8]) -> Self {
        let mut bytes = [0; INLINE_BYTES];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(text);
                Self::Inline { len, bytes }
            }
            _ => Self::Boxed(text.into()),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or(bytes),
            Self::Boxed(bytes) => bytes,
        }
    }
}

impl From<&str> for ShortText {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl AsRef<str> for ShortText {
    fn as_ref(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl PartialOrd for ShortText {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ShortText {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}
