//! Users and teams: what a conversation is assigned to.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::text::Object;
use crate::{Filter, InvalidInput, TeamId, UserId, text};

/// Whether an assignee is a user or a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AssigneeKind {
    /// An agent.
    User,
    /// A team.
    Team,
}

/// The id of a user or of a team: one value, so that it cannot hold both.
///
/// ```
/// use convodb::{AssigneeId, AssigneeKind, UserId};
///
/// let alice = AssigneeId::from(UserId::new("usr_01H111")?);
/// assert_eq!(alice, AssigneeId::new("usr_01H111")?);
/// assert_eq!(AssigneeId::new("billing")?.kind(), AssigneeKind::Team);
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum AssigneeId {
    /// A user's id.
    User(UserId),
    /// A team's id.
    Team(TeamId),
}

impl AssigneeId {
    /// Reads an id: a user's where it begins with `usr_`, else a team's.
    ///
    /// # Errors
    ///
    /// As [`UserId::new`] and [`TeamId::new`].
    pub fn new(text: &str) -> Result<Self, InvalidInput> {
        if text.starts_with("usr_") {
            UserId::new(text).map(Self::User)
        } else {
            TeamId::new(text).map(Self::Team)
        }
    }

    /// The id of a kind that is given beside the text.
    #[doc(hidden)]
    pub fn of_kind(kind: AssigneeKind, text: &str) -> Result<Self, InvalidInput> {
        match kind {
            AssigneeKind::User => UserId::new(text).map(Self::User),
            AssigneeKind::Team => TeamId::new(text).map(Self::Team),
        }
    }

    /// Whether it is a user or a team.
    pub fn kind(&self) -> AssigneeKind {
        match self {
            Self::User(_) => AssigneeKind::User,
            Self::Team(_) => AssigneeKind::Team,
        }
    }

    /// Whether it is a team's.
    #[doc(hidden)]
    pub const fn is_team(&self) -> bool {
        matches!(self, Self::Team(_))
    }

    /// The id of a team.
    #[doc(hidden)]
    pub const fn as_team(&self) -> Option<&TeamId> {
        match self {
            Self::User(_) => None,
            Self::Team(id) => Some(id),
        }
    }

    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        match self {
            Self::User(id) => id.as_str(),
            Self::Team(id) => id.as_str(),
        }
    }
}

impl fmt::Debug for AssigneeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<UserId> for AssigneeId {
    fn from(id: UserId) -> Self {
        Self::User(id)
    }
}

impl From<TeamId> for AssigneeId {
    fn from(id: TeamId) -> Self {
        Self::Team(id)
    }
}

impl<T: Clone + Into<Self>> From<&T> for AssigneeId {
    fn from(id: &T) -> Self {
        id.clone().into()
    }
}

impl TryFrom<&str> for AssigneeId {
    type Error = InvalidInput;

    fn try_from(text: &str) -> Result<Self, InvalidInput> {
        Self::new(text)
    }
}

impl TryFrom<String> for AssigneeId {
    type Error = InvalidInput;

    fn try_from(text: String) -> Result<Self, InvalidInput> {
        Self::new(&text)
    }
}

impl FromStr for AssigneeId {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for AssigneeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parse(deserializer, Self::new)
    }
}

/// A user or team of the directory: its id and its present name.
///
/// Its JSON is `{"type", "id", "name"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Assignee {
    /// The id.
    pub id: AssigneeId,
    /// The present name.
    pub name: Arc<str>,
}

impl Assignee {
    /// An assignee for an [`Import`](crate::Import).
    pub fn new(id: impl Into<AssigneeId>, name: &str) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct AssigneeDocument<T> {
    r#type: AssigneeKind,
    id: T,
    name: T,
}

impl Serialize for Assignee {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        AssigneeDocument {
            r#type: self.id.kind(),
            id: self.id.as_str(),
            name: &*self.name,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Assignee {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = AssigneeDocument::<String>::deserialize(Object(deserializer))?;
        let id = AssigneeId::of_kind(document.r#type, &document.id).map_err(de::Error::custom)?;
        Ok(Self::new(id, &document.name))
    }
}

/// A team of the directory with its members.
///
/// Its JSON is `{"type", "id", "name", "members"}`, with the type `team` and the ids of the members.
///
/// ```
/// # convodb::example!(store, id, contact, alice);
/// use convodb::TeamId;
///
/// let billing = TeamId::new("team_billing")?;
/// let team = store.save_team_with_members(&billing, "Billing", [alice])?.value;
/// let json = r#"{"type":"team","id":"team_billing","name":"Billing","members":["usr_alice"]}"#;
/// assert_eq!(serde_json::to_string(&team)?, json);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Team {
    /// The id.
    pub id: TeamId,
    /// The present name.
    pub name: Arc<str>,
    /// The members, by their ids.
    pub members: Vec<UserId>,
}

impl Team {
    /// The most members of a team: a [list of them](Filter::members_of) takes as many.
    pub const MAX_MEMBERS: usize = Filter::MAX_ASSIGNEES;

    #[doc(hidden)]
    pub fn new(id: &TeamId, name: &Arc<str>, members: &[UserId]) -> Self {
        Self {
            id: id.clone(),
            name: Arc::clone(name),
            members: members.to_vec(),
        }
    }

    /// The ids of members as JSON has them. An error names the place of one.
    #[doc(hidden)]
    pub fn member_ids(given: &[String]) -> Result<Vec<UserId>, InvalidInput> {
        let id = |(index, id): (usize, &String)| {
            UserId::new(id).map_err(|error| error.in_field(format!("members[{index}]")))
        };
        given.iter().enumerate().map(id).collect()
    }
}

#[derive(Serialize)]
struct TeamDocument<'a> {
    r#type: AssigneeKind,
    id: &'a TeamId,
    name: &'a str,
    members: &'a [UserId],
}

impl Serialize for Team {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TeamDocument {
            r#type: AssigneeKind::Team,
            id: &self.id,
            name: &self.name,
            members: &self.members,
        }
        .serialize(serializer)
    }
}
