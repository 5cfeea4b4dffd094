//! Every way in which a message comes about, and what comes after it.

use convodb::commands::{
    Edit, Fill, React, ReceiveMessage, RecordDelivery, RecordWatermark, ReplyTo, Retry, Revoke,
    SendMessage, SetProviderId, UpdateMessage,
};
use convodb::{
    Channel, ContactId, ConversationId, Direction, Identity, Inbound, Message, MessageRef,
    Outbound, Reply, Result,
};

use super::call::{Answered, Call};
use crate::backend::Commands;
use crate::changes::{self, Change};
use crate::contacts::Called;
use crate::model::{Entry, Model};
use crate::more::More;
use crate::op::{Address, Body, InboxPick, Op, UpTo, contact};
use crate::plan::When;
use crate::provided::{Named, ProviderPlan, provider_id};
use crate::rules::{Appending, Meeting};
use crate::verdict::{Expected, Refusal};

pub(super) fn append(call: &mut Call<'_, impl Commands>, op: &Op) -> Result<()> {
    match op {
        Op::Receive {
            from,
            body,
            sent_at,
            provider_id,
            reopen,
            more,
        } => {
            let direction = Direction::Inbound;
            let mut appending = appending(call.model, (direction, *more), *from, *body, *sent_at);
            address(call, &mut appending, *from, *more)?;
            appending.provider_id = provider_id.and_then(ProviderPlan::id);
            appending.reopen = *reopen;
            let who = Called::who(more.called, *from);
            let message = Inbound::new(who, from.inbox, body.content());
            let reply_to = appending.extras.reply_to.clone();
            let mut message = more.put(message.reopen(*reopen), reply_to);
            if let Some(at) = appending.sent_at {
                message = message.provider_time(at);
            }
            if let Some(id) = provider_id {
                message = message.provider_id(id.text());
            }
            let refusals = Model::refused_message(*body, *sent_at, *provider_id, direction, *more);
            let refusals = refused(call, None, refusals, (&appending, *more));
            let answer = call.give(ReceiveMessage { message });
            appended(call, answer, &refusals, appending)
        }
        Op::Send {
            to,
            body,
            sent_at,
            provider_id,
            reopen,
            more,
        } => {
            let direction = Direction::Outbound;
            let mut appending = appending(call.model, (direction, *more), *to, *body, *sent_at);
            address(call, &mut appending, *to, *more)?;
            appending.reopen = *reopen;
            appending.provider_id = provider_id.and_then(ProviderPlan::id);
            let refusals = Model::refused_message(*body, *sent_at, *provider_id, direction, *more);
            let refusals = refused(call, None, refusals, (&appending, *more));
            let message = outbound(*to, (*body, *more), *provider_id, &appending);
            let answer = call.give(SendMessage { message });
            appended(call, answer, &refusals, appending)
        }
        Op::Reply {
            conversation,
            body,
            sent_at,
            provider_id,
            reopen,
            more,
            address: to,
        } => {
            let id = call.model.pick(*conversation);
            let direction = Direction::Outbound;
            // Without an address it names no contact.
            let mut more = *more;
            more.called = more.called.filter(|_| to.is_some());
            let more = &more;
            let mut refusals =
                Model::refused_message(*body, *sent_at, *provider_id, direction, *more);
            refusals.extend(call.model.missing(id));
            let mut appending = replying(call.model, id, (*body, *more), *sent_at);
            if let (Some(to), Some(entry)) = (to, call.model.entry(id)) {
                let own = entry.clone();
                refusals.extend(misaddressed(call, &own, *to, *more)?);
                let called = more.called.into_iter();
                appending.identities = called
                    .flat_map(|it| it.identities(own.inbox.channel()))
                    .collect();
            }
            appending.reopen = *reopen;
            appending.provider_id = provider_id.and_then(ProviderPlan::id);
            let refusals = refused(call, Some(id), refusals, (&appending, *more));
            let reply = match to {
                Some(to) => Reply::from(outbound(*to, (*body, *more), *provider_id, &appending)),
                None => plain_reply((*body, *more), *provider_id, &appending),
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
    (direction, more): (Direction, More),
    to: Address,
    body: Body,
    sent_at: Option<When>,
) -> Appending {
    let within = model.thread(&to.contact_id(), to.inbox);
    let reply_to = model.answered(within, more);
    let outbound = direction == Direction::Outbound;
    Appending {
        direction,
        contact_id: model.contact_meant(&to.contact_id()),
        inbox: to.inbox,
        content: body.stored(),
        sent_at: sent_at.map(|at| at.time(model.clock.get())),
        provider_id: None,
        reopen: true,
        extras: more.extras(direction, reply_to),
        pending: more.pending && outbound,
        identities: Vec::new(),
        echo: more.echo && outbound,
    }
}

/// The contact of a message, and what it calls the contact.
fn address(
    call: &Call<'_, impl Commands>,
    appending: &mut Appending,
    to: Address,
    more: More,
) -> Result<()> {
    if let Some(called) = more.called {
        appending.identities = called.identities(to.inbox.channel());
        appending.contact_id = caller(call, to, called, &appending.identities)?;
        let within = call.model.thread(&appending.contact_id, to.inbox);
        appending.extras.reply_to = call.model.answered(within, more);
    }
    Ok(())
}

fn caller(
    call: &Call<'_, impl Commands>,
    to: Address,
    called: Called,
    identities: &[Identity],
) -> Result<ContactId> {
    let named = (!called.alone).then(|| to.contact_id());
    let made = match identities.first() {
        Some(identity) => call.commands.contact_of(identity)?,
        // It is refused.
        None => to.contact_id(),
    };
    Ok(call.model.caller(named, identities, Some(made)))
}

/// A reply goes to the conversation's own contact in its own inbox.
fn misaddressed(
    call: &Call<'_, impl Commands>,
    own: &Entry,
    to: Address,
    more: More,
) -> Result<Vec<Refusal>> {
    let mut wrong = Vec::new();
    let (is_wrong, field) = match to.inbox {
        // The channel alone may be given too.
        InboxPick::Own(channel) => (channel != own.inbox.channel(), "channel"),
        saved => (saved != own.inbox, "inbox_id"),
    };
    wrong.extend(is_wrong.then_some(field));
    let is_alone = more.called.is_some_and(|called| called.alone);
    if !is_alone && call.model.contact_meant(&to.contact_id()) != own.contact_id {
        wrong.push("contact_id");
    }
    if let Some(called) = more.called {
        let identities = called.identities(own.inbox.channel());
        if caller(call, to, called, &identities)? != own.contact_id {
            wrong.push("identities");
        }
    }
    Ok(wrong.into_iter().map(Refusal::invalid).collect())
}

/// A reply goes where the conversation is, whatever its address.
fn replying(
    model: &Model,
    id: ConversationId,
    (body, more): (Body, More),
    sent_at: Option<When>,
) -> Appending {
    let stranger = Address {
        contact: 0,
        inbox: InboxPick::Own(Channel::Whatsapp),
    };
    let mut appending = appending(model, (Direction::Outbound, more), stranger, body, sent_at);
    if let Some(entry) = model.entry(id) {
        (appending.contact_id, appending.inbox) = (entry.contact_id.clone(), entry.inbox);
        appending.extras.reply_to = model.answered(Some(entry), more);
    }
    appending
}

fn outbound(
    to: Address,
    (body, more): (Body, More),
    provider_id: Option<ProviderPlan>,
    appending: &Appending,
) -> Outbound {
    let who = Called::who(more.called, to);
    let outbound = Outbound::new(who, to.inbox, body.content());
    let outbound = more.put(outbound.reopen(appending.reopen), reply_to(appending));
    let mut outbound = more.put_outbound(outbound);
    if let Some(at) = appending.sent_at {
        outbound = outbound.provider_time(at);
    }
    match provider_id {
        Some(id) => outbound.provider_id(id.text()),
        None => outbound,
    }
}

fn reply_to(appending: &Appending) -> Option<convodb::Reference> {
    appending.extras.reply_to.clone()
}

fn plain_reply(
    (body, more): (Body, More),
    provider_id: Option<ProviderPlan>,
    appending: &Appending,
) -> Reply {
    let reply = Reply::new(body.content()).reopen(appending.reopen);
    let mut reply = more.put_outbound(more.put(reply, reply_to(appending)));
    if let Some(at) = appending.sent_at {
        reply = reply.provider_time(at);
    }
    match provider_id {
        Some(id) => reply.provider_id(id.text()),
        None => reply,
    }
}

/// What is refused of a message to a conversation, or to that of its contact and inbox.
fn refused(
    call: &Call<'_, impl Commands>,
    conversation: Option<ConversationId>,
    mut refusals: Vec<Refusal>,
    (appending, more): (&Appending, More),
) -> Vec<Refusal> {
    let thread = call.model.thread(&appending.contact_id, appending.inbox);
    let about = conversation.or(thread.map(|entry| entry.id));
    let meeting = call.model.meeting(appending);
    refusals.extend(call.model.no_inbox(appending.inbox));
    match &meeting {
        Meeting::Refused(kind) => refusals.push(Refusal::of(*kind)),
        Meeting::New { .. } if appending.direction == Direction::Outbound => {
            let stranger = more.author.and_then(|by| call.model.stranger(by, "author"));
            refusals.extend(stranger);
        }
        Meeting::New { .. } | Meeting::Known(..) => {}
    }
    call.with_unmet(about, refusals, |model| match meeting {
        Meeting::New { .. } => true,
        // One that is stored already changes nothing, but for what is new.
        Meeting::Known(of, id) => model.append((of, id), appending.clone()).changed,
        Meeting::Refused(_) => false,
    })
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

/// Receipts, providers' ids, and all else that becomes of messages.
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
        Op::Change { of, change } => {
            let named = call.model.named(*of);
            self::change(call, named, *change)
        }
        Op::Watermark { of, status } => watermark(call, *of, *status),
        other => panic!("{other:?} annotates nothing"),
    }
}

fn watermark(
    call: &mut Call<'_, impl Commands>,
    plan: UpTo,
    status: convodb::DeliveryStatus,
) -> Result<()> {
    let of = call.model.watermark(plan);
    let refusals = call.model.refused_watermark(plan, &of, status);
    let about = call.model.conversation_until(&of);
    let command = RecordWatermark {
        of: of.of(),
        status,
    };
    call.settle(about, refusals, command, |model| {
        model.report_until(&of, status)
    })
}

fn change(call: &mut Call<'_, impl Commands>, named: Named, change: Change) -> Result<()> {
    let refusals = call.model.refused_change(&named, change);
    let about = call.model.conversation_of(&named);
    let message = MessageRef::from(&named);
    let clock = call.model.clock.get();
    let time = |at: Option<When>| at.map(|at| at.time(clock));
    match change {
        Change::React { by, emoji, at } => {
            let command = React {
                by: by.author(),
                emoji: changes::emoji(emoji),
                at: time(at),
                ..React::none(message)
            };
            call.settle(about, refusals, command, |model| {
                model.change_or_wait(&named, change)
            })
        }
        Change::Revoke {
            by,
            at,
            keep_content,
        } => {
            let command = Revoke {
                by: by.author(),
                at: time(at),
                keep_content,
                ..Revoke::new(message)
            };
            call.settle(about, refusals, command, |model| {
                model.change_or_wait(&named, change)
            })
        }
        Change::Edit {
            contact: of,
            body,
            at,
        } => {
            let command = Edit {
                contact: of.map(|of| contact(of).into()),
                at: time(at),
                ..Edit::new(message, body.content())
            };
            match (named, of) {
                (Named::Provided(inbox, id), Some(of))
                    if about.is_none() && !call.model.is_tombstone(inbox, &id) =>
                {
                    let address = Address { contact: of, inbox };
                    let from = (Direction::Inbound, More::default());
                    let mut appending = appending(call.model, from, address, body, at);
                    let sent_at = appending.sent_at.get_or_insert(call.model.newest);
                    let edited_at = crate::plan::to_the_microsecond(*sent_at);
                    appending.extras.edited_at = Some(edited_at.min(call.model.newest));
                    appending.extras.awaits_original = true;
                    appending.provider_id = Some(id);
                    let from = (&appending, More::default());
                    let refusals = refused(call, None, refusals, from);
                    let answer = call.give(command);
                    // The message is new, whether its conversation is or not.
                    call.compare(answer, &refusals, |model, message| {
                        let message = message.as_ref().expect("it is stored");
                        let of = (message.conversation_id, message.id);
                        Expected {
                            created: true,
                            ..model.append(of, appending).map(Some)
                        }
                    })
                }
                (named, _) => call.settle(about, refusals, command, |model| {
                    model.change_or_wait(&named, change)
                }),
            }
        }
        Change::TryAgain => call.settle(about, refusals, Retry { message }, |model| {
            model.change(&named, change)
        }),
        Change::Update {
            attachment,
            metadata,
        } => {
            let mut command = UpdateMessage::new(message);
            command.attachments = attachment.map(|plan| plan.update()).into_iter().collect();
            command.metadata = metadata.map(changes::metadata).unwrap_or_default();
            call.settle(about, refusals, command, |model| {
                model.change(&named, change)
            })
        }
        Change::Fill { body } => {
            let content = body.content();
            call.settle(about, refusals, Fill { message, content }, |model| {
                model.change_or_wait(&named, change)
            })
        }
    }
}
