//! A database that cannot be used: the server does not start, and says why and what to do. A
//! database that is used at a risk: it says which.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::instance::Instance;
use super::tls_front::TlsFront;
use super::{pooler, serve_on, server_on};
use crate::harness::{Server, command, ending, now};

/// A server that cannot use its database has said so by then.
const REFUSED_WITHIN: Duration = Duration::from_mins(1);

/// What a server says that does not start.
pub(super) fn refused(url: &str) -> String {
    refused_as(&mut serve_on(url, Path::new("/nowhere/at/all")))
}

fn refused_as(command: &mut Command) -> String {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > REFUSED_WITHIN {
            ending::kill(child.id());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "it started");
    let said = String::from_utf8(output.stderr).unwrap();
    let error = said.lines().find(|line| line.starts_with("error: failed to "));
    let why = error.unwrap_or_else(|| panic!("it said {said}")).to_owned();
    assert!(!why.contains("hunter2"), "{why}");
    why
}

/// Checks that this URL leads to an error with these parts.
fn check(url: &str, parts: &[&str]) {
    let why = refused(url);
    for part in parts {
        assert!(why.contains(part), "{url}: {part}: {why}");
    }
}

#[test]
fn a_start_without_a_usable_database_says_what_is_wrong_and_what_to_do() {
    let mut instance = Instance::start("");
    for sql in [
        "CREATE ROLE secretive LOGIN PASSWORD 'right'",
        "CREATE ROLE plain LOGIN",
        "CREATE ROLE shut LOGIN CONNECTION LIMIT 0",
        "CREATE ROLE few LOGIN CONNECTION LIMIT 5",
        "CREATE ROLE outsider LOGIN",
        "CREATE DATABASE closed",
        "REVOKE CONNECT ON DATABASE closed FROM PUBLIC",
        "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0",
        "CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0",
        "CREATE DATABASE readonly",
        "ALTER DATABASE readonly SET default_transaction_read_only = on",
        "CREATE DATABASE owned",
    ] {
        instance.sql("postgres", sql);
    }
    instance.run(
        "sed -i '1i host all secretive all scram-sha-256\\nhost all outsider all reject' \"$DIR/data/pg_hba.conf\"",
    );
    instance.sql("postgres", "SELECT pg_reload_conf()");
    let port = instance.port;
    let url = |role: &str, database: &str| format!("postgres://{role}@127.0.0.1:{port}/{database}");
    check(
        &url("secretive:hunter2", "lamp"),
        &["password authentication failed", "Correct the password in the URL, in PGPASSWORD or"],
    );
    check(&url("secretive", "lamp"), &["password missing", "Set PGPASSWORD, or name"]);
    check(&url("nobody", "lamp"), &["does not exist", "CREATE ROLE \"nobody\" LOGIN"]);
    check(&url("outsider", "lamp"), &["pg_hba.conf rejects", "let it in from this machine"]);
    check(
        &url("plain", "missing"),
        &[
            "\"missing\" does not exist",
            "CREATE DATABASE \"missing\" OWNER \"plain\" ENCODING 'UTF8'",
        ],
    );
    check(&url("plain", "closed"), &["GRANT CONNECT ON DATABASE \"closed\" TO \"plain\""]);
    check(
        &url("plain", "lamp"),
        &["permission denied", "CREATE SCHEMA lamplight AUTHORIZATION \"plain\""],
    );
    check(&url("shut", "lamp"), &["too many connections for role", "needs at least 8"]);
    check(&url("few", "lamp"), &["5 connections for the role few", "CONNECTION LIMIT"]);
    check(
        &url("postgres", "latin"),
        &[
            "its encoding is LATIN1",
            "CREATE DATABASE \"latin_utf8\" OWNER \"postgres\" ENCODING 'UTF8'",
        ],
    );
    check(&url("postgres", "ascii"), &["its encoding is SQL_ASCII", "TEMPLATE template0"]);
    let readonly = url("postgres", "readonly");
    check(&readonly, &["takes no writes", "target_session_attrs=read-write"]);
    check(
        &format!("{readonly}?target_session_attrs=read-write"),
        &["does not allow writes", "name the host of the primary"],
    );
    check(&format!("{}?sslmode=require", url("plain", "lamp")), &["TLS", "turn on ssl"]);
    // The schema of another role.
    server_on(&url("postgres", "owned")).stop();
    check(&url("plain", "owned"), &["permission denied", "OWNER TO \"plain\""]);
    instance.stop("fast");
    check(&url("plain", "lamp"), &["Connection refused", "Start PostgreSQL, and check"]);
    check("postgres://plain@no-such-host.invalid/lamp", &["Check the host"]);
}

#[test]
fn a_pooler_that_changes_connections_between_transactions_is_refused() {
    let instance = Instance::start("");
    for is_last_first in [true, false] {
        for connections in [3, 4, 9] {
            let port = pooler::start(instance.port, "lamp", connections, is_last_first);
            let url = format!("postgres://postgres@127.0.0.1:{port}/lamp");
            check(&url, &["each transaction another connection", "Set pool_mode = session"]);
        }
    }
}

/// A certificate for these names, its key, and the certificate of its authority, in PEM.
fn certificate(names: &[&str]) -> (String, String, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "a private authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let signed = CertificateParams::new(names).unwrap().signed_by(&key, &*authority).unwrap();
    (signed.pem(), key.serialize_pem(), authority.as_ref().pem())
}

