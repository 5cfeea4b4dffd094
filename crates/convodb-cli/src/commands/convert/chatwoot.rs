//! Chatwoot, by the rows of its tables.

mod contacts;
mod messages;
mod metadata;
mod report;
mod rows;
mod threads;

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use convodb::{Channel, InboxId};
use serde_json::{Value, json};

use crate::commands::{Tool, Verdict};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::Output;
use contacts::Contacts;
use messages::Messages;
use report::Report;
use rows::{Inbox, Row, rows};
use threads::Threads;

/// Convert the tables of a Chatwoot database
///
/// DIR has a file of JSON lines for each table, which psql writes. For account 1:
///
///   export FROM="psql -At -v FETCH_COUNT=1000 $DATABASE_URL"
///   for t in inboxes contacts conversations messages teams; do
///     $FROM -c "SELECT row_to_json(t) FROM $t t WHERE account_id = 1 ORDER BY id" \
///       > $t.ndjson
///   done
///   $FROM -c "SELECT row_to_json(t) FROM (SELECT id, name, email FROM users) t" \
///     > users.ndjson
///   $FROM -c "SELECT row_to_json(t) FROM contact_inboxes t" > contact_inboxes.ndjson
///   $FROM -c "SELECT row_to_json(t) FROM (SELECT a.*, b.key, b.filename,
///       b.content_type, b.byte_size FROM attachments a
///       LEFT JOIN active_storage_attachments s
///         ON s.record_type = 'Attachment' AND s.record_id = a.id
///       LEFT JOIN active_storage_blobs b ON b.id = s.blob_id
///       WHERE a.account_id = 1) t" > attachments.ndjson
///
/// (`COPY` and `\copy` in their text format double each backslash: such files are not
/// JSON.) Then:
///
///   convodb convert chatwoot DIR > history.ndjson
///   convodb import --lines history.ndjson inbox.redb
///
/// Ids are those of Chatwoot behind a prefix: `usr_chatwoot_7`, `team_chatwoot_7`,
/// `con_chatwoot_7`, `inb_chatwoot_7`. All conversations of a contact in an inbox
/// become one; the state is that of the latest, and the number that Chatwoot shows of
/// it is `chatwoot.display_id` in the metadata. A contact keeps its name, and its
/// e-mail address, number, identifier and attributes as metadata. Its identities are
/// its source ids on the channels of its inboxes, and its phone number, with `+` and
/// without, on the channels of WhatsApp and SMS inboxes. A later message in the same
/// inbox that names one of them joins the conversation. A webhook of Meta names a
/// contact by an id of its own, and does not.
///
/// Imported conversations keep their old times. With `--keep-resolved`, the server
/// deletes those that are older, from its start on.
///
/// Whatever a line cannot hold is reported on standard error, or in the file of
/// --report. The exit code is then 1.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Chatwoot {
    /// The directory of the files
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// Where an inbox of Chatwoot goes: a channel, or a channel and an inbox of the
    /// store; may be given for each inbox. Without it, WhatsApp, Facebook, Instagram
    /// and website inboxes become inboxes of their own, and the others are left out
    #[arg(
        long = "map-inbox",
        value_name = "ID=CHANNEL[:inb_..]",
        verbatim_doc_comment
    )]
    map_inbox: Vec<String>,

    /// The address of stored files, before the key of each
    #[arg(long, value_name = "URL")]
    media_url: Option<String>,

    /// Write what does not fit to this file, as lines of JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Where an inbox of Chatwoot goes.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) channel: Channel,
    pub(super) inbox_id: Option<InboxId>,
    /// Whether its contacts are phone numbers.
    pub(super) has_numbers: bool,
}

impl Place {
    /// The fields of a line that name a thread.
    fn thread(&self, contact: i64) -> Value {
        let mut thread = json!({
            "contact_id": format!("con_chatwoot_{contact}"),
            "channel": self.channel,
        });
        if let (Some(id), Some(fields)) = (&self.inbox_id, thread.as_object_mut()) {
            fields.insert("inbox_id".to_owned(), json!(id));
        }
        thread
    }
}

impl Chatwoot {
    pub(super) fn run(self, tool: &mut Tool) -> Result<Verdict, Failure> {
        interrupt::watch()?;
        let report = Report::new(self.report.as_deref())?;
        let places = self.places()?;
        let written = self.write(&places, &mut tool.output, &report);
        tool.output.flush()?;
        report.end()?;
        written?;
        Ok(match report.count() {
            0 => Verdict::Success,
            _ => Verdict::Findings,
        })
    }

