//! Bad input is rejected before anything is written, with the field and the reason.

use convodb::{
    Actor, Channel, CommitSeq, ContactId, Content, ConversationId, Cursor, Error, ErrorKind,
    Execute, Filter, Inbound, InvalidInput, MessageId, NoteId, Outbound, PageRequest, ProviderId,
    Receipt, Reply, TeamId, UserId,
};

use super::inbox::{Inbox, contact};
use crate::store::{Read, Stats, Store, test};

const TEXT_BYTES: usize = 64 * 1024;
const BLANK: &str = "must have a visible character";

/// A store that holds something, and what it held before each command.
struct Guarded {
    inbox: Inbox,
    id: ConversationId,
    before: (CommitSeq, Stats),
}

impl Guarded {
    fn new() -> Self {
        let inbox = Inbox::new();
        let id = inbox.resolved();
        let before = Self::held(&inbox.store);
        Self { inbox, id, before }
    }

    fn held(store: &Store) -> (CommitSeq, Stats) {
        (store.commit_seq().unwrap(), store.stats().unwrap())
    }

    /// The command is refused for this field and reason, and wrote nothing.
    fn refuses<T>(
        &self,
        command: impl Fn(&Store) -> Result<T, Error>,
        field: &str,
        reason: impl AsRef<str>,
    ) {
        let Err(error) = command(&self.inbox.store) else {
            panic!("{field} was accepted");
        };
        assert_refused(&error, field, reason.as_ref());
        assert_eq!(Self::held(&self.inbox.store), self.before, "{field}");
        self.inbox.assert_sound();
    }
}

fn assert_refused(error: &Error, field: &str, reason: &str) {
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.field(), Some(field));
    assert_eq!(error.reason(), Some(reason), "{field}");
    assert_eq!(error.to_string(), format!("{field}: {reason}"));
}

fn too_long(bound: usize) -> String {
    format!("must be at most {bound} bytes, and has {}", bound + 1)
}

fn inbound(content: Content) -> Inbound {
    Inbound::new(contact("con_01HXYZ"), Channel::Whatsapp, content)
}

/// Texts that show nothing.
const BLANKS: [&str; 7] = [
    "",
    " ",
    " \t\r\n",
    "\u{3000}\u{a0}\u{2003}",
    "\u{200b}",
    "\u{feff} \u{2060}\u{ad}",
    "\u{0}\u{7f}\u{85}\u{e0001}",
];

/// Contents that show nothing, and the field that does not.
fn blank_contents() -> Vec<(Content, &'static str)> {
    let photo = || Content::image("https://example.com/1.jpg");
    let of = |blank: &&'static str| {
        let rendered = Content::template("sale", ["Ada"]).caption(*blank);
        [
            (Content::text(*blank), "content"),
            (rendered, "content"),
            (photo().caption(*blank), "caption"),
        ]
    };
    BLANKS.iter().flat_map(of).collect()
}

/// Contents, and the field and reason for which each is refused whichever way it goes.
fn bad_contents() -> Vec<(Content, &'static str, String)> {
    let image = |url: String| Content::image(url);
    let photo = || Content::image("https://example.com/1.jpg");
    let template = |name: &str| Content::template(name, ["Ada"]);
    let mut bad = Vec::new();
    for blank in BLANKS {
        bad.push((template(blank), "template_name", BLANK.to_owned()));
    }
    let long = "x".repeat(TEXT_BYTES + 1);
    bad.push((Content::text(&*long), "content", too_long(TEXT_BYTES)));
    // The bound is one of bytes: these are half as many characters.
    let wide = "ä".repeat(TEXT_BYTES / 2) + "x";
    bad.push((Content::text(wide), "content", too_long(TEXT_BYTES)));
    let rendered = template("sale").caption(&*long);
    bad.push((rendered, "content", too_long(TEXT_BYTES)));
    bad.push((photo().caption(&*long), "caption", too_long(TEXT_BYTES)));
    bad.push((template(&"x".repeat(257)), "template_name", too_long(256)));
    bad.push((
        Content::template("sale", vec!["x"; 257]),
        "template_params",
        "must be at most 256, and are 257".to_owned(),
    ));
    bad.push((
        Content::template("sale", [&long[1..], "x"]),
        "template_params",
        "must be at most 65536 bytes together, and have 65537".to_owned(),
    ));
    let scheme = "must begin with `https://` or `http://`";
    for url in ["", "ftp://example.com/1.jpg", "example.com", "HTTPS:/x"] {
        bad.push((image(url.to_owned()), "media_url", scheme.to_owned()));
    }
    for url in ["https://", "http://"] {
        bad.push((image(url.to_owned()), "media_url", HOST.to_owned()));
    }
    let url = format!("https://{}", "x".repeat(4_089));
    bad.push((image(url.clone()), "media_url", too_long(4_096)));
    bad.push((Content::document(url), "media_url", too_long(4_096)));
    bad
}

