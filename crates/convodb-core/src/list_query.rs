//! The query parameters of the specification's *List conversations*.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::{AssigneeId, Channel, InvalidInput};
use crate::{Error, Result};
use crate::{Filter, PageRequest, StatusFilter};

/// The query parameters of *List conversations*: `status`, `channel`, `assigned_to`, `page` and
/// `limit`; and `unread`, which the specification does not have.
///
/// `channel` and `assigned_to` take several values, apart by commas; `unassigned` is one of the
/// latter's. `unread` takes `true` alone, as `false` could stand for all conversations or for those
/// that are read. Nothing is silently ignored: an unknown parameter, one that is given twice, and one
/// that is empty are refused by their names.
///
/// Made from a query string, from pairs that are decoded already, or by serde from a map whose
/// numbers and truth values may be such or strings. Printing gives a query string that parses to the same.
///
/// ```
/// use convodb::{Channel, Filter, ListQuery, PageRequest};
///
/// let query: ListQuery = "status=open&channel=whatsapp&limit=50".parse()?;
/// assert_eq!(query.filter, Filter::open().channel(Channel::Whatsapp));
/// assert_eq!(query.page, PageRequest::new(1, 50)?);
///
/// let error = "status=closed".parse::<ListQuery>().unwrap_err();
/// assert_eq!(error.to_string(), "status: must be `open`, `resolved` or `all`");
/// # Ok::<(), convodb::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListQuery {
    /// Which conversations.
    pub filter: Filter,
    /// Which page of them.
    pub page: PageRequest,
}

impl ListQuery {
    /// Reads parameters that are decoded already.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the parameter.
    pub fn from_pairs<K: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self> {
        let mut parameters = Parameters::default();
        for (name, value) in pairs {
            parameters.set(name.as_ref(), value.as_ref())?;
        }
        parameters.parse()
    }
}

const NAMES: [&str; 6] = [
    "status",
    "channel",
    "assigned_to",
    "unread",
    "page",
    "limit",
];

/// The values as they were given, each at most once.
#[derive(Default)]
struct Parameters([Option<String>; NAMES.len()]);

impl Parameters {
    fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidInput> {
        let known = NAMES.into_iter().zip(&mut self.0);
        let Some((name, slot)) = known.into_iter().find(|(known, _)| *known == name) else {
            return Err(InvalidInput::new(
                name.to_owned(),
                "is no parameter of this list",
            ));
        };
        if slot.is_some() {
            return Err(InvalidInput::new(name, "must be given once"));
        }
        if value.is_empty() {
            return Err(InvalidInput::new(name, "must not be empty"));
        }
        *slot = Some(value.to_owned());
        Ok(())
    }

    fn parse(self) -> Result<ListQuery> {
        let Self([status, channel, assigned_to, unread, page, limit]) = self;
        let mut filter = match status {
            Some(status) => Filter::new(status.parse::<StatusFilter>()?),
            None => Filter::open(),
        };
        for channel in values(channel.as_ref()) {
            filter = filter.channel(channel.parse::<Channel>()?);
        }
        for assignee in values(assigned_to.as_ref()) {
            filter = match assignee {
                "unassigned" => filter.unassigned(),
                id => filter.assigned_to(
                    AssigneeId::new(id).map_err(|error| error.in_field("assigned_to"))?,
                ),
            };
        }
        filter = match unread.as_deref() {
            None => filter,
            Some("true") => filter.unread(),
            Some(_) => return Err(InvalidInput::new("unread", "must be `true`").into()),
        };
        filter.validate()?;
        let default = PageRequest::default();
        Ok(ListQuery {
            filter,
            page: PageRequest::new(
                number("page", page)?.unwrap_or(default.page()),
                number("limit", limit)?.unwrap_or(default.limit()),
            )?,
        })
    }
}

fn values(parameter: Option<&String>) -> impl Iterator<Item = &str> {
    parameter.into_iter().flat_map(|value| value.split(','))
}

fn number<T: FromStr>(
    name: &'static str,
    value: Option<String>,
) -> Result<Option<T>, InvalidInput> {
    value
        .map(|value| {
            // `parse` takes a plus sign, which in a query string stands for a space anyway.
            let digits = value.bytes().all(|byte| byte.is_ascii_digit());
            let parsed = digits.then(|| value.parse().ok()).flatten();
            parsed
                .ok_or_else(|| InvalidInput::new(name, "must be a whole number within its bounds"))
        })
        .transpose()
}

impl FromStr for ListQuery {
    type Err = Error;

    fn from_str(query: &str) -> Result<Self> {
        Self::from_pairs(form_urlencoded::parse(query.as_bytes()))
    }
}

impl fmt::Display for ListQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("status", self.filter.status().as_str());
        let channels: Vec<_> = self.filter.channels().map(Channel::as_str).collect();
        if !channels.is_empty() {
            query.append_pair("channel", &channels.join(","));
        }
        let assignees: Vec<_> = self
            .filter
            .includes_unassigned()
            .then_some("unassigned")
            .into_iter()
            .chain(self.filter.assignees().map(AssigneeId::as_str))
            .collect();
        if !assignees.is_empty() {
            query.append_pair("assigned_to", &assignees.join(","));
        }
        if self.filter.is_unread() {
            query.append_pair("unread", "true");
        }
        query.append_pair("page", &self.page.page().to_string());
        query.append_pair("limit", &self.page.limit().to_string());
        f.write_str(&query.finish())
    }
}

impl<'de> Deserialize<'de> for ListQuery {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ParametersVisitor)
    }
}

struct ParametersVisitor;

impl<'de> Visitor<'de> for ParametersVisitor {
    type Value = ListQuery;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the query parameters of a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ListQuery, A::Error> {
        let mut parameters = Parameters::default();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let Value(value) = map
                .next_value()
                .map_err(|error| de::Error::custom(format_args!("{name}: {error}")))?;
            parameters.set(&name, &value).map_err(de::Error::custom)?;
        }
        parameters.parse().map_err(de::Error::custom)
    }
}

/// A parameter's value: a string, or a number or a truth value where JSON gives one.
struct Value<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor;

        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = Value<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a whole number or a truth value")
            }

            fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Value<'de>, E> {
                Ok(Value(Cow::Borrowed(if truth { "true" } else { "false" })))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value<'de>, E> {
                Ok(Value(Cow::Owned(text.to_owned())))
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Value<'de>, E> {
                Ok(Value(Cow::Borrowed(text)))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value<'de>, E> {
                Ok(Value(Cow::Owned(number.to_string())))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value<'de>, E> {
                Ok(Value(Cow::Owned(number.to_string())))
            }
        }

        deserializer.deserialize_any(ValueVisitor)
    }
}