    fn write(
        &self,
        places: &[(i64, Place)],
        output: &mut Output,
        report: &Report,
    ) -> Result<(), Failure> {
        let inboxes = self.inboxes(places, output, report)?;
        let threads = Threads::read(self, inboxes.clone(), report)?;
        for line in threads.directory() {
            output.line(&line)?;
        }
        let contacts = Contacts::read(self, inboxes, report)?;
        for line in contacts.lines(&threads, report) {
            interrupt::check()?;
            output.line(&line)?;
        }
        for line in threads.lines(report) {
            output.line(&line)?;
        }
        let messages = Messages::new(self, &threads, report)?;
        for row in self.read("messages", report)? {
            interrupt::check()?;
            let row: rows::Message = row?;
            if let Some(line) = messages.line(&row, report) {
                output.line(&line)?;
            }
        }
        Ok(())
    }

    /// The inboxes that are converted, and where they go.
    fn inboxes(
        &self,
        places: &[(i64, Place)],
        output: &mut Output,
        report: &Report,
    ) -> Result<Vec<(i64, Place)>, Failure> {
        let mut known = Vec::new();
        for row in self.read("inboxes", report)? {
            let row: Inbox = row?;
            let given = places.iter().find(|(id, _)| *id == row.id);
            let place = given.map(|(_, place)| place.clone());
            let Some(mut place) = place.or_else(|| own_place(&row)) else {
                let kind = row.channel_type.unwrap_or_default();
                let reason = format!(
                    "the store has no channel for `{kind}`; its conversations were skipped; \
                     use `--map-inbox {}=CHANNEL`",
                    row.id
                );
                report.add("inboxes", row.id, "channel_type", &reason);
                continue;
            };
            place.has_numbers = has_numbers(&row);
            if let Some(id) = &place.inbox_id {
                let name = row.name.unwrap_or_else(|| id.to_string());
                output.line(&json!({
                    "inbox": {"id": id, "channel": place.channel, "name": name}
                }))?;
            }
            known.push((row.id, place));
        }
        for (id, _) in places {
            if !known.iter().any(|(known, _)| known == id) {
                report.add(
                    "inboxes",
                    *id,
                    "id",
                    "--map-inbox names an inbox that is not there",
                );
            }
        }
        Ok(known)
    }

    fn places(&self) -> Result<Vec<(i64, Place)>, Failure> {
        let parsed = |text: &String| {
            let (id, place) = text.split_once('=')?;
            let (channel, inbox_id) = match place.split_once(':') {
                Some((channel, inbox)) => (channel, Some(InboxId::new(inbox).ok()?)),
                None => (place, None),
            };
            let channel = channel.parse().ok()?;
            let place = Place {
                channel,
                inbox_id,
                has_numbers: false,
            };
            Some((id.parse().ok()?, place))
        };
        let usage = |text: &String| {
            Failure::Usage(format!(
                "--map-inbox {text}: must be ID=CHANNEL or ID=CHANNEL:inb_.., with a channel of \
                 whatsapp, instagram, messenger, webchat"
            ))
        };
        let places = self.map_inbox.iter();
        places
            .map(|text| parsed(text).ok_or_else(|| usage(text)))
            .collect()
    }

    /// The rows of a table. A line that is not a row is reported and left out.
    fn read<R: Row>(
        &self,
        table: &'static str,
        report: &Report,
    ) -> Result<impl Iterator<Item = Result<R, Failure>> + use<R>, Failure> {
        let path = self.directory.join(format!("{table}.ndjson"));
        let file = File::open(&path).map_err(|error| unreadable(&path, &error.to_string()))?;
        let bad = report.bad_lines(table);
        Ok(rows(file, path, bad))
    }
}

fn unreadable(path: &Path, reason: &str) -> Failure {
    Failure::File {
        path: path.to_owned(),
        reason: format!(
            "{reason}; `convodb convert chatwoot --help` has the commands that write it"
        ),
    }
}

/// Where an inbox goes of itself.
fn own_place(inbox: &Inbox) -> Option<Place> {
    let channel = match inbox.channel_type.as_deref()? {
        "Channel::Whatsapp" => Channel::Whatsapp,
        "Channel::FacebookPage" => Channel::Messenger,
        "Channel::Instagram" => Channel::Instagram,
        "Channel::WebWidget" => Channel::Webchat,
        _ => return None,
    };
    Some(Place {
        channel,
        inbox_id: InboxId::new(&format!("inb_chatwoot_{}", inbox.id)).ok(),
        has_numbers: false,
    })
}

/// Whether those who write to an inbox are known by their phone numbers.
fn has_numbers(inbox: &Inbox) -> bool {
    let kind = inbox.channel_type.as_deref();
    matches!(
        kind,
        Some("Channel::Whatsapp" | "Channel::Sms" | "Channel::TwilioSms")
    )
}
