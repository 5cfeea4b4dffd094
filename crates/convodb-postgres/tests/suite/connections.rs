//! What a store says of connections: servers that cannot be reached, roles that may not, schemas that are missing,
//! and connections that are encrypted.

use std::fs;
use std::process::Command;

use convodb::*;
use convodb_postgres::*;
use convodb_testkit::postgres::{Server, is_installed, shared};

use crate::backend::{block_on, database, options, url};

fn open(url: &str) -> Result<PgStore> {
    block_on(PgStore::open(
        PgOptions::new(url)?.deadline(std::time::Duration::from_secs(3)),
    ))
}

#[test]
fn a_url_that_is_none_is_refused_without_its_password() {
    for url in [
        "",
        "postgres://",
        "mysql://user:hunter2@host/db",
        "postgres://u:hunter2@h:port/db",
        "user=x password=hunter2",
    ] {
        let error = PgOptions::new(url).unwrap_err();
        assert_eq!(
            (error.kind(), error.field()),
            (ErrorKind::InvalidInput, Some("url")),
            "{url}"
        );
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{error:?}"
        );
    }
    let options = PgOptions::new("postgres://u:hunter2@h/db").unwrap();
    assert!(!format!("{options:?}").contains("hunter2"));
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let error = open("host=/nonexistent user=x dbname=y").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error = open("postgres://u:hunter2@127.0.0.1:1/db").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[test]
fn a_schema_that_is_not_there_is_to_be_made() {
    if !is_installed() {
        return;
    }
    let server = shared();
    let error = open(&server.url("no_such_database")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADatabase);
    server.psql("postgres", "CREATE DATABASE empty");
    let error = open(&server.url("empty")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedVersion);
    assert!(error.to_string().contains("migrate"), "{error}");
    let options = PgOptions::new(&server.url("empty")).unwrap();
    assert_eq!(block_on(migrate(&options)).unwrap(), 1);
    assert_eq!(block_on(migrate(&options)).unwrap(), 0, "once");
    open(&server.url("empty")).unwrap();
    // One that a later version made only has more; an older one lacks something.
    server.psql("empty", "UPDATE convodb.schema_version SET version = 99");
    open(&server.url("empty")).unwrap();
    let error = block_on(migrate(&options)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedVersion);
    server.psql("empty", "UPDATE convodb.schema_version SET version = 0");
    let error = open(&server.url("empty")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedVersion);
}

#[test]
fn roles_have_what_they_need_and_no_more() {
    if !is_installed() {
        return;
    }
    assert!(roles("x; DROP TABLE y", "z").is_err());
    let server = shared();
    database(server, "roles");
    for role in ["roles_app", "roles_reader", "roles_none"] {
        server.psql("roles", &format!("CREATE ROLE {role} LOGIN"));
    }
    server.psql("roles", &roles("roles_app", "roles_reader").unwrap());

    let app = open(&server.url_as("roles_app", "roles")).unwrap();
    let hello = Inbound::text(ContactId::new("con_1").unwrap(), Channel::Whatsapp, "Hello");
    let hello = commands::ReceiveMessage { message: hello };
    block_on(app.execute(hello.clone())).unwrap();
    block_on(app.set_numbering(Numbering::Settled)).unwrap();
    block_on(app.execute(hello.clone())).unwrap();
    assert!(block_on(app.verify()).unwrap().is_clean());
    let error = block_on(migrate(
        &PgOptions::new(&server.url_as("roles_none", "roles")).unwrap(),
    ));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotPermitted);

    let reader = open(&server.url_as("roles_reader", "roles")).unwrap();
    assert_eq!(block_on(reader.count(&Filter::all())).unwrap(), 1);
    let error = block_on(reader.execute(hello)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotPermitted, "{error}");
    assert!(error.to_string().contains("roles"), "{error}");

    let error = open(&server.url_as("roles_none", "roles")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotPermitted, "{error}");
    let error = open(&server.url_as("roles_unknown", "roles")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotPermitted, "{error}");
}

