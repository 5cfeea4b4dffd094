//! Filters and pages as query strings.

use std::str::FromStr;

use crate::page::PagePosition;
use crate::{AssigneeId, Channel, ConversationId, Filter, InvalidInput, PageRequest, text};

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
        let mut given = Vec::new();
        let (mut filter, mut position) = (Self::open(), PagePosition::Number(1));
        let mut limit = PageRequest::default().limit();
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            let Some(name) = NAMES.into_iter().find(|known| *known == name) else {
                let reason = "is no parameter of this list";
                return Err(InvalidInput::new(name.to_owned(), reason));
            };
            InvalidInput::unless(!given.contains(&name), name, "must be given once")?;
            InvalidInput::unless(!value.is_empty(), name, "must not be empty")?;
            given.push(name);
            match name {
                "status" => filter = filter.with_status(value.parse()?),
                "channel" => {
                    for channel in value.split(',') {
                        filter = filter.channel(channel.parse()?);
                    }
                }
                "assigned_to" => {
                    for id in value.split(',') {
                        filter = match id {
                            "unassigned" => filter.unassigned(),
                            id => filter.assigned_to(within(name, AssigneeId::new(id))?),
                        };
                    }
                }
                "unread" => {
                    InvalidInput::unless(value == "true", name, "must be `true`")?;
                    filter = filter.unread();
                }
                "page" => position = PagePosition::Number(number(name, value)?),
                "cursor" => position = PagePosition::After(value.parse()?),
                "around" => {
                    let id = ConversationId::new(value);
                    position = PagePosition::Around(within(name, id)?);
                }
                _ => limit = number(name, value)?,
            }
        }
        filter.validate()?;
        let pages = ["cursor", "around", "page"].into_iter();
        let mut pages = pages.filter(|name| given.contains(name));
        if let (Some(name), Some(_)) = (pages.next(), pages.next()) {
            let reason = "must not be given beside another page";
            return Err(InvalidInput::new(name, reason));
        }
        let page = match position {
            PagePosition::Number(page) => PageRequest::number(page, limit)?,
            PagePosition::After(cursor) => PageRequest::after(cursor, limit)?,
            PagePosition::Around(id) => PageRequest::around(id, limit)?,
        };
        Ok((filter, page))
    }

    /// The query string that [`from_query`](Self::from_query) parses to this filter and page.
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

fn within<T>(name: &'static str, parsed: Result<T, InvalidInput>) -> Result<T, InvalidInput> {
    parsed.map_err(|error| error.in_field(name))
}

fn number<T: FromStr>(name: &'static str, digits: &str) -> Result<T, InvalidInput> {
    let number = text::digits(digits);
    number.ok_or_else(|| InvalidInput::new(name, "must be a whole number within its bounds"))
}
