//! One command given to the store and to the model.

use std::fmt::Debug;

use convodb::{
    BatchItem, Command, CommitSeq, Context, ConversationId, Details, ErrorKind, Outcome,
    Precondition, Result, Revision,
};

use crate::backend::{Commands, Plain};
use crate::keys::{Answer, EachOf, Known};
use crate::model::{Entry, Model};
use crate::verdict::{Expected, Refusal};

/// A command that is being given: what takes it, the model beside it, and its context.
pub(super) struct Call<'a, S> {
    pub(super) commands: &'a S,
    pub(super) model: &'a mut Model,
    pub(super) context: Context,
    pub(super) preconditions: Vec<Precondition>,
    /// Whether the command honours preconditions.
    pub(super) is_conditional: bool,
}

/// What a command answered, with its name and all that was given with it.
pub(super) struct Answered<T> {
    command: String,
    answer: Result<(Expected<T>, Option<CommitSeq>)>,
}

impl<T> Answered<T> {
    pub(super) fn new(command: String, answer: Result<Outcome<T>>) -> Self {
        let answer = answer.map(|outcome| {
            let commit = outcome.commit;
            (Expected::from(outcome), commit)
        });
        Self { command, answer }
    }
}

impl Answered<Vec<BatchItem>> {
    /// The items as values that compare.
    pub(super) fn each(self) -> Answered<Vec<EachOf>> {
        let answer = self.answer.map(|(all, commit)| {
            let all = Expected {
                value: all.value.into_iter().map(EachOf::from).collect(),
                changed: all.changed,
                created: all.created,
                reopened: all.reopened,
                is_duplicate: all.is_duplicate,
            };
            (all, commit)
        });
        Answered {
            command: self.command,
            answer,
        }
    }
}

/// The name of a command with its parameters, by which the same command is recognised.
pub(super) fn fingerprint<C: Command>(command: &C) -> String {
    let parameters = serde_json::to_string(command).expect("commands are plain data");
    format!("{} {parameters}", C::NAME)
}

impl<S: Commands> Call<'_, S> {
    pub(super) fn give<C: Plain>(&self, command: C) -> Answered<C::Output> {
        let fingerprint = fingerprint(&command);
        Answered::new(fingerprint, self.commands.execute(&self.context, command))
    }

    /// A command that takes no new ids, about a conversation or about none.
    pub(super) fn settle<C: Plain<Output: Answer>>(
        &mut self,
        about: Option<ConversationId>,
        refusals: Vec<Refusal>,
        command: C,
        effect: impl Fn(&mut Model) -> Expected<C::Output>,
    ) -> Result<()> {
        let refusals = self.with_unmet(about, refusals, |model| effect(model).changed);
        let answer = self.give(command);
        self.compare(answer, &refusals, |model, _| effect(model))
    }

    /// The refusals, with that of a precondition that does not hold where the command would change
    /// something. A command that is refused for another reason may name either.
    pub(super) fn with_unmet(
        &self,
        about: Option<ConversationId>,
        mut refusals: Vec<Refusal>,
        changes: impl FnOnce(&mut Model) -> bool,
    ) -> Vec<Refusal> {
        let is_refused = !refusals.is_empty();
        if self.preconditions.is_empty() || !is_refused && !changes(&mut self.model.clone()) {
            return refusals;
        }
        match about.map(|id| self.model.entry(id)) {
            Some(Some(entry)) => refusals.extend(unmet(&self.preconditions, entry)),
            // It is refused already.
            Some(None) => {}
            None => refusals.push(Refusal::of(ErrorKind::PreconditionFailed)),
        }
        refusals
    }

    /// Lets the model do what the store did, and compares what both answer.
    pub(super) fn compare<T: Answer>(
        &mut self,
        Answered { command, answer }: Answered<T>,
        refusals: &[Refusal],
        effect: impl FnOnce(&mut Model, &T) -> Expected<T>,
    ) -> Result<()> {
        let model = &mut *self.model;
        let key = model.key.take();
        let known = key.map_or(Known::New, |key| model.known(key, &command));
        let mut refusals = match &known {
            Known::New => refusals.to_vec(),
            Known::Done(_) => Vec::new(),
            Known::Refused(refusal) => vec![refusal.clone()],
        };
        if !self.is_conditional && !self.preconditions.is_empty() {
            refusals.push(Refusal::invalid("preconditions"));
        }
        let Some((got, commit)) = permitted(answer, &refusals)? else {
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
        let holding = CommitSeq::new(model.holding_sequence());
        let holding = self.commands.numbers_commits().then_some(holding);
        assert_eq!(commit, holding, "the commit that holds it");
        Ok(())
    }
}

/// The first precondition that does not hold, and what holds instead.
fn unmet(preconditions: &[Precondition], entry: &Entry) -> Option<Refusal> {
    let fails = |expected: &&Precondition| match expected {
        Precondition::Revision(revision) => revision.get() != entry.revision,
        Precondition::Assignee(assignee) => *assignee != entry.assignee,
        Precondition::Status(status) => *status != entry.status,
        other => panic!("no operation has {other:?}"),
    };
    let expected = preconditions.iter().find(fails)?.clone();
    Some(Refusal::precondition(Details::Precondition {
        conversation: entry.id,
        expected,
        revision: Revision::new(entry.revision),
        status: entry.status,
        assignee: entry.assignee.clone(),
    }))
}

/// The answer, or nothing where the store refused as the rules demand.
pub(super) fn permitted<T: Debug>(answer: Result<T>, refusals: &[Refusal]) -> Result<Option<T>> {
    match answer {
        Ok(value) => {
            assert!(refusals.is_empty(), "{value:?} instead of {refusals:?}");
            Ok(Some(value))
        }
        Err(error) => match error.kind() {
            ErrorKind::InvalidInput
            | ErrorKind::NotFound
            | ErrorKind::AlreadyExists
            | ErrorKind::ProviderIdConflict
            | ErrorKind::ClientRefConflict
            | ErrorKind::IdentityTaken
            | ErrorKind::Revoked
            | ErrorKind::NotFailed
            | ErrorKind::PreconditionFailed
            | ErrorKind::IdempotencyKeyReused
            | ErrorKind::Building
            | ErrorKind::ViewRequired
            | ErrorKind::Gone => {
                let demanded = refusals.iter().any(|refusal| refusal.is(&error));
                assert!(demanded, "{error:?} instead of {refusals:?}");
                Ok(None)
            }
            _ => Err(error),
        },
    }
}
