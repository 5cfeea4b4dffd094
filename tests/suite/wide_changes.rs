//! The same commands leave the same, in whatever way they commit: each in a commit of its own, several in
//! one transaction, or several in one commit group.
//!
//! Within a commit the store keeps the entities that commands have loaded. A wide change reaches beyond
//! them: a deletion, an import, a new name, a removal, a purge.

use std::sync::Arc;
use std::time::Duration;

use convodb::prelude::*;
use convodb::testing::{ManualClock, reassign_now};
use convodb::{Channel, ConsumerStart, DeliveryStatus, Sort};
use proptest::collection::vec;
use proptest::prelude::*;

use convodb_testkit::apply::{self, About};
use convodb_testkit::compare;
use convodb_testkit::contacts::ContactPick;
use convodb_testkit::events::{Keep, RetentionPlan};
use convodb_testkit::fixture::{clock, options};
use convodb_testkit::harness::contents::Contents;
use convodb_testkit::harness::disk::MemoryDisk;
use convodb_testkit::model::Model;
use convodb_testkit::op::{
    Address, Body, CONTACTS, Meant, MessagePick, Op, Pick, ReceiptPlan, SelectionPlan, Sight,
    TeamPick, Who,
};
use convodb_testkit::plan::{ImportPlan, Text};
use convodb_testkit::probe::FilterPlan;
use convodb_testkit::provided::ProviderPlan;
use convodb_testkit::replay::{Given, Recorder, in_one_group, in_one_transaction};
use convodb_testkit::strategy::{cases, command, import, views};

const PATH: &str = "/inbox.redb";

/// A store with a clock and a disk of its own. All draw the same ids.
struct Scene {
    clock: ManualClock,
    disk: MemoryDisk,
    store: Store,
}

impl Scene {
    fn new() -> Self {
        let (clock, disk) = (clock(), MemoryDisk::default());
        let store = Self::open(&clock, &disk);
        Self { clock, disk, store }
    }

    fn open(clock: &ManualClock, disk: &MemoryDisk) -> Store {
        let options = options(clock).disk(Arc::new(disk.clone()));
        options.open(PATH).unwrap()
    }

    fn contents(&self) -> Contents {
        assert!(self.store.verify().unwrap().is_clean());
        Contents::of_store(&self.store, &self.clock).unwrap()
    }

    /// What a process finds that starts after this one was killed: the log is replayed.
    fn recovered(&self) -> Contents {
        let (clock, disk) = (clock(), MemoryDisk::of(self.disk.image()));
        let store = Self::open(&clock, &disk);
        assert!(store.verify().unwrap().is_clean());
        Contents::of_store(&store, &clock).unwrap()
    }
}

/// Three stores that get the same commands.
struct Scenes {
    apart: Scene,
    transaction: Scene,
    group: Scene,
    model: Model,
}

impl Scenes {
    fn new() -> Self {
        let apart = Scene::new();
        Self {
            model: Model::new(&apart.clock),
            apart,
            transaction: Scene::new(),
            group: Scene::new(),
        }
    }

    fn all(&self) -> [&Scene; 3] {
        [&self.apart, &self.transaction, &self.group]
    }

    /// Gives each command a commit of its own, beside the model; answers what was given.
    fn apart(&mut self, ops: &[Op]) -> Vec<Given> {
        let recorder = Recorder::new(&self.apart.store);
        for op in ops {
            apply::command(&recorder, &mut self.model, op).unwrap();
        }
        recorder.into_given()
    }

    /// Commands that commit one by one in one store, and together in the others.
    fn give(&mut self, ops: &[Op]) {
        let given = self.apart(ops);
        in_one_transaction(&self.transaction.store, &given).unwrap();
        in_one_group(&self.group.store, &given).unwrap();
    }

    /// Commands that commit one by one in all stores.
    fn prepare(&mut self, ops: &[Op]) {
        for one in self.apart(ops).chunks(1) {
            in_one_transaction(&self.transaction.store, one).unwrap();
            in_one_group(&self.group.store, one).unwrap();
        }
    }

    /// Reassigns so many in each store, or builds a part of a view.
    fn work(&mut self, limit: u8) {
        let op = Op::Reassign { limit };
        apply::apply(&self.apart.store, &mut self.model, &op).unwrap();
        for scene in [&self.transaction, &self.group] {
            reassign_now(&scene.store, limit.into()).unwrap();
        }
    }

    fn work_off(&mut self) {
        while self.model.to_reassign() > 0 || self.model.views.have_work() {
            self.work(100);
        }
    }

    fn advance(&self, by: Duration) {
        for scene in self.all() {
            scene.clock.advance(by);
        }
    }

