//! Users and teams.

use convodb_core::{Assignee, AssigneeId, Outcome, Result, Takeover, TeamId, UserId};

use super::Handle;
use crate::store::Store;

commands! {
    /// Puts a user into the directory, or gives one that is there another name, which shows at
    /// once in every conversation (R11).
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for `name`.
    ///
    /// ```
    /// # use convodb::{Store, UserId};
    /// # let store = Store::in_memory()?;
    /// let alice = UserId::new("usr_01H111")?;
    /// assert!(store.put_user(&alice, "Alice")?.created);
    /// assert!(store.put_user(&alice, "Alice Support")?.changed);
    /// assert!(!store.put_user(&alice, "Alice Support")?.changed);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn put_user(id: &UserId, name: &str) -> Assignee;

    /// Puts a team into the directory, as [`put_user`](Self::put_user) a user.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for `name`.
    ///
    /// ```
    /// # use convodb::{Store, TeamId};
    /// # let store = Store::in_memory()?;
    /// store.put_team(&TeamId::new("team_billing")?, "Billing")?;
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn put_team(id: &TeamId, name: &str) -> Assignee;

    /// Takes a user or team out of the directory. Its conversations are taken over by another or
    /// become unassigned; that reopens none and is no activity (R11). Answers how many they are.
    ///
    /// Every read and every command finds them with their new owner from here on, a revision further,
    /// and the id is unknown; put into the directory anew, it has none of them. The store files them so
    /// behind this, in bounded steps between other commands, and goes on after a crash:
    /// [`to_refile`](crate::Stats::to_refile) tells how many are left. Each has its
    /// [event](crate::docs::events) when it is filed. O(users and teams), whatever the number of
    /// conversations.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) for either of the two;
    /// [`Invalid`](crate::ErrorKind::Invalid) for a takeover by the one removed.
    ///
    /// ```
    /// # use convodb::{AssigneeId, Store, Takeover, TeamId, UserId};
    /// # let store = Store::in_memory()?;
    /// # let (alice, billing) = (UserId::new("usr_alice")?, TeamId::new("team_billing")?);
    /// # store.put_user(&alice, "Alice")?;
    /// # store.put_team(&billing, "Billing")?;
    /// # use convodb::{Channel, ContactId, Filter, Inbound};
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let hello = Inbound::text(&contact, Channel::Webchat, "Hello");
    /// # let id = store.receive(hello)?.value.conversation_id;
    /// let (alice, billing) = (AssigneeId::from(alice), AssigneeId::from(billing));
    /// store.assign(id, &alice)?;
    /// let removed = store.remove_assignee(&alice, &Takeover::By(billing.clone()))?;
    /// assert_eq!(removed.value, 1);
    /// assert_eq!(store.count(&Filter::open().assigned_to(&billing))?, 1);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn remove_assignee(id: &AssigneeId, takeover: &Takeover) -> u64;
}
