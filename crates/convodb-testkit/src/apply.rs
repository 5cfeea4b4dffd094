//! An operation done to the store and to the model, and the two answers held together.

mod guarded;
mod many;

use std::fmt::Debug;
use std::time::Duration;

use chrono::TimeDelta;
use convodb::{
    Assignee, AssigneeId, Channel, ConsumerName, ContactId, Conversation, ConversationId,
    Direction, Each, Error, ErrorKind, Handle, Import, Inbound, Message, MessageRef, Note,
    Outbound, ProviderId, Receipt, Reply, Result, Store, Takeover, Targets, TeamId, Transaction,
    UserId,
};

use super::events::{self, RetentionPlan};
use super::keys::{Answer, Known, Told};
use super::model::Model;
use super::op::{self, Address, Body, Op, Who};
use super::plan::{ImportPlan, When};
use super::provided::{ProviderPlan, provider_id};
use super::rules::Appending;
use super::verdict::{Expected, Refusal};

/// The commands, however they are given: the one list of them serves all three ways. Each answers
/// with what tells it from others.
macro_rules! commands {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $value:ty;)*) => {
        pub trait Commands {
            $(fn $name(&mut self, $($argument: $type),*) -> Told<$value>;)*
        }

        commands!(impl &Store { Store $($name($($argument: $type),*) -> $value;)* });
        commands!(impl Handle<'_> { Handle $($name($($argument: $type),*) -> $value;)* });
        commands!(impl Transaction<'_> { Transaction $($name($($argument: $type),*) -> $value;)* });
    };
    (impl $of:ty { $by:ident $($name:ident($($argument:ident: $type:ty),*) -> $value:ty;)* }) => {
        impl Commands for $of {
            $(fn $name(&mut self, $($argument: $type),*) -> Told<$value> {
                let command = format!("{:?}", (stringify!($name), $(&$argument),*));
                Told::new(command, $by::$name(self, $($argument),*))
            })*
        }
    };
}

commands! {
    fn receive(inbound: Inbound) -> Message;
    fn send(outbound: Outbound) -> Message;
    fn reply(id: ConversationId, reply: Reply) -> Message;
    fn record_delivery(message: MessageRef, receipt: Receipt) -> Option<Message>;
    fn set_provider_id(message: MessageRef, id: &ProviderId) -> Message;
    fn purge_parked(older_than: Duration) -> u64;
    fn purge_idempotency_keys(older_than: Duration) -> u64;
    fn assign_all(targets: &Targets, assignee: &AssigneeId) -> Each;
    fn resolve_all(targets: &Targets) -> Each;
    fn assign(id: ConversationId, assignee: &AssigneeId) -> Conversation;
    fn unassign(id: ConversationId) -> Conversation;
    fn claim(id: ConversationId, assignee: &AssigneeId) -> Conversation;
    fn assign_if(
        id: ConversationId,
        assignee: &AssigneeId,
        expected: Option<&AssigneeId>
    ) -> Conversation;
    fn resolve_if(id: ConversationId, revision: u64) -> Conversation;
    fn reply_if(id: ConversationId, revision: u64, reply: Reply) -> Message;
    fn mark_read(id: ConversationId, seen: u64) -> Conversation;
    fn resolve(id: ConversationId) -> Conversation;
    fn add_note(id: ConversationId, content: &str) -> Note;
    fn delete(id: ConversationId) -> ();
    fn erase_contact(contact: &ContactId) -> u64;
    fn put_user(id: &UserId, name: &str) -> Assignee;
    fn put_team(id: &TeamId, name: &str) -> Assignee;
    fn remove_assignee(id: &AssigneeId, takeover: &Takeover) -> u64;
    fn import(import: Import) -> Conversation;
    fn add_consumer(name: &ConsumerName) -> u64;
    fn ack_events(consumer: &ConsumerName, sequence: u64) -> u64;
    fn remove_consumer(name: &ConsumerName) -> ();
}

/// Why a transaction of a harness did not commit.
enum Ended {
    RolledBack,
    Failed(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Does an operation to both, and panics where the store answers otherwise than the model.
///
/// A failure that no rule demands, as that of a disk, is returned; the model is then as before.
pub fn apply(store: &Store, model: &mut Model, op: &Op) -> Result<()> {
    match op {
        Op::Reopen => store.reopen(),
        Op::Compact => store.compact(),
        Op::Refile { most } => refile(store, model, *most),
        Op::Transaction { ops, commit } => transaction(store, model, ops, *commit),
        Op::ImportAll(plans) => import_all(store, model, plans),
        Op::PurgeEvents(plan) => purge(store, model, *plan),
        op => {
            let Some(command) = model.meant(op) else {
                return Ok(());
            };
            let mut draft = model.clone();
            match command.context() {
                Some(context) => run(&mut store.with(context), &mut draft, &command)?,
                None => run(&mut &*store, &mut draft, &command)?,
            }
            model.commit(draft);
            Ok(())
        }
    }
}

fn transaction(store: &Store, model: &mut Model, ops: &[Op], commit: bool) -> Result<()> {
    let mut draft = model.clone();
    let ended = store.transaction(|tx| {
        for op in ops {
            let Some(op) = draft.meant(op) else { continue };
            tx.set_context(op.context().unwrap_or_default());
            run(tx, &mut draft, &op)?;
            super::compare::within(tx, &draft)?;
        }
        if commit {
            Ok(())
        } else {
            Err(Ended::RolledBack)
        }
    });
    match ended {
        Ok(()) => {
            model.commit(draft);
            Ok(())
        }
        Err(Ended::RolledBack) => Ok(()),
        Err(Ended::Failed(error)) => Err(error),
    }
}

fn import_all(store: &Store, model: &mut Model, plans: &[ImportPlan]) -> Result<()> {
    let mut draft = model.clone();
    draft.read_clock();
    let clock = draft.clock.get();
    let imports: Vec<_> = plans.iter().map(|plan| plan.build(clock)).collect();
    let mut refusals = Vec::new();
    for (index, (import, flaw)) in imports.iter().enumerate() {
        let of_one = draft.refused_import(import, flaw.clone());
        refusals.extend(of_one.into_iter().map(|one| one.within(index)));
        if !refusals.is_empty() {
            break;
        }
        draft.import(import.clone());
    }
    let imports = imports.into_iter().map(|(import, _)| import);
    if let Some(imported) = permitted(store.import_all(imports), &refusals)? {
        assert_eq!(imported, plans.len() as u64, "imported");
        model.commit(draft);
    }
    Ok(())
}

fn refile(store: &Store, model: &mut Model, most: u8) -> Result<()> {
    let mut draft = model.clone();
    draft.read_clock();
    let refiled = convodb::testing::refile(store, most.into())?;
    draft.refile(&refiled, most);
    model.commit(draft);
    Ok(())
}

fn purge(store: &Store, model: &mut Model, plan: RetentionPlan) -> Result<()> {
    let mut draft = model.clone();
    draft.read_clock();
    let answer = Told::new(String::new(), store.purge_events(&plan.retention()));
    settle(&mut draft, answer, &[], |draft, _| draft.purge(plan))?;
    model.commit(draft);
    Ok(())
}

/// One command. Anything else was taken care of above.
fn run(commands: &mut impl Commands, model: &mut Model, op: &Op) -> Result<()> {
    let Op::Keyed { key, op } = op else {
        return run_plain(commands, model, op);
    };
    model.give(*key, op);
    let done = run_plain(commands, model, op);
    // What is no command took none.
    model.key = None;
    done
}

fn run_plain(commands: &mut impl Commands, model: &mut Model, op: &Op) -> Result<()> {
    if let Op::MoveClock { micros } = op {
        let moved = model.clock.get() + TimeDelta::microseconds(*micros);
        model.clock.set(moved);
        return Ok(());
    }
    model.read_clock();
    match op {
        Op::Receive { .. } | Op::Send { .. } | Op::Reply { .. } => append(commands, model, op),
        Op::Assign { .. } | Op::Unassign { .. } | Op::Claim { .. } | Op::Resolve { .. } => {
            move_conversation(commands, model, op)
        }
        Op::AssignIf { .. } | Op::ResolveIf { .. } | Op::ReplyIf { .. } | Op::MarkRead { .. } => {
            guarded::run(commands, model, op)
        }
        Op::Delete { conversation } => {
            let id = model.pick(*conversation);
            let refusals: Vec<_> = model.missing(id).into_iter().collect();
            let answer = commands.delete(id);
            settle(model, answer, &refusals, |model, _| model.delete(id))
        }
        Op::EraseContact { contact } => {
            let answer = commands.erase_contact(&op::contact(*contact));
            settle(model, answer, &[], |model, _| model.erase_contact(*contact))
        }
        Op::AddNote { .. } | Op::RecordDelivery { .. } | Op::SetProviderId { .. } => {
            annotate(commands, model, op)
        }
        Op::AssignAll { .. }
        | Op::ResolveAll { .. }
        | Op::PurgeParked { .. }
        | Op::PurgeKeys { .. } => many::run(commands, model, op),
        Op::PutAssignee { .. } | Op::RemoveAssignee { .. } => direct(commands, model, op),
        Op::Import(plan) => {
            let (import, flaw) = plan.build(model.clock.get());
            let refusals = model.refused_import(&import, flaw);
            let answer = commands.import(import.clone());
            settle(model, answer, &refusals, |model, _| model.import(import))
        }
        Op::AddConsumer { .. } | Op::AckEvents { .. } | Op::RemoveConsumer { .. } => {
            consume(commands, model, op)
        }
        other => panic!("{other:?} is no command"),
    }
}

/// Every way in which a message comes about.
fn append(commands: &mut impl Commands, model: &mut Model, op: &Op) -> Result<()> {
    match op {
        Op::Receive {
            from,
            body,
            sent_at,
            provider_id,
        } => {
            let mut appending = appending(model, Direction::Inbound, *from, *body, *sent_at);
            appending.provider_id = provider_id.and_then(ProviderPlan::id);
            let mut inbound = Inbound::new(from.contact_id(), from.channel, body.content());
            if let Some(at) = appending.sent_at {
                inbound = inbound.sent_at(at);
            }
            if let Some(id) = provider_id {
                inbound = inbound.provider_id(id.text());
            }
            let refusals = Model::refused_message(*body, *sent_at, *provider_id);
            appended(model, commands.receive(inbound), refusals, appending)
        }
        Op::Send {
            to,
            body,
            sent_at,
            provider_id,
            reopen,
        } => {
            let mut appending = appending(model, Direction::Outbound, *to, *body, *sent_at);
            appending.reopen = *reopen;
            appending.provider_id = provider_id.and_then(ProviderPlan::id);
            let refusals = Model::refused_message(*body, *sent_at, *provider_id);
            let answer = commands.send(outbound(*to, *body, *provider_id, &appending));
            appended(model, answer, refusals, appending)
        }
        Op::Reply {
            conversation,
            body,
            sent_at,
            provider_id,
            reopen,
            address,
        } => {
            let id = model.pick(*conversation);
            let mut refusals = Model::refused_message(*body, *sent_at, *provider_id);
            refusals.extend(model.missing(id));
            refusals.extend(model.misaddressed(id, *address));
            let mut appending = replying(model, id, *address, *body, *sent_at);
            appending.reopen = *reopen;
            appending.provider_id = provider_id.and_then(ProviderPlan::id);
            let reply = match address {
                Some(to) => Reply::from(outbound(*to, *body, *provider_id, &appending)),
                None => plain_reply(*body, *provider_id, &appending),
            };
            appended(model, commands.reply(id, reply), refusals, appending)
        }
        other => panic!("{other:?} appends nothing"),
    }
}

fn appending(
    model: &Model,
    direction: Direction,
    to: Address,
    body: Body,
    sent_at: Option<When>,
) -> Appending {
    Appending {
        direction,
        contact_id: to.contact_id(),
        channel: to.channel,
        content: body.content(),
        sent_at: sent_at.map(|at| at.time(model.clock.get())),
        provider_id: None,
        reopen: true,
    }
}

/// Without an address it goes where the conversation goes.
fn replying(
    model: &Model,
    id: ConversationId,
    address: Option<Address>,
    body: Body,
    sent_at: Option<When>,
) -> Appending {
    let to = address.unwrap_or(Address {
        contact: 0,
        channel: Channel::Whatsapp,
    });
    let mut appending = appending(model, Direction::Outbound, to, body, sent_at);
    if let Some(entry) = model.entry(id) {
        (appending.contact_id, appending.channel) = (entry.contact_id.clone(), entry.channel);
    }
    appending
}

fn outbound(
    to: Address,
    body: Body,
    provider_id: Option<ProviderPlan>,
    appending: &Appending,
) -> Outbound {
    let outbound = Outbound::new(to.contact_id(), to.channel, body.content());
    let mut outbound = outbound.reopen(appending.reopen);
    if let Some(at) = appending.sent_at {
        outbound = outbound.sent_at(at);
    }
    match provider_id {
        Some(id) => outbound.provider_id(id.text()),
        None => outbound,
    }
}

fn plain_reply(body: Body, provider_id: Option<ProviderPlan>, appending: &Appending) -> Reply {
    let mut reply = Reply::new(body.content()).reopen(appending.reopen);
    if let Some(at) = appending.sent_at {
        reply = reply.sent_at(at);
    }
    match provider_id {
        Some(id) => reply.provider_id(id.text()),
        None => reply,
    }
}

fn appended(
    model: &mut Model,
    answer: Told<Message>,
    mut refusals: Vec<Refusal>,
    appending: Appending,
) -> Result<()> {
    refusals.extend(model.erased(appending.channel, appending.provider_id.as_ref()));
    settle(model, answer, &refusals, |model, message| {
        model.append((message.conversation_id, message.id), appending)
    })
}

fn move_conversation(commands: &mut impl Commands, model: &mut Model, op: &Op) -> Result<()> {
    match op {
        Op::Assign {
            conversation,
            assignee,
        }
        | Op::Claim {
            conversation,
            assignee,
        } => {
            let (id, assignee) = (model.pick(*conversation), assignee.id());
            let claims = matches!(op, Op::Claim { .. });
            let mut refusals: Vec<_> = model.missing(id).into_iter().collect();
            refusals.extend(model.unknown(&assignee));
            let answer = if claims {
                refusals.extend(model.taken(id, &assignee, None));
                commands.claim(id, &assignee)
            } else {
                commands.assign(id, &assignee)
            };
            settle(model, answer, &refusals, |model, _| {
                model.assign(id, &assignee)
            })
        }
        Op::Unassign { conversation } | Op::Resolve { conversation } => {
            let id = model.pick(*conversation);
            let refusals: Vec<_> = model.missing(id).into_iter().collect();
            if matches!(op, Op::Resolve { .. }) {
                let answer = commands.resolve(id);
                settle(model, answer, &refusals, |model, _| model.resolve(id))
            } else {
                let answer = commands.unassign(id);
                settle(model, answer, &refusals, |model, _| model.unassign(id))
            }
        }
        other => panic!("{other:?} moves no conversation"),
    }
}

/// Notes and receipts.
fn annotate(commands: &mut impl Commands, model: &mut Model, op: &Op) -> Result<()> {
    match op {
        Op::AddNote {
            conversation,
            text,
            author,
        } => {
            let (id, content) = (model.pick(*conversation), text.string());
            let mut refusals: Vec<_> = model.missing(id).into_iter().collect();
            refusals.extend(text.is_refused().then(|| Refusal::invalid("content")));
            let answer = commands.add_note(id, &content);
            settle(model, answer, &refusals, |model, note| {
                model.add_note(id, note.id, content, author.map(Who::actor))
            })
        }
        Op::RecordDelivery { of, receipt } => {
            let named = model.named(*of);
            let refusals = model.refused_delivery(&named, *receipt);
            let given = receipt.receipt(model.clock.get());
            let answer = commands.record_delivery(MessageRef::from(&named), given);
            settle(model, answer, &refusals, |model, _| {
                model.record_delivery(&named, *receipt)
            })
        }
        Op::SetProviderId { of, number } => {
            let (named, id) = (model.named(*of), provider_id(*number));
            let refusals = model.refused_provider_id(&named, &id);
            let answer = commands.set_provider_id(MessageRef::from(&named), &id);
            settle(model, answer, &refusals, |model, _| {
                model.set_provider_id(&named, &id)
            })
        }
        other => panic!("{other:?} annotates nothing"),
    }
}

/// The directory.
fn direct(commands: &mut impl Commands, model: &mut Model, op: &Op) -> Result<()> {
    match op {
        Op::PutAssignee { assignee, name } => {
            let (id, name) = (assignee.id(), name.string());
            let bad = name.trim().is_empty() || name.len() > 256;
            let refusals: Vec<_> = bad.then(|| Refusal::invalid("name")).into_iter().collect();
            let answer = match &id {
                AssigneeId::User(user) => commands.put_user(user, &name),
                AssigneeId::Team(team) => commands.put_team(team, &name),
            };
            settle(model, answer, &refusals, |model, _| {
                model.put_assignee(&id, name)
            })
        }
        Op::RemoveAssignee { assignee, takeover } => {
            let (id, successor) = (assignee.id(), takeover.map(Who::id));
            let refusals = model.refused_removal(&id, successor.as_ref());
            let takeover = match &successor {
                Some(by) => Takeover::By(by.clone()),
                None => Takeover::Unassign,
            };
            let answer = commands.remove_assignee(&id, &takeover);
            settle(model, answer, &refusals, |model, _| {
                model.remove_assignee(&id, successor)
            })
        }
        other => panic!("{other:?} is about no user or team"),
    }
}

/// Consumers of events.
fn consume(commands: &mut impl Commands, model: &mut Model, op: &Op) -> Result<()> {
    match op {
        Op::AddConsumer { consumer } => {
            let name = events::consumer(*consumer);
            let answer = commands.add_consumer(&name);
            settle(model, answer, &[], |model, _| model.add_consumer(&name))
        }
        Op::AckEvents { consumer, ahead } => {
            let name = events::consumer(*consumer);
            let position = model.position(&name).unwrap_or(0);
            let sequence = (position + u64::from(*ahead)).saturating_sub(2);
            let refusals = model.refused_ack(&name, sequence);
            let answer = commands.ack_events(&name, sequence);
            settle(model, answer, &refusals, |model, _| {
                model.ack(&name, sequence)
            })
        }
        Op::RemoveConsumer { consumer } => {
            let name = events::consumer(*consumer);
            let refusals: Vec<_> = model.unknown_consumer(&name).into_iter().collect();
            let answer = commands.remove_consumer(&name);
            settle(model, answer, &refusals, |model, _| {
                model.remove_consumer(&name)
            })
        }
        other => panic!("{other:?} is about no consumer"),
    }
}

/// The answer, or nothing where the store refused as the rules demand.
fn permitted<T: Debug>(answer: Result<T>, refusals: &[Refusal]) -> Result<Option<T>> {
    match answer {
        Ok(value) => {
            assert!(refusals.is_empty(), "{value:?} instead of {refusals:?}");
            Ok(Some(value))
        }
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::Erased => {
                let demanded = refusals.iter().any(|refusal| refusal.is(&error));
                assert!(demanded, "{error:?} instead of {refusals:?}");
                Ok(None)
            }
            _ => Err(error),
        },
    }
}

/// Lets the model do what the store did, and compares what both say of it.
fn settle<T: Answer>(
    model: &mut Model,
    Told { command, answer }: Told<T>,
    refusals: &[Refusal],
    effect: impl FnOnce(&mut Model, &T) -> Expected<T>,
) -> Result<()> {
    let key = model.key.take();
    let known = key.map_or(Known::New, |key| model.known(key, &command));
    let refusals = match &known {
        Known::New => refusals,
        Known::Done(_) => &[],
        Known::Refused(refusal) => std::slice::from_ref(refusal),
    };
    let Some((got, sequence)) = permitted(answer, refusals)? else {
        return Ok(());
    };
    let expected = match (known, key) {
        (Known::Done(before), _) => before,
        (_, None) => effect(model, &got.value),
        (_, Some(key)) => {
            let did = effect(model, &got.value);
            model.remember(key, command, &did);
            did
        }
    };
    assert_eq!(got, expected, "the store's answer and the model's");
    assert_eq!(sequence, model.holding_sequence(), "sequence");
    Ok(())
}