    fn assert_equal(&self) {
        compare::everything(&self.apart.store, &self.model);
        let expected = Contents::of_model(&self.model);
        for (scene, how) in self
            .all()
            .into_iter()
            .zip(["apart", "in transactions", "in groups"])
        {
            assert_eq!(scene.contents().difference(&expected), None, "{how}");
            assert_eq!(
                scene.recovered().difference(&expected),
                None,
                "recovered, {how}"
            );
        }
    }
}

/// A change that reaches entities which its command has not loaded.
fn wide() -> impl Strategy<Value = Op> {
    let who = || (0..4_u8).prop_map(Who);
    let purge = (0..9_u8, any::<bool>()).prop_map(|(count, force)| {
        let keep = Keep::Newest(count);
        Op::PurgeEvents(RetentionPlan { keep, force })
    });
    prop_oneof![
        any::<u8>().prop_map(|number| Op::Delete {
            conversation: Pick::Known(number)
        }),
        (0..CONTACTS).prop_map(|number| Op::EraseContact {
            contact: ContactPick(number)
        }),
        import(),
        (who(), any::<u8>()).prop_map(|(assignee, name)| Op::SaveAssignee {
            assignee,
            name: Text::Short(name)
        }),
        (0..2_u8, any::<u8>(), prop::option::of(0..64_u8)).prop_map(|(team, name, members)| {
            Op::SaveTeam {
                team: TeamPick(team),
                name: Text::Short(name),
                members,
            }
        }),
        (who(), prop::option::of(who())).prop_map(|(assignee, successor)| Op::RemoveAssignee {
            assignee,
            successor
        }),
        Just(Op::PurgeUnmatched {
            older_ms: 0,
            most: 0,
        }),
        Just(Op::PurgeKeys { older_ms: 0 }),
        purge,
    ]
}

fn rounds() -> impl Strategy<Value = Vec<(u64, u8, Vec<Op>)>> {
    let op = prop_oneof![3 => command(), 2 => wide()];
    vec((0..3_000_u64, 0..5_u8, vec(op, 0..=10)), 0..=6)
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn commands_leave_the_same_apart_and_together(views in views(), rounds in rounds()) {
        let mut scenes = Scenes::new();
        scenes.prepare(&views);
        scenes.work_off();
        for (millis, limit, ops) in &rounds {
            scenes.advance(Duration::from_millis(*millis));
            scenes.give(ops);
            scenes.work(*limit);
        }
        scenes.assert_equal();
        scenes.work_off();
        scenes.assert_equal();
    }
}

fn receive(contact: u8, number: Option<u8>) -> Op {
    let channel = Channel::Whatsapp;
    Op::Receive {
        from: Address {
            contact,
            inbox: channel.into(),
        },
        body: Body::Text(Text::Short(contact)),
        sent_at: None,
        provider_id: number.map(ProviderPlan::Number),
        reopen: true,
        more: convodb_testkit::more::More::default(),
    }
}

fn keyed(key: u8, op: Op) -> Op {
    let op = Box::new(op);
    Op::Keyed { key, op }
}

fn receipt(of: Meant) -> Op {
    let receipt = ReceiptPlan {
        status: DeliveryStatus::Read,
        at: None,
        reason: None,
        played: false,
    };
    Op::RecordDelivery { of, receipt }
}

fn assign(number: u8, to: u8) -> Op {
    Op::Assign {
        conversation: Pick::Known(number),
        assignee: Who(to),
    }
}

fn save(number: u8, name: u8) -> Op {
    Op::SaveAssignee {
        assignee: Who(number),
        name: Text::Short(name),
    }
}

/// Two assigned conversations with messages that have providers' ids, keys, a receipt that waits, and a
/// consumer.
fn scene() -> Vec<Op> {
    let consumer = 0;
    vec![
        save(0, 1),
        save(1, 2),
        keyed(0, receive(0, Some(0))),
        receive(1, Some(1)),
        assign(0, 0),
        assign(1, 0),
        receipt(Meant::Provided(Channel::Whatsapp.into(), 2)),
        Op::AddConsumer {
            consumer,
            start: ConsumerStart::Oldest,
        },
        Op::Acknowledge { consumer, ahead: 6 },
        save_view(0, Sort::EarliestActivity),
        save_view(1, Sort::LongestWaiting),
    ]
}

fn save_view(view: u8, sort: Sort) -> Op {
    let mut filter = FilterPlan::UNREAD;
    // Whose list is another one when the second of them takes over.
    filter.assignees = u8::from(view == 1) << 1;
    Op::SaveView {
        view,
        name: Text::Short(view),
        filter,
        sort,
    }
}