const HOST: &str = "must name a host and hold no white space";

#[test]
fn an_address_with_white_space_is_encoded_where_it_came_and_refused_where_it_is_to_go() {
    let guarded = Guarded::new();
    let to = contact("con_01HXYZ");
    for (url, encoded) in [
        ("https://a b", "https://a%20b"),
        ("https://a\u{1}", "https://a%01"),
    ] {
        let image = || Content::image(url);
        let outbound = || Outbound::new(&to, Channel::Whatsapp, image());
        guarded.refuses(|store| store.send(outbound()), "media_url", HOST);
        guarded.refuses(|store| store.reply(guarded.id, image()), "media_url", HOST);
        let other = Inbox::new();
        let stored = other.store.receive(inbound(image())).unwrap().value;
        assert_eq!(stored.content, Content::image(encoded));
    }
}

#[test]
fn a_message_of_bad_content_is_refused_whichever_way_it_goes() {
    let guarded = Guarded::new();
    let id = guarded.id;
    for (content, field, reason) in bad_contents() {
        let again = || content.clone();
        guarded.refuses(|store| store.receive(inbound(again())), field, &reason);
        let to = contact("con_01HXYZ");
        let outbound = || Outbound::new(&to, Channel::Whatsapp, again());
        guarded.refuses(|store| store.send(outbound()), field, &reason);
        guarded.refuses(|store| store.reply(id, again()), field, &reason);
    }
}

#[test]
fn a_message_that_shows_nothing_is_stored_where_it_came_and_refused_where_it_is_to_go() {
    let guarded = Guarded::new();
    let id = guarded.id;
    for (content, field) in blank_contents() {
        let again = || content.clone();
        let to = contact("con_01HXYZ");
        let outbound = || Outbound::new(&to, Channel::Whatsapp, again());
        guarded.refuses(|store| store.send(outbound()), field, BLANK);
        guarded.refuses(|store| store.reply(id, again()), field, BLANK);
    }
    for (content, _) in blank_contents() {
        let store = &guarded.inbox.store;
        let stored = store.receive(inbound(content.clone())).unwrap().value;
        assert_eq!(store.message(&stored).unwrap().content, content);
    }
    guarded.inbox.assert_sound();
}

#[test]
fn contents_at_their_bounds_are_stored_whole() {
    let inbox = Inbox::new();
    let text = "ä".repeat(TEXT_BYTES / 2);
    let url = format!("http://{}", "x".repeat(4_089));
    for content in [
        Content::text(&*text),
        Content::text("x"),
        Content::template("x".repeat(256), vec![""; 256]).caption(&*text),
        Content::template("sale", [&*text]),
        Content::template("sale", Vec::<String>::new()),
        Content::image(&*url).caption(&*text),
        Content::document("https://x"),
    ] {
        let stored = inbox.store.receive(inbound(content.clone())).unwrap().value;
        let thread = inbox.store.transcript(stored.conversation_id).unwrap();
        let read = thread.messages.iter().find(|one| one.id == stored.id);
        assert_eq!(read.unwrap().content, content);
    }
    inbox.assert_sound();
}

#[test]
fn a_bad_note_is_refused() {
    let guarded = Guarded::new();
    let id = guarded.id;
    for blank in BLANKS {
        guarded.refuses(|store| store.add_note(id, blank), "content", BLANK);
    }
    let long = "x".repeat(TEXT_BYTES + 1);
    guarded.refuses(
        |store| store.add_note(id, &long),
        "content",
        too_long(TEXT_BYTES),
    );
    let longest = guarded.inbox.store.add_note(id, &long[1..]);
    assert_eq!(longest.unwrap().value.content.len(), TEXT_BYTES);
}

