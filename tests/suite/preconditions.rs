//! Preconditions, for every command: they are checked only when a command would change a conversation.

use std::time::Duration;

use convodb::commands::ConsumerStart;
use convodb::{
    AssigneeId, Channel, ConsumerName, Context, Conversation, ConversationId, Details, ErrorKind,
    EventSeq, Execute, Import, Inbound, Message, Outbound, Precondition, ProviderId, Receipt,
    Reply, Result, Retention, Revision, Selection, Status, TeamId, UserId,
};

use crate::details::found;
use crate::rules::inbox::{Inbox, contact};

use crate::store::{Read, Store, test};

/// Two conversations: one is open and assigned to Alice, the other is resolved and unassigned.
struct Scene {
    inbox: Inbox,
    alice: AssigneeId,
    bob: AssigneeId,
    open: ConversationId,
    /// A message to the contact without a provider's id, behind which is one with `wamid.3`, and one
    /// from it with `wamid.1` that is read.
    sent: Message,
    read: Message,
    resolved: ConversationId,
}

impl Scene {
    fn new() -> Self {
        let inbox = Inbox::new();
        let (alice, bob) = (inbox.user("usr_alice", "A"), inbox.user("usr_bob", "B"));
        let read = inbox.store.receive(hello()).unwrap().value;
        let open = read.conversation_id;
        let receipt = Receipt::read().at(read.created_at);
        let read = inbox.store.record_delivery(&read, receipt).unwrap();
        let sent = inbox.store.reply(open, "Hi").unwrap().value;
        let with_id = to("con_1", "Hi").provider_id("wamid.3");
        inbox.store.send(with_id).unwrap();
        inbox.store.assign(open, &alice).unwrap();
        let resolved = inbox.hello("con_2").conversation_id;
        inbox.store.resolve(resolved).unwrap();
        Self {
            alice,
            bob,
            open,
            sent,
            read: read.value.unwrap(),
            resolved,
            inbox,
        }
    }

    fn with(&self, context: Context) -> Store {
        self.inbox.store.with(context)
    }
}

/// The message `wamid.1` from the contact of the open conversation.
fn hello() -> Inbound {
    Inbound::text(contact("con_1"), Channel::Whatsapp, "Hello").provider_id("wamid.1")
}

fn to(who: &str, text: &str) -> Outbound {
    Outbound::text(contact(who), Channel::Whatsapp, text)
}

/// Whether it changed something.
type Run = fn(&Scene, &Store) -> Result<bool>;

/// Commands about the open conversation, each of which changes it.
const CHANGING: &[(&str, Run)] = &[
    ("receive", |_, store| {
        let message = Inbound::text(contact("con_1"), Channel::Whatsapp, "Anybody?");
        Ok(store.receive(message)?.effect.changed)
    }),
    ("send", |_, store| {
        Ok(store.send(to("con_1", "One moment."))?.effect.changed)
    }),
    ("reply", |scene, store| {
        Ok(store.reply(scene.open, "One moment.")?.effect.changed)
    }),
    ("record_delivery", |scene, store| {
        let outcome = store.record_delivery(&scene.sent, Receipt::read())?;
        Ok(outcome.effect.changed)
    }),
    ("record_delivery by a provider's id", |_, store| {
        let of = (Channel::Whatsapp, ProviderId::new("wamid.3")?);
        let outcome = store.record_delivery(of, Receipt::failed("1", "lost"))?;
        Ok(outcome.effect.changed)
    }),
    ("set_provider_id", |scene, store| {
        let id = ProviderId::new("wamid.2")?;
        Ok(store.set_provider_id(&scene.sent, &id)?.effect.changed)
    }),
    ("assign", |scene, store| {
        Ok(store.assign(scene.open, &scene.bob)?.effect.changed)
    }),
    ("unassign", |scene, store| {
        Ok(store.unassign(scene.open)?.effect.changed)
    }),
    ("resolve", |scene, store| {
        Ok(store.resolve(scene.open)?.effect.changed)
    }),
    ("mark_read", |scene, store| {
        Ok(store.mark_read(scene.open, 1)?.effect.changed)
    }),
    ("add_note", |scene, store| {
        Ok(store.add_note(scene.open, "A note.")?.effect.changed)
    }),
    ("delete", |scene, store| {
        Ok(store.delete(scene.open)?.effect.changed)
    }),
];