/// Commands that load what the wide changes reach, and answer it.
fn narrow() -> Vec<Op> {
    let conversation = Pick::Known(0);
    let note = Op::AddNote {
        conversation,
        text: Text::Short(4),
    };
    let selection = SelectionPlan::First(FilterPlan::ALL, 5);
    vec![
        receive(0, Some(0)),
        receive(0, Some(2)),
        receive(3, Some(3)),
        receipt(Meant::Provided(Channel::Whatsapp.into(), 0)),
        receipt(Meant::Provided(Channel::Whatsapp.into(), 2)),
        receipt(Meant::Id(conversation, MessagePick::Own(0))),
        assign(0, 1),
        assign(1, 0),
        Op::About {
            conversation,
            about: About::Resolve,
        },
        Op::About {
            conversation,
            about: About::MarkRead {
                read_count: Sight::Present,
            },
        },
        keyed(1, note),
        Op::Retry { number: 0 },
        Op::ResolveAll { selection },
        Op::Acknowledge {
            consumer: 0,
            ahead: 3,
        },
    ]
}

fn import_of(contact: u8) -> Op {
    let channel = Channel::Whatsapp;
    Op::Import(ImportPlan {
        number: 1,
        address: Address {
            contact,
            inbox: channel.into(),
        },
        resolved: false,
        assignee: Some((Who(2), Text::Short(5))),
        created_ago_ms: 0,
        active_ms: 0,
        messages: 3,
        notes: 1,
        unread: 1,
        provided: Some(2),
        revision: 0,
        has_inbound_count: false,
        is_rich: false,
        flaw: None,
    })
}

/// One of each wide change.
fn every_wide_change() -> Vec<Op> {
    let keep = Keep::Newest(1);
    vec![
        Op::Delete {
            conversation: Pick::Known(0),
        },
        Op::EraseContact {
            contact: ContactPick(0),
        },
        import_of(3),
        save(0, 6),
        Op::RemoveAssignee {
            assignee: Who(0),
            successor: Some(Who(1)),
        },
        Op::RemoveAssignee {
            assignee: Who(0),
            successor: None,
        },
        Op::PurgeUnmatched {
            older_ms: 0,
            most: 0,
        },
        Op::PurgeKeys { older_ms: 0 },
        save_view(0, Sort::Newest),
        Op::RemoveView { view: 0 },
        Op::PurgeEvents(RetentionPlan { keep, force: false }),
        Op::PurgeEvents(RetentionPlan { keep, force: true }),
    ]
}

#[test]
fn a_wide_change_between_two_commands_of_one_commit_reaches_what_the_first_has_loaded() {
    for wide in every_wide_change() {
        for first in narrow() {
            let mut scenes = Scenes::new();
            scenes.prepare(&scene());
            scenes.work_off();
            scenes.advance(Duration::from_millis(5));
            // After the change every command is given, the same one again among them.
            let mut ops = vec![first, wide.clone()];
            ops.extend(narrow());
            scenes.give(&ops);
            // What erases the log ends its group.
            if !matches!(wide, Op::Delete { .. } | Op::EraseContact { .. }) {
                let largest = scenes.group.store.stats().unwrap().largest_group;
                assert!(largest >= ops.len() as u64, "{largest} in a group");
            }
            scenes.assert_equal();
        }
    }
}

#[test]
fn a_repeated_command_whose_answer_was_deleted_aborts_nothing() {
    let mut scenes = Scenes::new();
    scenes.prepare(&scene());
    let deleted = Op::Delete {
        conversation: Pick::Known(0),
    };
    scenes.prepare(&[deleted]);
    // The command itself is not found; those beside it commit.
    scenes.give(&[receive(2, None), Op::Retry { number: 0 }, receive(3, None)]);
    scenes.assert_equal();
}

fn removal() -> Op {
    Op::RemoveAssignee {
        assignee: Who(0),
        successor: Some(Who(1)),
    }
}

#[test]
fn every_conversation_of_an_erased_contact_has_its_reassignment_before_its_deletion() {
    let mut scenes = Scenes::new();
    scenes.prepare(&scene());
    let channel = Channel::Webchat;
    let second = Op::Receive {
        from: Address {
            contact: 0,
            inbox: channel.into(),
        },
        body: Body::Text(Text::Short(7)),
        sent_at: None,
        provider_id: None,
        reopen: true,
        more: convodb_testkit::more::More::default(),
    };
    scenes.prepare(&[second, assign(2, 0), removal()]);
    scenes.give(&[
        Op::EraseContact {
            contact: ContactPick(0),
        },
        receive(0, None),
    ]);
    scenes.assert_equal();
}

#[test]
fn a_message_of_a_reassigned_conversation_changes_after_the_reassignment() {
    let message = Meant::Id(Pick::Known(0), MessagePick::Own(0));
    let provided = Op::SetProviderId {
        of: Meant::Id(Pick::Known(2), MessagePick::Own(0)),
        number: 4,
    };
    let by_provider = receipt(Meant::Provided(Channel::Whatsapp.into(), 1));
    for changes in [vec![receipt(message)], vec![by_provider], vec![provided]] {
        let mut scenes = Scenes::new();
        scenes.prepare(&scene());
        scenes.prepare(&[receive(2, None), assign(2, 0), removal()]);
        scenes.give(&changes);
        scenes.assert_equal();
    }
}
