//! What of `convodb-postgres` works on a server of another kind, and how fast: each check in a new workspace, so that
//! one that fails stops no other.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use convodb_core::commands::{
    AddNote, Assign, Delete, ReceiveMessage, RemoveAssignee, ReplyTo, Resolve, SaveAssignee,
    SaveView,
};
use convodb_core::{
    Channel, ContactId, Content, Context, Conversation, ConversationId, Direction, Error,
    ErrorKind, EventSeq, Filter, Import, Inbound, Message, MessageId, PageRequest, Reply, Result,
    Sort, Status, UserId, ViewId,
};
use convodb_postgres::{Numbering, PgOptions, PgRead as _, PgStore, migrate};

use super::load::{Load, Plan, report};
use crate::harness::report::{Breach, Progress, Report};

/// Conversations of the lists that are checked.
const CHECKED: usize = 2_000;

/// Conversations of the workspace that is timed.
const TIMED: usize = 20_000;

/// How a check of a new workspace ends: with a figure, or none.
type Checked = Result<Option<String>>;

/// Checks a server, each check for about so long where it has a time.
pub async fn run(url: &str, time: Duration, progress: &dyn Progress) -> Result<Report> {
    let options = PgOptions::new(url)?;
    let mut all = report();
    migrate(&options).await?;
    all.note("schema: works".to_owned());
    let names = [
        "commands",
        "lists",
        "snapshots",
        "transactions",
        "directory and views",
        "unnamed statements",
        "speed",
    ];
    let run = std::process::id();
    for (done, name) in (1..).zip(names) {
        let workspace = format!("conformance {run} {name}");
        let options = options.clone().workspace(workspace);
        let checked = match name {
            "commands" => commands(options).await,
            "lists" => lists(options).await,
            "snapshots" => snapshots(options).await,
            "transactions" => transactions(options).await,
            "directory and views" => directory(options).await,
            "unnamed statements" => commands(options.unnamed_statements()).await,
            _ => speed(options, time).await,
        };
        note(&mut all, name, checked);
        progress.at(done, names.len() as u64 + 2);
    }
    for numbering in [Numbering::Head, Numbering::Settled] {
        let workspace = format!("conformance {run} {numbering:?}");
        let checked = writers(url, &workspace, numbering, time).await;
        note(&mut all, &format!("writers, {numbering:?}"), checked);
    }
    Ok(all)
}

fn note(all: &mut Report, name: &str, checked: Checked) {
    match checked {
        Ok(None) => all.note(format!("{name}: works")),
        Ok(Some(figure)) => all.note(format!("{name}: works, {figure}")),
        Err(error) => {
            all.note(format!("{name}: does not work: {error}"));
            all.found(Breach::Failed, || format!("{name}: {error}"));
        }
    }
}

/// An error of a check that has another answer than it should.
fn expect(is_so: bool, what: &str) -> Result<()> {
    match is_so {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Corrupted, what.to_owned())),
    }
}

async fn clean(store: &PgStore) -> Result<()> {
    let report = store.verify().await?;
    expect(report.is_clean(), &report.findings.join("; "))
}

fn hello(number: usize) -> Result<ReceiveMessage> {
    let contact = ContactId::new(&format!("con_{number}"))?;
    let message = Inbound::text(contact, Channel::Whatsapp, "Hello");
    Ok(ReceiveMessage { message })
}

async fn commands(options: PgOptions) -> Checked {
    let store = PgStore::open(options).await?;
    let key = Context::new().idempotency_key("once");
    let first = store.execute_in(key.clone(), hello(1)?).await?;
    let again = store.execute_in(key, hello(1)?).await?;
    expect(
        again.is_duplicate && again.value == first.value,
        "a command is done twice under its key",
    )?;
    let conversation = first.value.conversation_id;
    let user = UserId::new("usr_1")?;
    let name = "Alice".to_owned();
    let assignee = user.clone().into();
    store.execute(SaveAssignee { assignee, name }).await?;
    let assignee = Some(user.into());
    store
        .execute(Assign {
            conversation,
            assignee,
        })
        .await?;
    let reply = Reply::text("Hello");
    store
        .execute(ReplyTo {
            conversation,
            reply,
        })
        .await?;
    let content = "A note".to_owned();
    store
        .execute(AddNote {
            conversation,
            content,
        })
        .await?;
    store.execute(Resolve { conversation }).await?;
    let events = store.events(EventSeq::ZERO, 100).await?;
    expect(events.len() == 6, "other events than those of the commands")?;
    store.execute(Delete { conversation }).await?;
    expect(
        store.count(&Filter::all()).await? == 0,
        "a deleted conversation is counted",
    )?;
    clean(&store).await.map(|()| None)
}

