//! Tests of the parser of intake URLs.

use super::*;

const MONITORS: &str = "monitor=http://n1:8222,http://n2:8222,http://n3:8222";

fn read(url: &str) -> IntakeUrl {
    url.parse().unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn error(url: &str) -> String {
    url.parse::<IntakeUrl>().map(|it| it.to_string()).unwrap_err().to_string()
}

#[test]
fn a_short_url_has_the_defaults() {
    let url = read(&format!("nats://n1,n2:4223,[::1]?{MONITORS}"));
    assert_eq!(url.nodes, ["n1:4222", "n2:4223", "[::1]:4222"]);
    assert_eq!((url.replicas, url.stream.as_str(), url.has_tls), (3, "lamplight", false));
    assert_eq!(url.bytes_max, 10 << 30);
    assert!(matches!(url.login, Login::None));
    assert_eq!(url.monitors.len(), 3);
    assert_eq!(url.subject(7), "lamplight.payloads.7");
    assert_eq!(url.to_string(), "nats://n1:4222,n2:4223,[::1]:4222");
}

#[test]
fn every_option_is_read() {
    let url = read(
        "tls://lamp:p%40ss%3Aw@n1:80?replicas=1&monitor=https://n1:8222/path&stream=s-2&max_gib=0.5\
         &ca_file=/ca.pem&client_certificate_file=/c.pem&client_key_file=/k.pem",
    );
    assert_eq!((url.replicas, url.stream.as_str(), url.has_tls), (1, "s-2", true));
    assert_eq!((url.bytes_max, url.nodes), (1 << 29, vec!["n1:80".to_owned()]));
    let Login::User(user, password) = url.login else { panic!("{:?}", url.login) };
    assert_eq!((user.as_str(), password.reveal()), ("lamp", "p@ss:w"));
    assert_eq!(url.monitors[0].join("varz").unwrap().path(), "/path/varz");
    assert_eq!(url.ca_file, Some("/ca.pem".into()));
    assert_eq!(url.client, Some(("/c.pem".into(), "/k.pem".into())));
    let token = read(&format!("nats://t0ken@n1?{MONITORS}"));
    assert!(matches!(token.login, Login::Token(it) if it.reveal() == "t0ken"));
    let file = read(&format!("nats://n1?{MONITORS}&credentials_file=/lamp.creds"));
    assert_eq!(file.credentials_file, Some("/lamp.creds".into()));
}

#[test]
fn errors_say_what_to_change_and_never_quote_the_url() {
    let monitored = |rest: &str| format!("nats://u:hunter2@n1,n2{rest}&{MONITORS}");
    for (url, part) in [
        ("postgres://u:hunter2@db/lamp".to_owned(), "not the URL of a NATS cluster: write nats://"),
        ("u:hunter2@n1".into(), "not the URL of a NATS cluster"),
        ("nats://u:hunter2@n1".into(), "the option monitor is missing"),
        ("nats://u:hunter2@n1?monitor=n1:8222".into(), "write http://n1:8222, one for each node"),
        ("nats://u@n1?monitor=http://u:hunter2@n1".into(), "write http://n1:8222"),
        ("nats://n1?monitor=http://n1,http://n1".into(), "is there twice"),
        (format!("nats://u:hunter2@?{MONITORS}"), "a node of the URL is not host:port"),
        (format!("nats://u:hunter2@n1:99999?{MONITORS}"), "a node of the URL is not host:port"),
        (format!("nats://u:hunter2@n1/path?{MONITORS}"), "a node of the URL is not host:port"),
        (format!("nats://u:hunter2@n1,,n2?{MONITORS}"), "a node of the URL is not host:port"),
        (format!("nats://:hunter2@n1?{MONITORS}"), "no user or token before it"),
        (format!("nats://u:%zzhunter2@n1?{MONITORS}"), "wrong %-escape"),
        (monitored("?hunter2=1"), "an option that is not known: the options are replicas,"),
        (monitored("?replicas=2"), "replicas is `2`, and must be 3, 5, or"),
        (monitored("?replicas=3&replicas=3"), "the option replicas is there twice"),
        (monitored("?stream=a.b"), "stream must be a name"),
        (monitored("?max_gib=0"), "max_gib must be a number"),
        (monitored("?max_gib=NaN"), "max_gib must be a number"),
        (monitored("?credentials_file=/c"), "choose one of them"),
        (monitored("?client_key_file=/c"), "belong together"),
        (monitored("?ca_file=/c"), "write tls:// instead of nats://"),
    ] {
        let error = error(&url);
        assert!(error.contains(part), "{url}: {error}");
        assert!(!error.contains("hunter2"), "{url}: {error}");
    }
}

#[test]
fn only_a_url_with_a_password_or_token_is_a_secret() {
    for (url, has) in [
        ("nats://n1?monitor=http://n1", false),
        ("nats://u:p@n1?monitor=http://n1", true),
        ("tls://token@n1", true),
        ("what is this", true),
    ] {
        assert_eq!(IntakeUrl::has_password(url), has, "{url}");
    }
    assert!(!format!("{:?}", read(&format!("nats://u:hunter2@n1?{MONITORS}"))).contains("hunter2"));
}