/// Commands that change neither conversation.
const UNCHANGING: &[(&str, Run)] = &[
    ("receive", |_, store| {
        Ok(store.receive(hello())?.effect.changed)
    }),
    ("send", |_, store| {
        let message = to("con_1", "Hi").provider_id("wamid.3");
        Ok(store.send(message)?.effect.changed)
    }),
    ("reply", |scene, store| {
        let reply = Reply::text("Hi").provider_id("wamid.3");
        Ok(store.reply(scene.open, reply)?.effect.changed)
    }),
    ("record_delivery", |scene, store| {
        let receipt = Receipt::read().at(scene.read.created_at);
        let outcome = store.record_delivery(&scene.read, receipt)?;
        Ok(outcome.effect.changed)
    }),
    ("set_provider_id", |scene, store| {
        let id = ProviderId::new("wamid.1")?;
        Ok(store.set_provider_id(&scene.read, &id)?.effect.changed)
    }),
    ("assign", |scene, store| {
        Ok(store.assign(scene.open, &scene.alice)?.effect.changed)
    }),
    ("claim", |scene, store| {
        Ok(store.claim(scene.open, &scene.alice)?.effect.changed)
    }),
    ("unassign", |scene, store| {
        Ok(store.unassign(scene.resolved)?.effect.changed)
    }),
    ("resolve", |scene, store| {
        Ok(store.resolve(scene.resolved)?.effect.changed)
    }),
    ("mark_read", |scene, store| {
        Ok(store.mark_read(scene.open, 0)?.effect.changed)
    }),
];

/// A context for each kind of precondition, none of which holds of the open conversation.
fn failing(scene: &Scene) -> Vec<(Precondition, Context)> {
    let revision = Revision::new(7);
    let bob = Some(scene.bob.clone());
    vec![
        (
            Precondition::Revision(revision),
            Context::new().if_revision(revision),
        ),
        (
            Precondition::Assignee(None),
            Context::new().if_assignee(None),
        ),
        (
            Precondition::Assignee(bob.clone()),
            Context::new().if_assignee(bob),
        ),
        (
            Precondition::Status(Status::Resolved),
            Context::new().if_status(Status::Resolved),
        ),
    ]
}

