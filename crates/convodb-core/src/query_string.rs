//! Filters and pages as query strings.

use std::str::FromStr;

use crate::page::PagePosition;
use crate::{
    AssigneeId, Channel, ConversationId, Cursor, Filter, InvalidInput, PageRequest, StatusFilter,
};

const NAMES: [&str; 8] = [
    "status",
    "channel",
    "assigned_to",
    "unread",
    "page",
    "cursor",
    "around",
    "limit",
];

impl Filter {
    /// Parses the query string of a list: `status`, `channel`, `assigned_to` and `unread`; `page`,
    /// `cursor` or `around`; and `limit`.
    ///
    /// `channel` and `assigned_to` take several values, separated by commas; `unassigned` is a value
    /// of the latter. `unread` takes `true` alone. A missing `status` is `open`, and a missing page
    /// is the first one of 20 rows.
    ///
    /// ```
    /// use convodb::{Channel, Filter, PageRequest};
    ///
    /// let (filter, page) = Filter::from_query("status=open&channel=whatsapp&limit=50")?;
    /// assert_eq!(filter, Filter::open().channel(Channel::Whatsapp));
    /// assert_eq!(page, PageRequest::number(1, 50)?);
    ///
    /// let error = Filter::from_query("status=closed").unwrap_err();
    /// assert_eq!(error.to_string(), "status: must be `open`, `resolved` or `all`");
    /// # Ok::<(), convodb::InvalidInput>(())
    /// ```
    ///
    /// # Errors
    ///
    /// An unknown parameter, one that occurs twice, one that is empty, and an invalid value, by the
    /// name of the parameter.
    pub fn from_query(query: &str) -> Result<(Self, PageRequest), InvalidInput> {
        Self::from_query_pairs(form_urlencoded::parse(query.as_bytes()))
    }

    /// The same from parameters that are decoded already.
    ///
    /// # Errors
    ///
    /// See [`from_query`](Self::from_query).
    pub fn from_query_pairs<K: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(Self, PageRequest), InvalidInput> {
        let mut parameters = Parameters::default();
        for (name, value) in pairs {
            parameters.set(name.as_ref(), value.as_ref())?;
        }
        parameters.parse()
    }

    /// The query string that [`from_query`](Self::from_query) parses to this filter and page.
    #[must_use]
    pub fn to_query(&self, page: &PageRequest) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("status", self.status().as_str());
        let channels: Vec<_> = self.channels().map(Channel::as_str).collect();
        if !channels.is_empty() {
            query.append_pair("channel", &channels.join(","));
        }
        let unassigned = self.includes_unassigned().then_some("unassigned");
        let assignees = self.assignees().map(AssigneeId::as_str);
        let assignees: Vec<_> = unassigned.into_iter().chain(assignees).collect();
        if !assignees.is_empty() {
            query.append_pair("assigned_to", &assignees.join(","));
        }
        if self.is_unread() {
            query.append_pair("unread", "true");
        }
        match page.position() {
            PagePosition::Number(number) => query.append_pair("page", &number.to_string()),
            PagePosition::After(cursor) => query.append_pair("cursor", &cursor.to_string()),
            PagePosition::Around(id) => query.append_pair("around", &id.to_string()),
        };
        query.append_pair("limit", &page.limit().to_string());
        query.finish()
    }
}

/// The values as they were given, each at most once.
#[derive(Default)]
struct Parameters([Option<String>; NAMES.len()]);

impl Parameters {
    fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidInput> {
        let mut known = NAMES.into_iter().zip(&mut self.0);
        let Some((name, slot)) = known.find(|(known, _)| *known == name) else {
            let reason = "is no parameter of this list";
            return Err(InvalidInput::new(name.to_owned(), reason));
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

    fn parse(self) -> Result<(Filter, PageRequest), InvalidInput> {
        let Self(
            [
                status,
                channel,
                assigned_to,
                unread,
                page,
                cursor,
                around,
                limit,
            ],
        ) = self;
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
                id => {
                    let id = AssigneeId::new(id).map_err(|error| error.in_field("assigned_to"));
                    filter.assigned_to(id?)
                }
            };
        }
        filter = match unread.as_deref() {
            None => filter,
            Some("true") => filter.unread(),
            Some(_) => return Err(InvalidInput::new("unread", "must be `true`")),
        };
        filter.validate()?;
        let limit = number("limit", limit)?.unwrap_or(PageRequest::default().limit());
        let page = match (page, cursor, around) {
            (page, None, None) => PageRequest::number(number("page", page)?.unwrap_or(1), limit)?,
            (None, Some(cursor), None) => PageRequest::after(cursor.parse::<Cursor>()?, limit)?,
            (None, None, Some(id)) => {
                let id = ConversationId::new(&id).map_err(|error| error.in_field("around"));
                PageRequest::around(id?, limit)?
            }
            (_, cursor, _) => {
                let field = cursor.map_or("around", |_| "cursor");
                let reason = "must not be given beside another page";
                return Err(InvalidInput::new(field, reason));
            }
        };
        Ok((filter, page))
    }
}

fn values(parameter: Option<&String>) -> impl Iterator<Item = &str> {
    parameter.into_iter().flat_map(|value| value.split(','))
}

fn number<T: FromStr>(
    name: &'static str,
    value: Option<String>,
) -> Result<Option<T>, InvalidInput> {
    let parse = |value: String| {
        // `parse` takes a plus sign, which a query string decodes to a space anyway.
        let is_digits = value.bytes().all(|byte| byte.is_ascii_digit());
        let parsed = is_digits.then(|| value.parse().ok()).flatten();
        parsed.ok_or_else(|| InvalidInput::new(name, "must be a whole number within its bounds"))
    };
    value.map(parse).transpose()
}
