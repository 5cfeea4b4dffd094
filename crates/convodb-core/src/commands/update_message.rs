use super::record_delivery::{Found, find, reads};
use super::record_watermark::advanced;
use super::*;
use crate::metadata::MetadataChanges;

/// Adds what became known of a message: of its attachments, such as an address or a transcript, and the
/// caller's own values. Not activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UpdateMessage {
    /// The message.
    pub message: MessageRef,
    /// New values for fields of attachments.
    pub attachments: Vec<AttachmentUpdate>,
    /// New values of the caller's own.
    pub metadata: MetadataChanges,
}

impl UpdateMessage {
    /// An update that sets nothing yet.
    pub fn new(message: impl Into<MessageRef>) -> Self {
        Self {
            message: message.into(),
            attachments: Vec::new(),
            metadata: MetadataChanges::default(),
        }
    }
}

impl Command for UpdateMessage {
    type Output = Message;
    const NAME: &'static str = "update_message";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        reads(&self.message, keys);
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let message = require(state, &self.message)?;
        check_not_revoked(message)?;
        let mut set = Vec::new();
        if !self.attachments.is_empty() {
            let mut content = message.content.clone();
            let attachments = content
                .attachments_mut()
                .map_or(&mut [][..], |all| &mut all[..]);
            for (nth, update) in self.attachments.iter().enumerate() {
                let place = usize::try_from(update.index).ok();
                let attachment = place.and_then(|place| attachments.get_mut(place));
                let field = format!("attachments[{nth}].index");
                let reason = "the message has no such attachment";
                let attachment = attachment.ok_or_else(|| InvalidInput::new(field, reason))?;
                update.apply(attachment);
            }
            set.push(MessageField::Content(content.accepted(Origin::Fact)?));
        }
        if !self.metadata.0.is_empty() {
            let known = message.extras.as_ref().map(|extras| &extras.metadata);
            let merged = known.cloned().unwrap_or_default().merged(&self.metadata);
            merged.validate_of_message()?;
            set.push(MessageField::Metadata(self.metadata.clone()));
        }
        decide(state, env, message, set)
    }
}

/// A message that is there.
pub(super) fn require<'a>(state: &'a State, message: &'a MessageRef) -> Result<&'a Message, Halt> {
    match find(state, message)? {
        Found::Message(message) => Ok(message),
        Found::Nothing(_, id, _) => {
            Err(Error::not_found(EntityKind::ProviderId, id.shown()).into())
        }
    }
}

pub(super) fn check_not_revoked(message: &Message) -> Result<(), Error> {
    match message.is_revoked() {
        true => Err(Error::revoked(message.id)),
        false => Ok(()),
    }
}

/// Sets attributes of a message, as far as they change it.
pub(super) fn decide(
    state: &State,
    env: &Env<'_>,
    message: &Message,
    set: Vec<MessageField>,
) -> Result<Decision, Halt> {
    let of = message.conversation_id;
    let subject = Subject::Message(of, message.id);
    let mut changes = Vec::new();
    if set
        .iter()
        .any(|field| matches!(field, MessageField::UpTo(_)))
    {
        let known = state.require_conversation(of)?;
        let fields = advanced(Some(known), message, &set).collect();
        changes = Decision::update(of, fields).changes;
    }
    let set = effective(message, set);
    if set.is_empty() && changes.is_empty() {
        return Ok(Decision::new(subject, None));
    }
    // A conversation is loaded for preconditions alone.
    if env.context.has_preconditions() {
        env.context.check(Some(state.require_conversation(of)?))?;
    }
    let revocation = set.iter().find_map(|field| match field {
        MessageField::Revoked(revocation) => Some(revocation),
        _ => None,
    });
    // Its ids are those of the conversation's channel.
    if set.contains(&MessageField::Retried) {
        state.require_conversation(of)?;
    }
    let erases_log = revocation.is_some_and(|revocation| !revocation.keeps_content);
    let is_read = match revocation {
        Some(_) => read_by_revocation(state, message)?,
        None => None,
    };
    let is_updated = !set.is_empty();
    changes.extend(is_updated.then(|| ChangeKind::message_updated(of, message.id, set)));
    changes.extend(is_read);
    let mut decision = Decision::new(subject, changes);
    decision.erases_log = erases_log;
    Ok(decision)
}

/// What of these changes a message, one after another.
pub(super) fn effective(message: &Message, set: Vec<MessageField>) -> Vec<MessageField> {
    if set.is_empty() {
        return set;
    }
    let mut updated = message.clone();
    let apply = |field: MessageField| {
        let before = updated.clone();
        let field = updated.fitted(field)?;
        updated.set(field.clone());
        (updated != before).then_some(field)
    };
    set.into_iter().filter_map(apply).collect()
}

/// One message fewer is unread where a message that is unread is taken back.
fn read_by_revocation(state: &State, message: &Message) -> Result<Option<ChangeKind>, Halt> {
    let conversation = message.conversation_id;
    let known = state.require_conversation(conversation)?;
    if !message.counts_as_unread() || known.unread_count == 0 {
        return Ok(None);
    }
    let later = state.number(&Query::UnreadAfter(conversation, message.id))?;
    let set = vec![Field::UnreadRevoked];
    let is_unread = later < known.unread_count;
    Ok(is_unread.then_some(ChangeKind::ConversationUpdated { conversation, set }))
}