#[test]
fn a_bad_provider_id_is_refused() {
    let guarded = Guarded::new();
    let id = guarded.id;
    let long = "x".repeat(513);
    for (bad, reason) in [("", "must not be empty".to_owned()), (&long, too_long(512))] {
        let inbound = || inbound(Content::text("Hello")).provider_id(bad);
        guarded.refuses(|store| store.receive(inbound()), "provider_id", &reason);
        let reply = || Reply::text("Hello").provider_id(bad);
        guarded.refuses(|store| store.reply(id, reply()), "provider_id", &reason);
    }
    for good in ["1", "wamid.HBgL ==\u{e4}", &long[1..]] {
        let inbound = inbound(Content::text("Hello")).provider_id(good);
        let stored = guarded.inbox.store.receive(inbound).unwrap().value;
        assert_eq!(stored.provider_id.unwrap().as_str(), good);
    }
}

#[test]
fn a_bad_name_is_refused() {
    let guarded = Guarded::new();
    let (user, team) = (UserId::new("usr_a"), TeamId::new("team_a"));
    let (user, team) = (user.unwrap(), team.unwrap());
    let long = "x".repeat(257);
    for (bad, reason) in [
        ("", BLANK.to_owned()),
        (" \t", BLANK.to_owned()),
        ("\u{200b}", BLANK.to_owned()),
        (&long, too_long(256)),
    ] {
        guarded.refuses(|store| store.save_user(&user, bad), "name", &reason);
        guarded.refuses(|store| store.save_team(&team, bad), "name", &reason);
    }
    let longest = guarded.inbox.store.save_user(&user, &long[1..]).unwrap();
    assert_eq!(longest.value.name.len(), 256);
}

#[test]
fn a_bad_receipt_is_refused() {
    let guarded = Guarded::new();
    let sent = guarded.inbox.store.reply(guarded.id, "Hi").unwrap().value;
    guarded.inbox.store.resolve(guarded.id).unwrap();
    let before = Guarded::held(&guarded.inbox.store);
    let guarded = Guarded { before, ..guarded };
    let message = &sent;
    let long = "x".repeat(2_049);
    guarded.refuses(
        |store| store.record_delivery(message, Receipt::failed(&*long, "why")),
        "error.code",
        too_long(2_048),
    );
    guarded.refuses(
        |store| store.record_delivery(message, Receipt::failed("1", &*long)),
        "error.message",
        too_long(2_048),
    );
    for outside in [
        "1969-12-31T23:59:59Z",
        "1999-12-31T23:59:59.999999Z",
        "+10000-01-01T00:00:00Z",
    ] {
        guarded.refuses(
            |store| store.record_delivery(message, Receipt::read().at(outside.parse().unwrap())),
            "at",
            "must lie between the years 2000 and 9999",
        );
    }
    // A provider may well say nothing.
    let empty = Receipt::failed("", &long[1..]);
    let recorded = guarded.inbox.store.record_delivery(message, empty).unwrap();
    let failure = recorded.value.unwrap().deliveries.failure;
    assert_eq!(failure.unwrap().message.len(), 2_048);
}

#[test]
fn a_reply_to_another_contact_or_channel_is_refused() {
    let guarded = Guarded::new();
    let id = guarded.id;
    let reason = "is not the conversation's";
    let to = |who: &str, channel| Outbound::text(contact(who), channel, "Hi");
    guarded.refuses(
        |store| store.reply(id, to("con_other", Channel::Whatsapp)),
        "contact_id",
        reason,
    );
    guarded.refuses(
        |store| store.reply(id, to("con_01HXYZ", Channel::Webchat)),
        "channel",
        reason,
    );
    let right = to("con_01HXYZ", Channel::Whatsapp);
    assert!(guarded.inbox.store.reply(id, right).unwrap().effect.changed);
}

#[test]
fn a_bad_limit_is_refused_for_every_kind_of_page() {
    let guarded = Guarded::new();
    let cursor = Cursor::from(&guarded.inbox.show(guarded.id));
    let (field, reason) = ("limit", "must be between 1 and 100");
    for limit in [0, 101] {
        guarded.refuses(
            |store| store.list(&Filter::all(), (1, limit)),
            field,
            reason,
        );
        guarded.refuses(
            |store| store.list(&Filter::all(), (cursor, limit)),
            field,
            reason,
        );
        let around = PageRequest::around(guarded.id, limit).unwrap_err();
        assert_refused(&around.into(), field, reason);
    }
    guarded.refuses(
        |store| store.list(&Filter::all(), (0, 20)),
        "page",
        "must be at least 1",
    );
}

