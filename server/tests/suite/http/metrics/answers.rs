//! Who may read the metrics, in which forms, and what is never in them.

use super::rig::{NAME, Story, scrape};
use crate::harness::{ADMIN_TOKEN, SECRET_KEY, Server, WRITE_KEY};

#[test]
fn metrics_need_a_token_and_answer_in_the_form_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let missing = server.get("/metrics", &[]);
    assert_eq!((missing.status, missing.problem().as_str()), (401, "token_missing"));
    assert!(missing.header("www-authenticate").is_some(), "{missing:?}");
    for accept in ["", "*/*", "text/plain;version=0.0.4"] {
        let headers = [("authorization", bearer.as_str()), ("accept", accept)];
        let reply = server.get("/metrics", &headers);
        let kind = reply.header("content-type").unwrap();
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
        assert!(reply.text.contains("# TYPE lamplight_intake_payloads_total counter\n"));
        assert!(!reply.text.contains("# EOF"));
    }
    let open = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    let headers = [("authorization", bearer.as_str()), ("accept", open)];
    let reply = server.get("/metrics", &headers);
    let kind = reply.header("content-type").unwrap();
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(reply.text.contains("# TYPE lamplight_intake_payloads counter\n"));
    assert!(reply.text.ends_with("# EOF\n"));
    let odd = server.get("/metrics?name=x", &[("authorization", &bearer)]);
    assert_eq!((odd.status, odd.problem().as_str()), (400, "parameter_unknown"));
}

#[test]
fn metrics_contain_no_payload_no_key_and_no_address() {
    let story = Story::new();
    let server = story.serve();
    let page = Story::tell(&server);
    let sinks = ["webhook", "0123456789abcdef"].map(str::to_owned);
    assert!(page.contains(&sinks[0]), "the kind of a sink is shown");
    for secret in [NAME, WRITE_KEY, SECRET_KEY, ADMIN_TOKEN, "wk_", "127.0.0.1", &sinks[1]] {
        assert!(!page.contains(secret), "{secret}");
    }
    // Whatever clients ask for, the number of samples stays the same.
    let before = scrape(&server).lines().count();
    for n in 0..50 {
        server.get(&format!("/path/{n}"), &[]);
        server.post(&format!("/v1/events?key=wk_{n}"), &[("content-type", "text/plain")], b"[]");
    }
    assert_eq!(scrape(&server).lines().count(), before);
}
