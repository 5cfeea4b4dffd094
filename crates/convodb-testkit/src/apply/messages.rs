//! Every way in which a message comes about, and what comes after it.

use convodb::commands::{ReceiveMessage, RecordDelivery, ReplyTo, SendMessage, SetProviderId};
use convodb::{
    Channel, ConversationId, Direction, ErrorKind, Inbound, Message, MessageRef, Outbound, Reply,
    Result,
};

use super::call::{Answered, Call};
use crate::backend::Commands;
use crate::model::Model;
use crate::op::{Address, Body, Op};
use crate::plan::When;
use crate::provided::{ProviderPlan, provider_id};
use crate::rules::Appending;
use crate::verdict::Refusal;

pub(super) fn append(call: &mut Call<'_, impl Commands>, op: &Op) -> Result<()> {
    match op {
        Op::Receive {
            from,
            body,
            sent_at,
            provider_id,
        } => {
            let mut appending = appending(call.model, Direction::Inbound, *from, *body, *sent_at);
            appending.provider_id = provider_id.and_then(ProviderPlan::id);
            let mut message = Inbound::new(from.contact_id(), from.channel, body.content());
            if let Some(at) = appending.sent_at {
                message = message.provider_time(at);
            }
            if let Some(id) = provider_id {
                message = message.provider_id(id.text());
            }
            let refusals =
                Model::refused_message(*body, *sent_at, *provider_id, appending.direction);
            let refusals = refused(call, None, refusals, &appending);
            let answer = call.give(ReceiveMessage { message });
            appended(call, answer, &refusals, appending)
        }
        Op::Send {
            to,
            body,
            sent_at,
            provider_id,
            reopen,
        } => {
            let mut appending = appending(call.model, Direction::Outbound, *to, *body, *sent_at);
            appending.reopen = *reopen;
            appending.provider_id = provider_id.and_then(ProviderPlan::id);
            let refusals =
                Model::refused_message(*body, *sent_at, *provider_id, appending.direction);
            let refusals = refused(call, None, refusals, &appending);
            let message = outbound(*to, *body, *provider_id, &appending);
            let answer = call.give(SendMessage { message });
            appended(call, answer, &refusals, appending)
        }
        Op::Reply {
            conversation,
            body,
            sent_at,
            provider_id,
            reopen,
            address,
        } => {
            let id = call.model.pick(*conversation);
            let direction = Direction::Outbound;
            let mut refusals = Model::refused_message(*body, *sent_at, *provider_id, direction);
            refusals.extend(call.model.missing(id));
            refusals.extend(call.model.misaddressed(id, *address));
            let mut appending = replying(call.model, id, *address, *body, *sent_at);
            appending.reopen = *reopen;
            appending.provider_id = provider_id.and_then(ProviderPlan::id);
            let refusals = refused(call, Some(id), refusals, &appending);
            let reply = match address {
                Some(to) => Reply::from(outbound(*to, *body, *provider_id, &appending)),
                None => plain_reply(*body, *provider_id, &appending),
            };
            let answer = call.give(ReplyTo {
                conversation: id,
                reply,
            });
            appended(call, answer, &refusals, appending)
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

/// A reply goes where the conversation is, whatever its address.
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
        outbound = outbound.provider_time(at);
    }
    match provider_id {
        Some(id) => outbound.provider_id(id.text()),
        None => outbound,
    }
}

fn plain_reply(body: Body, provider_id: Option<ProviderPlan>, appending: &Appending) -> Reply {
    let mut reply = Reply::new(body.content()).reopen(appending.reopen);
    if let Some(at) = appending.sent_at {
        reply = reply.provider_time(at);
    }
    match provider_id {
        Some(id) => reply.provider_id(id.text()),
        None => reply,
    }
}

/// What is refused of a message to a conversation, or to that of its contact and channel.
fn refused(
    call: &Call<'_, impl Commands>,
    conversation: Option<ConversationId>,
    mut refusals: Vec<Refusal>,
    appending: &Appending,
) -> Vec<Refusal> {
    let (channel, known) = (appending.channel, appending.provider_id.as_ref());
    refusals.extend(call.model.gone(channel, known));
    let thread = call.model.thread(&appending.contact_id, channel);
    let about = conversation.or(thread.map(|entry| entry.id));
    let stored = known.and_then(|id| call.model.provided(channel, id));
    let is_anothers = stored.is_some_and(|stored| {
        Some(stored.conversation_id) != about || stored.direction != appending.direction
    });
    refusals.extend(is_anothers.then(|| Refusal::of(ErrorKind::ProviderIdConflict)));
    // One that is stored already changes nothing.
    let is_new = stored.is_none();
    call.with_unmet(about, refusals, |_| is_new)
}

fn appended(
    call: &mut Call<'_, impl Commands>,
    answer: Answered<Message>,
    refusals: &[Refusal],
    appending: Appending,
) -> Result<()> {
    call.compare(answer, refusals, |model, message| {
        model.append((message.conversation_id, message.id), appending)
    })
}

/// Receipts and providers' ids.
pub(super) fn annotate(call: &mut Call<'_, impl Commands>, op: &Op) -> Result<()> {
    match op {
        Op::RecordDelivery { of, receipt } => {
            let named = call.model.named(*of);
            let refusals = call.model.refused_delivery(&named, *receipt);
            let about = call.model.conversation_of(&named);
            let command = RecordDelivery {
                message: MessageRef::from(&named),
                receipt: receipt.receipt(call.model.clock.get()),
            };
            call.settle(about, refusals, command, |model| {
                model.record_delivery(&named, *receipt)
            })
        }
        Op::SetProviderId { of, number } => {
            let (named, id) = (call.model.named(*of), provider_id(*number));
            let refusals = call.model.refused_provider_id(&named, &id);
            let about = call.model.conversation_of(&named);
            let command = SetProviderId {
                message: MessageRef::from(&named),
                provider_id: id.clone(),
            };
            call.settle(about, refusals, command, |model| {
                model.set_provider_id(&named, &id)
            })
        }
        other => panic!("{other:?} annotates nothing"),
    }
}
