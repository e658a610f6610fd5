//! Who may see the console.

use super::visitor::{FORM, FROM_HERE, Visitor};
use crate::harness::{ADMIN_TOKEN, Reply, Server, WRITE_KEY};

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    (dir, server)
}

fn sign_in(server: &Server, headers: &[(&str, &str)], body: &str) -> Reply {
    server.post("/login", &[headers, &[FORM]].concat(), body.as_bytes())
}

#[test]
fn a_page_leads_to_the_sign_in_and_from_there_back() {
    let (_dir, server) = server();
    assert_eq!(server.get("/", &[]).header("location"), Some("/overview"));
    let away = server.get("/overview?a=b", &[]);
    assert_eq!(
        (away.status, away.header("location")),
        (303, Some("/login?next=%2Foverview%3Fa%3Db"))
    );
    let page = server.get("/login?next=%2Foverview%3Fa%3Db", &[]).text;
    assert!(page.contains("name=\"next\" value=\"/overview?a=b\""), "{page}");
    let body = format!("token={ADMIN_TOKEN}&next=%2Foverview%3Fa%3Db");
    let back = sign_in(&server, &[FROM_HERE], &body);
    assert_eq!((back.status, back.header("location")), (303, Some("/overview?a=b")));
    let visitor = Visitor::admin(&server);
    assert!(visitor.page("/overview").contains("<h1>Overview</h1>"));
    let elsewhere =
        sign_in(&server, &[FROM_HERE], &format!("token={ADMIN_TOKEN}&next=//evil.example"));
    assert_eq!(elsewhere.header("location"), Some("/overview"));
}

#[test]
fn only_a_token_signs_in_and_the_answer_never_repeats_it() {
    let (_dir, server) = server();
    for (token, why) in [
        ("at_wrong_but_long_enough_to_be_one", "is not one of this server"),
        (WRITE_KEY, "can only send events"),
        ("", "Enter a token"),
        ("%3Cscript%3Ealert(1)%3C/script%3E", "&#60;scrip…"),
    ] {
        let reply = sign_in(&server, &[FROM_HERE], &format!("token={token}"));
        assert_eq!((reply.status, reply.header("set-cookie")), (403, None), "{token}");
        assert!(reply.text.contains(why), "{token}: {}", reply.text);
        assert!(token.is_empty() || !reply.text.contains(token), "{token}: {}", reply.text);
    }
}

#[test]
fn a_session_is_a_cookie_that_neither_scripts_nor_other_sites_can_use() {
    let (_dir, server) = server();
    let reply = sign_in(&server, &[FROM_HERE], &format!("token={ADMIN_TOKEN}"));
    let cookie = reply.header("set-cookie").unwrap();
    assert!(
        cookie.contains("; HttpOnly; SameSite=Strict") && !cookie.contains("Secure"),
        "{cookie}"
    );
    let proxied = [FROM_HERE, ("x-forwarded-proto", "https")];
    let reply = sign_in(&server, &proxied, &format!("token={ADMIN_TOKEN}"));
    assert!(reply.header("set-cookie").unwrap().contains("; Secure"), "{reply:?}");
    let page = Visitor::admin(&server).get("/overview");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
}

#[test]
fn pages_of_other_origins_change_nothing_with_the_session() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    let cookie = ("cookie", visitor.cookie.as_str());
    let origin = format!("http://{}", server.address());
    let others: [&[(&str, &str)]; 4] = [
        &[],
        &[("sec-fetch-site", "same-site"), ("origin", &origin)],
        &[("sec-fetch-site", "cross-site")],
        &[("origin", "http://127.0.0.1:1")],
    ];
    for other in others {
        let headers = [other, &[cookie, FORM]].concat();
        for path in ["/logout", "/api/retention/trust-clock"] {
            let reply = server.post(path, &headers, b"");
            assert_eq!(reply.status, 403, "{path} {other:?}: {reply:?}");
        }
        assert_eq!(sign_in(&server, other, &format!("token={ADMIN_TOKEN}")).status, 403);
    }
    assert_eq!(visitor.get("/overview").status, 200, "nobody signed this session out");
    assert_eq!(visitor.get("/api/totals").status, 200, "the console may read the API");
    assert_eq!(
        server.post("/api/retention/trust-clock", &[cookie, ("origin", &origin)], b"").status,
        200
    );
}

