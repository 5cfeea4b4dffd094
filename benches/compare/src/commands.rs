//! The commands of the write cases: the same for every engine, and each one a change.

use std::collections::HashSet;

use convodb::Status;

use crate::data::{Dataset, Rng, TEAMS, USERS, text};
use crate::engine::Command;
use crate::plan::Target;

pub(crate) const THREADS: usize = 16;
/// Commands of a round: on one thread, and of each of sixteen.
const PER_ROUND: usize = 24;
const PER_THREAD: usize = 16;
const LEAST_PER_THREAD: usize = 2;
/// Rounds of a case, on one thread and on sixteen: so many commands of each engine that several
/// checkpoints fall among them. Appends alone are 24,000.
const ROUNDS: usize = 500;
const APPEND_TIMES: usize = 2;
const FLOODS: usize = 72;
/// An engine's turn is so many rounds: its checkpoints run beside its own commands.
const ROUNDS_A_TURN: usize = 250;
const FLOODS_A_TURN: usize = 24;
const TRIALS: usize = 2;
/// So many conversations are the recent ones at the most, and so many commands of a hundred are
/// about them.
const RECENT: usize = 5_000;
const RECENT_PERCENT: u64 = 95;

/// Which conversations commands are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pick {
    /// Any that was open at first, each as likely.
    Uniform,
    /// Nearly always one of those that were active last.
    Recent,
}

impl Pick {
    /// What it adds to the name of a case.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Uniform => "",
            Self::Recent => "/recent",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Append,
    Assign,
    Resolve,
}

impl Verb {
    pub(crate) const ALL: [Self; 3] = [Self::Append, Self::Assign, Self::Resolve];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Assign => "assign",
            Self::Resolve => "resolve",
        }
    }
}

/// What is timed, and what must have happened for each of it to be a change.
pub(crate) struct Round {
    pub(crate) before: Vec<Command>,
    pub(crate) timed: Vec<Command>,
}

struct Candidate {
    target: Target,
    assignee: u16,
    open: bool,
    touched: bool,
}

pub(crate) struct Commands {
    rng: Rng,
    /// What was open when the inbox was made, latest activity first.
    candidates: Vec<Candidate>,
    rounds: usize,
}

impl Commands {
    pub(crate) fn new(data: &Dataset) -> Self {
        let open = |one: &crate::data::Conversation| one.status == Status::Open;
        let mut found: Vec<_> = data.conversations().filter(open).collect();
        found.sort_unstable_by_key(|one| std::cmp::Reverse((one.updated_us, one.number)));
        let candidate = |one: crate::data::Conversation| Candidate {
            target: Target::new(one.id),
            assignee: one.assignee,
            open: true,
            touched: false,
        };
        Self {
            rng: Rng::new(7),
            // So that a case of a small inbox resolves half of what is open at the most.
            rounds: ROUNDS.min(found.len() / 2 / PER_ROUND).max(1),
            candidates: found.into_iter().map(candidate).collect(),
        }
    }

    /// The turns of a case on one thread, each so many rounds.
    pub(crate) fn turns(&self, verb: Verb) -> (usize, usize) {
        let rounds = match verb {
            Verb::Append => APPEND_TIMES * self.rounds,
            Verb::Assign | Verb::Resolve => self.rounds,
        };
        let each = ROUNDS_A_TURN.min(rounds);
        (rounds / each, each)
    }

    /// The turns of a case on sixteen.
    pub(crate) fn flood_turns(&self) -> (usize, usize) {
        let floods = self.part(FLOODS);
        let each = FLOODS_A_TURN.min(floods);
        (floods / each, each)
    }

    /// How many floods tell which way is best.
    pub(crate) const fn trials(&self) -> usize {
        self.part(TRIALS)
    }

    /// As much less of it as a small inbox has fewer rounds.
    const fn part(&self, whole: usize) -> usize {
        (whole * self.rounds).div_ceil(ROUNDS)
    }

    /// Every conversation that a command may have changed.
    pub(crate) fn touched(&self) -> Vec<Target> {
        let touched = self.candidates.iter().filter(|one| one.touched);
        touched.map(|one| one.target).collect()
    }

    fn recent(&self) -> usize {
        // Those of a round of resolving are different ones.
        (self.candidates.len() / 10).clamp(2 * PER_ROUND, RECENT)
    }

    fn any(&mut self, pick: Pick) -> usize {
        let among = match pick {
            Pick::Recent if self.rng.below(100) < RECENT_PERCENT => self.recent(),
            _ => self.candidates.len(),
        };
        let place = self.rng.below(among as u64) as usize;
        self.candidates[place].touched = true;
        place
    }

    fn append_to(&mut self, place: usize) -> Command {
        let candidate = &mut self.candidates[place];
        candidate.open = true;
        Command::Append {
            to: candidate.target,
            text: text(self.rng.next()),
        }
    }

    pub(crate) fn append(&mut self, pick: Pick) -> Command {
        let place = self.any(pick);
        self.append_to(place)
    }

    /// To somebody else each time.
    fn assign(&mut self, pick: Pick) -> Command {
        let place = self.any(pick);
        let other = self.rng.below(u64::from(USERS + TEAMS) - 1);
        let candidate = &mut self.candidates[place];
        let present = u64::from(candidate.assignee);
        candidate.assignee = ((present + other) % u64::from(USERS + TEAMS) + 1) as u16;
        candidate.open = true;
        Command::Assign {
            to: candidate.target,
            assignee: candidate.assignee,
        }
    }

    /// Each another one, which is open: what is resolved already does not change.
    fn resolve(&mut self, pick: Pick) -> Round {
        let mut places = HashSet::new();
        let mut round = Round {
            before: Vec::new(),
            timed: Vec::new(),
        };
        while places.len() < PER_ROUND {
            let place = self.any(pick);
            if !places.insert(place) {
                continue;
            }
            if !self.candidates[place].open {
                let reopening = self.append_to(place);
                round.before.push(reopening);
            }
            let candidate = &mut self.candidates[place];
            candidate.open = false;
            let to = candidate.target;
            round.timed.push(Command::Resolve { to });
        }
        round
    }

    /// A round of a case on one thread.
    pub(crate) fn round(&mut self, verb: Verb, pick: Pick) -> Round {
        let timed = match verb {
            Verb::Append => self.appends(PER_ROUND, pick),
            Verb::Assign => (0..PER_ROUND).map(|_| self.assign(pick)).collect(),
            Verb::Resolve => return self.resolve(pick),
        };
        let before = Vec::new();
        Round { before, timed }
    }

    pub(crate) fn appends(&mut self, count: usize, pick: Pick) -> Vec<Command> {
        (0..count).map(|_| self.append(pick)).collect()
    }

    /// What sixteen threads do at once, and so many times as much as in a round.
    pub(crate) fn flood(&mut self, pick: Pick, times: usize) -> Vec<Vec<Command>> {
        let each = self.part(PER_THREAD * times).max(LEAST_PER_THREAD);
        (0..THREADS).map(|_| self.appends(each, pick)).collect()
    }
}