#[test]
fn a_command_that_would_change_a_conversation_fails_unless_every_precondition_holds() {
    for (name, run) in CHANGING {
        let scene = Scene::new();
        let before = scene.inbox.store.commit_seq().unwrap();
        let shown = scene.inbox.show(scene.open);
        for (expected, context) in failing(&scene) {
            let error = run(&scene, &scene.with(context)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{name}");
            assert!(error.is_unchanged());
            let details = Details::Precondition {
                conversation: scene.open,
                expected,
                revision: shown.revision,
                status: Status::Open,
                assignee: Some(scene.alice.clone()),
            };
            assert_eq!(*error.details(), details, "{name}");
        }
        assert_eq!(scene.inbox.store.commit_seq().unwrap(), before, "{name}");
        assert_eq!(scene.inbox.show(scene.open), shown, "{name}");
        let holding = Context::new()
            .if_revision(shown.revision)
            .if_assignee(Some(scene.alice.clone()))
            .if_status(Status::Open);
        assert!(run(&scene, &scene.with(holding)).unwrap(), "{name}");
        scene.inbox.assert_sound();
    }
}

#[test]
fn a_command_that_changes_nothing_succeeds_whatever_its_preconditions() {
    for (name, run) in UNCHANGING {
        let scene = Scene::new();
        let before = scene.inbox.store.commit_seq().unwrap();
        let of_none = Context::new().if_assignee(Some(scene.bob.clone()));
        let mut contexts = failing(&scene);
        contexts.push((
            Precondition::Assignee(None),
            of_none
                .if_status(Status::Open)
                .if_revision(Revision::new(9)),
        ));
        for (expected, context) in contexts {
            let changed = run(&scene, &scene.with(context));
            assert!(!changed.unwrap(), "{name}, {expected:?}");
        }
        assert_eq!(scene.inbox.store.commit_seq().unwrap(), before, "{name}");
    }
}

#[test]
fn a_command_on_a_missing_conversation_is_not_found_whatever_its_preconditions() {
    let scene = Scene::new();
    scene.inbox.store.delete(scene.open).unwrap();
    let by_provider_id = ["receive", "send", "record_delivery by a provider's id"];
    for (name, run) in CHANGING {
        if by_provider_id.contains(name) {
            continue;
        }
        for (_, context) in failing(&scene) {
            let error = run(&scene, &scene.with(context)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{name}");
        }
    }
}

#[test]
fn the_first_precondition_that_does_not_hold_is_reported() {
    let scene = Scene::new();
    let context = Context::new()
        .if_status(Status::Open)
        .if_assignee(None)
        .if_revision(Revision::new(7));
    let error = scene.with(context).resolve(scene.open).unwrap_err();
    assert_eq!(found(&error).0, Some(&scene.alice));
    let expected = "the conversation `{id}` is assigned to `usr_alice`";
    let expected = expected.replace("{id}", &scene.open.to_string());
    assert_eq!(error.to_string(), expected);
    let error = scene
        .inbox
        .if_revision(Revision::new(7))
        .resolve(scene.open);
    let text = error.unwrap_err().to_string();
    assert!(text.ends_with("has changed: its revision is 1"), "{text}");
    let resolved = scene.with(Context::new().if_status(Status::Resolved));
    let text = resolved.resolve(scene.open).unwrap_err().to_string();
    assert!(text.ends_with("` is open"), "{text}");
    let added = Context::new().precondition(Precondition::Assignee(None));
    assert_eq!(added, Context::new().if_assignee(None));
}

#[test]
fn no_precondition_holds_of_a_conversation_that_a_message_would_create() {
    let scene = Scene::new();
    let store = &scene.inbox.store;
    let before = store.commit_seq().unwrap();
    let created = Context::new().if_revision(Revision::ZERO);
    for context in [created, Context::new().if_assignee(None)] {
        let with = scene.with(context.if_status(Status::Open));
        let new = || Inbound::text(contact("con_new"), Channel::Webchat, "Hello");
        let unmatched = (Channel::Whatsapp, ProviderId::new("wamid.new").unwrap());
        for refused in [
            with.receive(new()).map(drop),
            with.send(to("con_new", "Hello")).map(drop),
            // A receipt that waits for its message is about no conversation yet.
            with.record_delivery(unmatched, Receipt::read()).map(drop),
        ] {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
            assert_eq!(*error.details(), Details::None);
        }
    }
    assert_eq!(store.commit_seq().unwrap(), before);
    assert_eq!(store.stats().unwrap().unmatched, 0);
}

#[test]
fn a_command_that_is_not_about_one_conversation_refuses_preconditions() {
    let scene = Scene::new();
    let carol = UserId::new("usr_carol").unwrap();
    let team = TeamId::new("team_a").unwrap();
    let name = ConsumerName::new("webhooks").unwrap();
    let added = scene.inbox.store.add_consumer(&name, ConsumerStart::Oldest);
    assert!(added.unwrap().effect.changed);
    let selection = Selection::ids([scene.open]).unwrap();
    let import = || {
        let id = ConversationId::from_parts(1, 1);
        let at = scene.inbox.clock.get();
        let new = Conversation::new(id, contact("con_3"), Channel::Webchat, at);
        Import::new(new, Vec::new())
    };
    let before = scene.inbox.store.commit_seq().unwrap();
    // They would be refused where they hold, and where nothing would change.
    let holding = Context::new().if_status(Status::Open);
    for context in [holding, Context::new().if_revision(Revision::new(7))] {
        let store = scene.with(context);
        for (command, refused) in [
            ("save_user", store.save_user(&carol, "Carol").map(drop)),
            ("save_team", store.save_team(&team, "A").map(drop)),
            ("remove", store.remove_assignee(&scene.bob, None).map(drop)),
            (
                "assign_all",
                store.assign_all(&selection, &scene.bob).map(drop),
            ),
            ("resolve_all", store.resolve_all(&selection).map(drop)),
            ("erase", store.erase_contact(&contact("con_1")).map(drop)),
            ("import", store.import(import()).map(drop)),
            (
                "add_consumer",
                store.add_consumer(&name, ConsumerStart::Newest).map(drop),
            ),
            (
                "acknowledge",
                store.acknowledge(&name, EventSeq::ZERO).map(drop),
            ),
            ("remove_consumer", store.remove_consumer(&name).map(drop)),
            (
                "purge_events",
                store.purge_events(Retention::newest(0)).map(drop),
            ),
            (
                "purge_unmatched",
                store.purge_unmatched(Duration::ZERO, 0).map(drop),
            ),
            (
                "purge_idempotency_keys",
                store.purge_idempotency_keys(Duration::ZERO).map(drop),
            ),
        ] {
            let error = refused.expect_err(command);
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{command}");
            assert_eq!(error.field(), Some("preconditions"), "{command}");
        }
    }
    assert_eq!(scene.inbox.store.commit_seq().unwrap(), before);
}

#[test]
fn a_claim_adds_its_precondition_to_those_of_the_context() {
    let scene = Scene::new();
    let stale = scene.inbox.if_revision(Revision::new(7));
    let error = stale.claim(scene.resolved, &scene.bob).unwrap_err();
    assert_eq!(found(&error), (None, Revision::new(1)));
    let as_seen = scene.inbox.if_revision(Revision::new(1));
    let claimed = as_seen.claim(scene.resolved, &scene.bob).unwrap();
    assert!(claimed.effect.changed && claimed.effect.reopened);
    // Of a conversation of another the claim's own does not hold.
    let error = as_seen.claim(scene.open, &scene.bob).unwrap_err();
    assert_eq!(found(&error), (Some(&scene.alice), Revision::new(1)));
}

#[test]
fn preconditions_are_read_from_their_json() {
    let alice = AssigneeId::new("usr_alice").unwrap();
    for (precondition, json) in [
        (
            Precondition::Revision(Revision::new(3)),
            r#"{"revision":3}"#,
        ),
        (Precondition::Assignee(None), r#"{"assignee":null}"#),
        (
            Precondition::Assignee(Some(alice)),
            r#"{"assignee":"usr_alice"}"#,
        ),
        (Precondition::Status(Status::Open), r#"{"status":"open"}"#),
    ] {
        assert_eq!(serde_json::to_string(&precondition).unwrap(), json);
        let read: Precondition = serde_json::from_str(json).unwrap();
        assert_eq!(read, precondition);
    }
}
