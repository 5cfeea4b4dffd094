//! The commands of the write cases: the same for every engine, and each one a change.

use convodb::Status;

use crate::data::{Dataset, Rng, TEAMS, USERS, text};
use crate::engine::Command;
use crate::plan::Target;

pub(crate) const THREADS: usize = 16;
/// Commands of a round: on one thread, and of each of sixteen.
const PER_ROUND: usize = 24;
const PER_THREAD: usize = 8;
const ROUNDS: usize = 25;
const TRIALS: usize = 4;

pub(crate) struct Commands {
    rng: Rng,
    /// Open ones all over the inbox: those to be resolved are taken from the end.
    open: Vec<(Target, u16)>,
    rounds: usize,
    touched: Vec<Target>,
}

impl Commands {
    pub(crate) fn new(data: &Dataset) -> Self {
        let wanted = 2 * ROUNDS * PER_ROUND;
        let mut rng = Rng::new(7);
        let mut seen = std::collections::HashSet::new();
        let mut open = Vec::new();
        // One in seven is open: eight tries each find them, unless there are too few.
        for _ in 0..wanted * 8 {
            let number = rng.below(u64::from(data.size)) as u32;
            if open.len() == wanted {
                break;
            }
            let conversation = data.conversation(number);
            if conversation.status == Status::Open && seen.insert(number) {
                open.push((Target::new(conversation.id), conversation.assignee));
            }
        }
        let rounds = ROUNDS.min(open.len() / 2 / PER_ROUND).max(1);
        let touched = open.iter().map(|(target, _)| *target).collect();
        Self {
            rng,
            open,
            rounds,
            touched,
        }
    }

    pub(crate) const fn rounds(&self) -> usize {
        self.rounds
    }

    pub(crate) const fn trials(&self) -> usize {
        TRIALS
    }

    /// Every conversation that a command may have changed.
    pub(crate) fn touched(&self) -> &[Target] {
        &self.touched
    }

    fn any(&mut self) -> usize {
        self.rng.below(self.open.len() as u64) as usize
    }

    fn append(&mut self) -> Command {
        let place = self.any();
        Command::Append {
            to: self.open[place].0,
            text: text(self.rng.next()),
        }
    }

    /// To somebody else each time.
    fn assign(&mut self) -> Command {
        let place = self.any();
        let everybody = u64::from(USERS + TEAMS);
        let present = u64::from(self.open[place].1);
        let assignee = (present + self.rng.below(everybody - 1)) % everybody + 1;
        self.open[place].1 = assignee as u16;
        Command::Assign {
            to: self.open[place].0,
            assignee: assignee as u16,
        }
    }

    /// The commands of a round.
    pub(crate) fn next(&mut self, case: &str) -> Vec<Command> {
        let one = |_| match case {
            "append/1" => Some(self.append()),
            "assign/1" => Some(self.assign()),
            // Each only once: what is resolved already does not change.
            _ => self.open.pop().map(|(to, _)| Command::Resolve { to }),
        };
        (0..PER_ROUND).filter_map(one).collect()
    }

    /// What sixteen threads do at once.
    pub(crate) fn flood(&mut self) -> Vec<Vec<Command>> {
        let mut threads = vec![Vec::new(); THREADS];
        for place in 0..THREADS * PER_THREAD {
            threads[place % THREADS].push(self.append());
        }
        threads
    }
}