#[test]
fn an_invalid_command_within_a_transaction_spoils_no_other() {
    let guarded = Guarded::new();
    let id = guarded.id;
    let commit = guarded.inbox.store.commit_seq().unwrap();
    guarded
        .inbox
        .store
        .transaction(|tx| {
            assert!(tx.add_note(id, "").is_err());
            tx.add_note(id, "a note")?;
            assert!(tx.reply(id, " ").is_err());
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(guarded.inbox.store.commit_seq().unwrap(), commit.next());
    assert_eq!(guarded.inbox.store.notes(id).unwrap().count(), 1);
    guarded.inbox.assert_sound();
}

/// The texts that no id of a kind may have.
fn assert_malformed<T: std::fmt::Debug>(
    parse: impl Fn(&str) -> Result<T, InvalidInput>,
    field: &str,
    malformed: &[&str],
) {
    for text in malformed {
        let error = parse(text).unwrap_err();
        assert_eq!(error.field(), field, "{text}");
        let as_error = Error::from(error.clone());
        assert_refused(&as_error, field, error.reason());
    }
}

#[test]
fn own_ids_are_their_prefix_and_a_ulid() {
    let digits = "01HABC00000000000000000000";
    for (prefix, field, is_one) in [
        (
            "conv_",
            "conversation_id",
            &(|text: &str| ConversationId::new(text).map(drop)) as &dyn Fn(&str) -> _,
        ),
        ("msg_", "message_id", &|text| MessageId::new(text).map(drop)),
        ("note_", "note_id", &|text| NoteId::new(text).map(drop)),
    ] {
        let with = |digits: &str| format!("{prefix}{digits}");
        assert_eq!(is_one(&with(digits)), Ok(()));
        assert_eq!(is_one(&with("7ZZZZZZZZZZZZZZZZZZZZZZZZZ")), Ok(()));
        assert_eq!(is_one(&with("00000000000000000000000000")), Ok(()));
        let malformed = [
            String::new(),
            prefix.to_owned(),
            digits.to_owned(),
            format!("wh_{digits}"),
            with(&prefix.to_uppercase()),
            // Too short, too long, too great, lower case, letters that ULIDs leave out.
            with(&digits[1..]),
            with(&format!("{digits}0")),
            with("80000000000000000000000000"),
            with("01habc00000000000000000000"),
            with("01HABCI0000000000000000000"),
            with("01HABCL0000000000000000000"),
            with("01HABCO0000000000000000000"),
            with("01HABCU0000000000000000000"),
            with("01HABC0000000000000000000 "),
            with("01HABC000000000000000000ä"),
            format!(" {}", with(digits)),
        ];
        let malformed: Vec<_> = malformed.iter().map(String::as_str).collect();
        assert_malformed(is_one, field, &malformed);
    }
}

#[test]
fn foreign_ids_are_visible_ascii_of_at_most_128_bytes_and_a_contacts_of_256() {
    for (max_bytes, prefix, field, parse) in [
        (
            256,
            "con_",
            "contact_id",
            &(|text: &str| ContactId::new(text).map(drop)) as &dyn Fn(&str) -> _,
        ),
        (128, "usr_", "user_id", &|text| UserId::new(text).map(drop)),
        (128, "", "team_id", &|text| TeamId::new(text).map(drop)),
        (128, "", "actor", &|text| Actor::new(text).map(drop)),
    ] {
        let longest = format!("{prefix}{}", "x".repeat(max_bytes - prefix.len()));
        assert_eq!(parse(&longest), Ok(()));
        assert_eq!(parse(&format!("{prefix}!~%&=+#/?")), Ok(()));
        let malformed = [
            prefix.to_owned(),
            longest + "x",
            format!("{prefix}a b"),
            format!("{prefix}a\n"),
            format!("{prefix}\u{7f}"),
            format!("{prefix}ä"),
        ];
        let malformed: Vec<_> = malformed.iter().map(String::as_str).collect();
        assert_malformed(parse, field, &malformed);
    }
    let other = ["", "01HXYZ", "CON_1", "xcon_1"];
    assert_malformed(ContactId::new, "contact_id", &other);
    assert_malformed(UserId::new, "user_id", &["", "alice", "USR_1", "usr_a,b"]);
    let reserved = ["unassigned", "none", "any", "usr_1", "usr_", "a,b"];
    assert_malformed(TeamId::new, "team_id", &reserved);
    let long = "x".repeat(513);
    assert_malformed(ProviderId::new, "provider_id", &["", &long]);
    assert_eq!(ProviderId::new(&long[1..]).unwrap().as_str(), &long[1..]);
}