#[test]
fn a_server_that_only_reads_says_so() {
    if !is_installed() {
        return;
    }
    let server = shared();
    let url = database(server, "read_only");
    open(&url).unwrap();
    server.psql(
        "postgres",
        "ALTER DATABASE read_only SET default_transaction_read_only = on",
    );
    let error = open(&url).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    assert!(error.to_string().contains("primary"), "{error}");
    let reading = PgOptions::new(&url).unwrap().read_only(true);
    let store = block_on(PgStore::open(reading)).unwrap();
    assert_eq!(block_on(store.count(&Filter::all())).unwrap(), 0);
    let hello = Inbound::text(ContactId::new("con_1").unwrap(), Channel::Whatsapp, "Hello");
    let hello = commands::ReceiveMessage { message: hello };
    let error = block_on(store.execute(hello)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
}

#[test]
fn workspaces_of_a_database_share_nothing() {
    if !is_installed() {
        return;
    }
    let [one, other] = [options(), options()].map(|it| block_on(PgStore::open(it)).unwrap());
    let hello = Inbound::text(ContactId::new("con_1").unwrap(), Channel::Whatsapp, "Hello");
    let hello = commands::ReceiveMessage { message: hello };
    let first = block_on(one.execute(hello.clone())).unwrap();
    let id = first.value.conversation_id;
    assert_eq!(block_on(other.count(&Filter::all())).unwrap(), 0);
    assert_eq!(
        block_on(other.conversation(id)).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        block_on(other.execute(hello)).unwrap().commit,
        Some(CommitSeq::new(1))
    );
    let again = PgOptions::new(url())
        .unwrap()
        .workspace("test_never_opened");
    assert_eq!(
        block_on(
            block_on(PgStore::open(again))
                .unwrap()
                .count(&Filter::all())
        )
        .unwrap(),
        0
    );
}

#[test]
fn workspaces_that_are_created_at_the_same_time_are_each_created_once() {
    if !is_installed() {
        return;
    }
    let url = database(shared(), "created_at_once");
    let open = |number: usize| {
        let name = format!("workspace_{}", number % 12);
        let options = PgOptions::new(&url).unwrap().workspace(name).connections(2);
        tokio::spawn(PgStore::open(options.background(false)))
    };
    let opened = block_on(async { (0..24).map(open).collect::<Vec<_>>() });
    for store in opened {
        let store = block_on(store).unwrap().unwrap();
        assert_eq!(block_on(store.count(&Filter::all())).unwrap(), 0);
    }
    let created = shared().psql("created_at_once", "SELECT count(*) FROM convodb.workspace");
    assert_eq!(created.trim(), "12");
}

#[test]
fn a_server_proves_its_name() {
    if !is_installed() {
        return;
    }
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut server = Server::start();
    server.stop();
    let data = server.dir().join("data");
    for (name, text) in [
        ("server.crt", made.cert.pem()),
        ("server.key", made.signing_key.serialize_pem()),
    ] {
        let file = data.join(name);
        fs::write(&file, text).unwrap();
        // The server reads a key that is its user's alone.
        let _ = Command::new("chown")
            .args(["--reference"])
            .arg(&data)
            .arg(&file)
            .status();
        assert!(
            Command::new("chmod")
                .arg("600")
                .arg(&file)
                .status()
                .unwrap()
                .success()
        );
    }
    // An address of this machine that no other process has.
    let [.., high, low] = std::process::id().to_be_bytes();
    let address = format!("127.77.{high}.{low}");
    server.launch(&[
        "fsync=off",
        "ssl=on",
        &format!("listen_addresses={address}"),
    ]);
    block_on(migrate(&PgOptions::new(&server.url("postgres")).unwrap())).unwrap();

    let url = |mode: &str| {
        format!("host=localhost hostaddr={address} user=convodb dbname=postgres sslmode={mode}")
    };
    let root = made.cert.pem();
    let trusting = PgOptions::new(&url("require"))
        .unwrap()
        .root_certificate(root.as_bytes())
        .unwrap();
    let store = block_on(PgStore::open(trusting)).unwrap();
    assert_eq!(block_on(store.count(&Filter::all())).unwrap(), 0);
    // No certificate vouches for it, or for this name.
    let error = open(&url("require")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let by_address = url("require").replace("host=localhost hostaddr=", "host=");
    let trusting = PgOptions::new(&by_address)
        .unwrap()
        .root_certificate(root.as_bytes())
        .unwrap();
    assert!(block_on(PgStore::open(trusting)).is_err());
    open(&url("disable")).unwrap();
    let invalid = PgOptions::new(&url("require"))
        .unwrap()
        .root_certificate(b"none")
        .unwrap_err();
    assert_eq!(invalid.field(), Some("root_certificate"));
}