/// Imported conversations of every channel and status, a minute apart.
fn imports(count: usize) -> Result<Vec<Import>> {
    let import = |number: usize| {
        let millis = 1_600_000_000_000 + 60_000 * number as u64;
        let id = ConversationId::from_parts(millis, number as u128);
        let contact = ContactId::new(&format!("con_{number}"))?;
        let at = convodb_core::time::from_micros(millis as i64 * 1_000).unwrap_or_default();
        let channel = Channel::ALL[number % Channel::ALL.len()];
        let mut conversation = Conversation::new(id, contact, channel, at);
        if !number.is_multiple_of(5) {
            conversation.status = Status::Resolved;
        }
        let of_its_time = MessageId::from_parts(millis, number as u128);
        let text = Content::text("Hello");
        let message = Message::new(of_its_time, id, Direction::Inbound, text, at);
        Ok(Import::new(conversation, vec![message]))
    };
    (0..count).map(import).collect()
}

async fn lists(options: PgOptions) -> Checked {
    let store = PgStore::open(options).await?;
    let imports = imports(CHECKED)?;
    store.import_all(imports.clone()).await?;
    let filters = [
        Filter::all(),
        Filter::open(),
        Filter::resolved(),
        Filter::open().channel(Channel::Whatsapp),
        Filter::all().unread(),
    ];
    // Before the counts are folded, and behind it.
    for _ in 0..2 {
        for filter in &filters {
            let mut expected: Vec<_> = imports.iter().map(|import| &import.conversation).collect();
            expected.retain(|conversation| filter.selects(conversation));
            expected.reverse();
            for page in [1, 2, expected.len() as u64 / 40, expected.len() as u64 / 20] {
                let page = page.max(1);
                let got = store.list(filter, PageRequest::number(page, 20)?).await?;
                let skip = 20 * (page as usize - 1);
                let rows = expected.iter().skip(skip).take(20).map(|row| row.id);
                let is_same = got.data.iter().map(|row| row.id).eq(rows);
                expect(
                    is_same && got.total == expected.len() as u64,
                    "a page has other rows, or another total",
                )?;
            }
            if let Some(row) = expected.get(expected.len() / 3) {
                let rank = store.rank(row.id, filter).await?;
                expect(rank == Some(expected.len() as u64 / 3), "a rank is wrong")?;
            }
        }
        store.work_off().await?;
    }
    clean(&store).await.map(|()| None)
}

async fn snapshots(options: PgOptions) -> Checked {
    let store = PgStore::open(options).await?;
    store.execute(hello(1)?).await?;
    let snapshot = store.snapshot().await?;
    store.execute(hello(2)?).await?;
    expect(
        snapshot.count(&Filter::all()).await? == 1,
        "a snapshot has what came later",
    )?;
    expect(
        store.count(&Filter::all()).await? == 2,
        "what was committed is not counted",
    )?;
    Ok(None)
}

async fn transactions(options: PgOptions) -> Checked {
    let store = PgStore::open(options).await?;
    let id = store.execute(hello(1)?).await?.value.conversation_id;
    let done = store.transaction(async |tx| {
        let reply = Reply::text("First");
        tx.execute(ReplyTo {
            conversation: id,
            reply,
        })
        .await?;
        let content = "Second".to_owned();
        tx.execute(AddNote {
            conversation: id,
            content,
        })
        .await?;
        Err::<(), _>(Error::new(ErrorKind::Aborted, "rolled back"))
    });
    expect(
        done.await.is_err(),
        "a transaction that failed is committed",
    )?;
    expect(
        store.notes(id).await?.is_empty(),
        "a transaction that failed left something",
    )?;
    let done = store.transaction(async |tx| {
        let reply = Reply::text("First");
        tx.execute(ReplyTo {
            conversation: id,
            reply,
        })
        .await?;
        tx.execute(Resolve { conversation: id }).await.map(drop)
    });
    done.await?;
    let shown = store.conversation(id).await?;
    expect(
        shown.status == Status::Resolved,
        "a transaction is not committed",
    )?;
    clean(&store).await.map(|()| None)
}

