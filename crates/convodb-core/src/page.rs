//! Pages of a list, and where a list continues.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Conversation, ConversationId, InvalidInput, Sort, text, time};

/// Which page of a list, and how many rows it has. It is within its bounds by construction: a limit
/// of 0 or more than [`MAX_LIMIT`](Self::MAX_LIMIT) is refused.
///
/// ```
/// use convodb::PageRequest;
///
/// let second = PageRequest::number(2, 50)?;
/// assert_eq!(second.limit(), 50);
/// assert_eq!(PageRequest::default(), PageRequest::number(1, 20)?);
/// assert!(PageRequest::number(0, 20).is_err());
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageRequest {
    position: PagePosition,
    limit: u32,
}

#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PagePosition {
    Number(u64),
    After(Cursor),
    Around(ConversationId),
}

impl PageRequest {
    /// The most rows of a page.
    pub const MAX_LIMIT: u32 = 100;

    pub(crate) fn new(position: PagePosition, limit: u32) -> Result<Self, InvalidInput> {
        let is_page = position != PagePosition::Number(0);
        InvalidInput::unless(is_page, "page", "must be at least 1")?;
        let is_within = (1..=Self::MAX_LIMIT).contains(&limit);
        InvalidInput::unless(is_within, "limit", "must be between 1 and 100")?;
        Ok(Self { position, limit })
    }

    /// The page of a number, from 1, where every page has `limit` rows. Page 0 is refused.
    pub fn number(page: u64, limit: u32) -> Result<Self, InvalidInput> {
        Self::new(PagePosition::Number(page), limit)
    }

    /// The rows after a cursor: keyset pagination, whose cost does not depend on the position.
    pub fn after(cursor: Cursor, limit: u32) -> Result<Self, InvalidInput> {
        Self::new(PagePosition::After(cursor), limit)
    }

    /// The rows around a conversation, which is one of them.
    pub fn around(id: ConversationId, limit: u32) -> Result<Self, InvalidInput> {
        Self::new(PagePosition::Around(id), limit)
    }

    /// The number of rows of the page.
    pub const fn limit(self) -> u32 {
        self.limit
    }

    #[doc(hidden)]
    pub const fn position(self) -> PagePosition {
        self.position
    }
}

impl Default for PageRequest {
    /// The first page of 20 rows.
    fn default() -> Self {
        Self {
            position: PagePosition::Number(1),
            limit: 20,
        }
    }
}

/// The page of a number, and its limit.
impl TryFrom<(u64, u32)> for PageRequest {
    type Error = InvalidInput;

    fn try_from((page, limit): (u64, u32)) -> Result<Self, InvalidInput> {
        Self::number(page, limit)
    }
}

/// The rows after a cursor, and their limit.
impl TryFrom<(Cursor, u32)> for PageRequest {
    type Error = InvalidInput;

    fn try_from((cursor, limit): (Cursor, u32)) -> Result<Self, InvalidInput> {
        Self::after(cursor, limit)
    }
}

/// A page of a list, in its order.
///
/// Its JSON is `{"data", "total"}`, then `page` and `next` where they have a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Page<T> {
    /// The rows. A page past the end has none.
    pub data: Vec<T>,
    /// How many rows the whole list has.
    pub total: u64,
    /// The number of a page that was requested by number.
    #[serde(rename = "page", default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// How many rows precede the first one, of a page by number or around a conversation. Not in
    /// the JSON.
    #[serde(skip)]
    pub offset: Option<u64>,
    /// Where the list continues, if it has more rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

#[doc(hidden)]
impl<T> Page<T> {
    pub const fn new(data: Vec<T>, total: u64, next: Option<Cursor>) -> Self {
        Self {
            data,
            total,
            number: None,
            offset: None,
            next,
        }
    }
}

/// A position in the [order](Sort) of a list: after one conversation, at the time of its latest activity
/// or at what else the order is by.
///
/// It is valid for any filter of that order, on any snapshot, at any time. A list that continues from it
/// neither repeats nor skips a conversation that has the same place as before.
///
/// ```
/// # convodb::example!(store, id, contact);
/// store.receive(Inbound::text(&contact, Channel::Whatsapp, "A second conversation"))?;
/// let first = store.list(&Filter::open(), PageRequest::number(1, 1)?)?;
/// let cursor = first.next.expect("there is a second conversation");
/// let parsed: Cursor = cursor.to_string().parse()?;
/// let rest = store.list(&Filter::open(), PageRequest::after(parsed, 20)?)?;
/// assert_eq!(rest.data.len(), 1);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    sort: Sort,
    /// What the order sorts by before the id.
    key: u64,
    id: ConversationId,
}

impl Cursor {
    /// The position after this row of a list of this order.
    #[doc(hidden)]
    pub fn behind(row: &Conversation, sort: Sort) -> Self {
        Self {
            sort,
            key: sort.key(row),
            id: row.id,
        }
    }

    /// What the order sorts by, if it is this one.
    #[doc(hidden)]
    pub fn key(self, sort: Sort) -> Result<(u64, ConversationId), InvalidInput> {
        let own = self.sort;
        let reason = format_args!("must be one of a list sorted by `{sort}`, and is of `{own}`");
        InvalidInput::unless(own == sort, "cursor", reason)?;
        Ok((self.key, self.id))
    }
}

impl From<&Conversation> for Cursor {
    /// The position after this row of a list, the latest activity first.
    fn from(row: &Conversation) -> Self {
        Self::behind(row, Sort::default())
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sort, key, id } = self;
        match sort {
            Sort::LatestActivity => write!(f, "{}.{id}", !key),
            sort => write!(f, "{sort}.{key}.{id}"),
        }
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Cursor {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        let parse = || {
            let (place, id) = text.rsplit_once('.')?;
            let (sort, key) = match place.split_once('.') {
                Some((sort, key)) => (sort.parse().ok()?, key.parse().ok()?),
                None => {
                    let micros = place.parse().ok()?;
                    time::from_micros(micros)?;
                    (Sort::LatestActivity, !micros.cast_unsigned())
                }
            };
            let id = ConversationId::new(id).ok()?;
            let cursor = Self { sort, key, id };
            // A position has one spelling: no sign, no leading zero.
            (cursor.to_string() == text).then_some(cursor)
        };
        parse().ok_or_else(|| InvalidInput::new("cursor", "must be a cursor as a list gave it"))
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parse(deserializer, str::parse)
    }
}