#[test]
fn a_session_ends_with_a_sign_out_and_with_its_token() {
    let (_dir, server) = server();
    let (one, other) = (Visitor::admin(&server), Visitor::admin(&server));
    assert_eq!(one.submit("/logout", "").header("location"), Some("/login"));
    assert_eq!(one.get("/overview").status, 303);
    assert_eq!(one.get("/api/totals").status, 401);
    assert_eq!(other.get("/overview").status, 200, "another session of the same token goes on");
    let made = server.call(
        "POST",
        "/api/keys",
        &[
            ("authorization", &format!("Bearer {ADMIN_TOKEN}")),
            ("content-type", "application/json"),
        ],
        br#"{"kind":"viewer","source":"console"}"#,
    );
    let key = made.json();
    let viewer = Visitor::with_token(&server, key["key"].as_str().unwrap());
    assert_eq!(viewer.get("/overview").status, 200);
    let change = viewer.server.call(
        "POST",
        "/api/retention/trust-clock",
        &[("cookie", &viewer.cookie), FROM_HERE],
        b"",
    );
    assert_eq!(change.status, 403, "{change:?}");
    let id = key["id"].as_str().unwrap();
    let disabled = other.server.call(
        "PATCH",
        &format!("/api/keys/{id}"),
        &[("cookie", &other.cookie), FROM_HERE, ("content-type", "application/json")],
        br#"{"disabled":true}"#,
    );
    assert_eq!(disabled.status, 200, "{disabled:?}");
    assert_eq!(viewer.get("/overview").status, 303);
}

#[test]
fn a_restart_signs_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let port = |server: &Server| server.address().rsplit(':').next().unwrap().to_owned();
    let (cookie, before) = (Visitor::admin(&server).cookie, port(&server));
    server.kill_9();
    let server = Server::serve(dir.path());
    let cookie = cookie.replace(&before, &port(&server));
    assert_eq!(server.get("/overview", &[("cookie", &cookie)]).status, 200);
}

#[test]
fn the_link_that_the_first_start_prints_signs_in_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::demo(dir.path());
    let code = server.output.split("/login?code=").nth(1).unwrap();
    let code = &code[..64];
    let page = server.get(&format!("/login?code={code}"), &[]);
    assert!(page.text.contains("Open the console"), "{}", page.text);
    let page = server.get(&format!("/login?code={code}"), &[]);
    assert_eq!(page.status, 200, "looking at the link does not use it up");
    let reply = sign_in(&server, &[FROM_HERE], &format!("code={code}"));
    assert_eq!((reply.status, reply.header("location")), (303, Some("/overview")));
    let again = sign_in(&server, &[FROM_HERE], &format!("code={code}"));
    assert_eq!((again.status, again.header("set-cookie")), (403, None));
}

#[test]
fn an_error_is_a_page_and_a_part_of_a_page_leads_to_the_sign_in() {
    let (_dir, server) = server();
    let reply = server.get("/console/nothing.css", &[]);
    assert_eq!(reply.status, 404);
    assert!(reply.text.contains("<code>not_found</code>"), "{}", reply.text);
    let part = server.get("/overview", &[("hx-request", "true")]);
    assert_eq!((part.status, part.header("hx-redirect")), (401, Some("/login")));
}

#[test]
fn a_page_has_a_twin_in_json() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    let reply = visitor.get("/overview?format=json");
    assert_eq!((reply.status, reply.header("location")), (303, Some("/api/totals")));
    assert_eq!(visitor.get("/api/totals").json()["stored"], 0);
}

#[test]
fn files_are_kept_by_the_browser_and_are_small() {
    let (_dir, server) = server();
    let page = Visitor::admin(&server).get("/overview");
    let mut bytes = page.text.len();
    for (at, _) in page.text.match_indices("/console/") {
        let address = page.text[at..].split('"').next().unwrap();
        let reply = server.call("HEAD", address, &[("accept-encoding", "gzip")], b"");
        assert_eq!(reply.status, 200, "{address}");
        assert_eq!(reply.header("cache-control"), Some("public, max-age=31536000, immutable"));
        bytes += reply.header("content-length").unwrap().parse::<usize>().unwrap();
    }
    assert!(bytes < 40_000, "{bytes}");
}