async fn directory(options: PgOptions) -> Checked {
    let store = PgStore::open(options).await?;
    store.import_all(imports(CHECKED)?).await?;
    let [alice, bob] = [UserId::new("usr_alice")?, UserId::new("usr_bob")?];
    for user in [&alice, &bob] {
        let (assignee, name) = (user.clone().into(), user.to_string());
        store.execute(SaveAssignee { assignee, name }).await?;
    }
    let id = ViewId::new("view_oldest")?;
    let view = SaveView {
        view: id.clone(),
        name: "Oldest".to_owned(),
        filter: Filter::open(),
        sort: Sort::Oldest,
    };
    store.execute(view).await?;
    for row in store
        .list(&Filter::open(), PageRequest::number(1, 50)?)
        .await?
        .data
    {
        let (conversation, assignee) = (row.id, Some(alice.clone().into()));
        store
            .execute(Assign {
                conversation,
                assignee,
            })
            .await?;
    }
    let (assignee, successor) = (alice.into(), Some(bob.clone().into()));
    store
        .execute(RemoveAssignee {
            assignee,
            successor,
        })
        .await?;
    expect(
        store.count(&Filter::open().assigned_to(bob)).await? == 50,
        "a successor has not all conversations",
    )?;
    store.work_off().await?;
    let open = store.count(&Filter::open()).await?;
    expect(
        store.count(&Filter::view(id)).await? == open,
        "a view has other rows than it selects",
    )?;
    clean(&store).await.map(|()| None)
}

/// Writers of three stores over few conversations: their histories, their events and all counts are checked.
async fn writers(url: &str, workspace: &str, numbering: Numbering, time: Duration) -> Checked {
    let plan = Plan::new(1, time);
    let options = || plan.options(url, workspace);
    let store = PgStore::open(options()).await?;
    store.set_numbering(numbering).await?;
    let all = (0..plan.stores).map(|_| options()).collect();
    let load = Load::start(plan, all).await;
    tokio::time::sleep(plan.time).await;
    let mut report = report();
    load.end(options(), &mut report).await;
    let acknowledged = report.count_tried("acknowledged");
    let first = report.details().first().cloned().unwrap_or_default();
    expect(report.is_clean(), &first)?;
    Ok(Some(format!(
        "{acknowledged} commands of histories that agree"
    )))
}

/// How much the server has written to its log.
async fn log_bytes(options: &PgOptions) -> Result<u64> {
    convodb_postgres::testing::log_bytes(options).await
}

/// Median and 99th percentile of what is done so often.
async fn timed(times: usize, mut work: impl AsyncFnMut(usize) -> Result<()>) -> Result<String> {
    let mut took = Vec::with_capacity(times);
    for number in 0..times {
        let begun = Instant::now();
        work(number).await?;
        took.push(begun.elapsed().as_micros());
    }
    took.sort_unstable();
    let at = |of: usize| took.get(times * of / 100).copied().unwrap_or_default();
    Ok(format!("{} µs (p99 {})", at(50), at(99)))
}

async fn speed(options: PgOptions, time: Duration) -> Checked {
    let store = PgStore::open(options.clone()).await?;
    let (imports, begun) = (imports(TIMED)?, Instant::now());
    store.import_all(imports).await?;
    let rate = TIMED as f64 / begun.elapsed().as_secs_f64();
    store.work_off().await?;
    let mut figures = format!("{rate:.0} imports/s, ");
    let all = Filter::all();
    let middle = TIMED as u64 / 40;
    for (name, page) in [("first page", 1), ("page in the middle", middle)] {
        let took = timed(200, async |_| {
            let page = PageRequest::number(page, 20)?;
            store.list(&all, page).await.map(drop)
        });
        let _ = write!(figures, "{name} {}, ", took.await?);
    }
    let mut ids = Vec::new();
    for page in 1..=20 {
        let page = PageRequest::number(page, 100)?;
        let rows = store.list(&Filter::open(), page).await?.data;
        ids.extend(rows.into_iter().map(|row| row.id));
    }
    let reply = |number: usize| ReplyTo {
        conversation: ids[number % ids.len()],
        reply: Reply::text("Hello"),
    };
    let took = timed(200, async |number| {
        store.execute(reply(number)).await.map(drop)
    });
    let _ = write!(figures, "a lone append {}", took.await?);
    for callers in [16, 64] {
        let log = log_bytes(&options).await;
        let (begun, store, reply) = (Instant::now(), &store, &reply);
        let tasks = (0..callers).map(|caller| async move {
            let mut done = 0;
            while begun.elapsed() < time {
                store.execute(reply(caller + callers * done)).await?;
                done += 1;
            }
            Ok::<_, Error>(done)
        });
        let done = futures_util::future::try_join_all(tasks).await?;
        let appends = done.iter().sum::<usize>();
        let rate = appends as f64 / begun.elapsed().as_secs_f64();
        let _ = write!(figures, ", {rate:.0} appends/s of {callers} callers");
        if let (Ok(before), Ok(now)) = (log, log_bytes(&options).await) {
            let bytes = now.saturating_sub(before) / appends.max(1) as u64;
            let _ = write!(figures, " ({bytes} bytes of log each)");
        }
    }
    clean(&store).await.map(|()| Some(figures))
}