#[test]
fn the_certificate_of_the_database_is_checked_as_the_url_says() {
    let instance = Instance::start("");
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key, authority) = certificate(&["localhost"]);
    let ca = dir.path().join("ca");
    std::fs::write(&ca, authority).unwrap();
    let front = TlsFront::start(&certificate, &key, instance.port);
    let port = front.port;
    let url = |host: &str, query: &str| format!("postgres://postgres@{host}:{port}/lamp?{query}");
    let root = format!("sslrootcert={}", ca.display());
    check(
        &url("localhost", "sslmode=verify-full"),
        &["UnknownIssuer", "sslrootcert=/path/to/ca.pem"],
    );
    check(
        &url("127.0.0.1", &format!("sslmode=verify-full&{root}")),
        &["not valid for", "as the certificate names it"],
    );
    check(
        &url("localhost", "sslmode=verify-full&sslrootcert=/nowhere/ca.pem"),
        &["read the authorities in /nowhere/ca.pem"],
    );
    for query in [
        "sslmode=require".to_owned(),
        format!("sslmode=verify-full&{root}"),
        format!("sslmode=verify-ca&{root}"),
    ] {
        let host = if query.contains("verify-full") { "localhost" } else { "127.0.0.1" };
        let server = server_on(&url(host, &query));
        assert_eq!(front.without_tls(), 0, "{query}");
        assert_eq!(server.stop(), Some(0));
    }
}

#[test]
fn settings_of_the_database_that_can_lose_events_are_a_warning_at_the_start() {
    let instance = Instance::start("");
    let log = |sql: &[&str]| {
        for sql in sql {
            instance.sql("postgres", sql);
        }
        instance.sql("postgres", "SELECT pg_reload_conf()");
        std::thread::sleep(std::time::Duration::from_millis(300));
        server_on(&instance.url("lamp")).stop_with_log()
    };
    let safe = log(&[]);
    assert!(!safe.contains("the database has"), "{safe}");
    let risky = log(&[
        "ALTER SYSTEM SET fsync = off",
        "ALTER SYSTEM SET full_page_writes = off",
        "ALTER SYSTEM SET synchronous_commit = off",
    ]);
    for part in ["has fsync = off", "has full_page_writes = off", "has synchronous_commit = off"] {
        assert_eq!(risky.matches(part).count(), 1, "{part}: {risky}");
    }
}

#[test]
fn a_url_is_an_exposed_secret_only_with_a_password_in_it() {
    let instance = Instance::start("");
    let dir = tempfile::tempdir().unwrap();
    let url = instance.url("lamp");
    let with_password = url.replace("postgres@", "postgres:hunter2@");
    let argument = |url: &str| {
        let mut serve = command("serve", dir.path());
        serve.args(["--database-url", url]);
        Server::start(serve).stop_with_log()
    };
    let log = argument(&url);
    assert!(!log.contains("secret"), "{log}");
    let log = argument(&with_password);
    assert!(log.contains("a secret is in the argument --database-url, and other users"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
    let config = dir.path().join("lamplight.toml");
    let file = |url: &str| {
        std::fs::write(&config, format!("database_url = '{url}'")).unwrap();
        std::fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .unwrap();
        let mut serve = command("serve", dir.path());
        Server::start({
            serve.arg("--config").arg(&config);
            serve
        })
        .stop_with_log()
    };
    let log = file(&url);
    assert!(!log.contains("can read secrets"), "{log}");
    let log = file(&with_password);
    assert!(log.contains("it sets `database_url`") && !log.contains("hunter2"), "{log}");
}

#[test]
fn without_a_role_for_statements_the_api_says_what_an_operator_does_once() {
    let instance = Instance::start("");
    instance.sql("lamp", "CREATE ROLE lamplight LOGIN; GRANT CREATE ON DATABASE lamp TO lamplight");
    let url = instance.url("lamp").replace("postgres@", "lamplight@");
    let bearer = format!("Bearer {}", crate::harness::ADMIN_TOKEN);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let ask =
        |server: &Server| server.post("/api/query", &headers, br#"{"sql":"SELECT 1 AS one"}"#);
    let server = server_on(&url);
    let refused = ask(&server);
    assert_eq!((refused.status, refused.problem().as_str()), (503, "sql_not_set_up"));
    for step in ["CREATE ROLE lamplight_sql LOGIN", "CREATE SCHEMA lamplight_sql AUTHORIZATION"] {
        assert!(refused.text.contains(step), "{step}: {refused:?}");
    }
    assert_eq!(server.stop(), Some(0));
    instance.sql(
        "lamp",
        "CREATE ROLE lamplight_sql LOGIN CONNECTION LIMIT 16; \
         CREATE SCHEMA lamplight_sql AUTHORIZATION lamplight",
    );
    let mut serve = serve_on(&url, Path::new("/nowhere/at/all"));
    serve.env("LAMPLIGHT_SQL_DATABASE_URL", url.replace("lamplight@", "lamplight_sql@"));
    let server = Server::start(serve);
    let answered = ask(&server);
    assert_eq!(answered.status, 200, "{answered:?}");
    assert_eq!(answered.json()["rows"], serde_json::json!([[1]]));
}
