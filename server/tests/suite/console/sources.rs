//! `/sources`: keys, examples, the first event, and names with their properties.

use serde_json::{Value, json};

use super::visitor::Visitor;
use crate::harness::{ADMIN_TOKEN, Server, WRITE_KEY};

/// A name that would be markup, turns the direction of writing, and has what is not seen.
const HOSTILE: &str = "<img src=x onerror=alert(1)>'\"&\u{202e}\u{0}/?#é";
/// How a page shows it.
const HOSTILE_SHOWN: &str =
    "<bdi>&lt;img src=x onerror=alert(1)&gt;&#39;&quot;&amp;\\u{202e}\\u{0}/?#é</bdi>";

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    (dir, server)
}

/// The fields of a form, or of a query.
fn fields(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn path(path: &str, pairs: &[(&str, &str)]) -> String {
    format!("{path}?{}", fields(pairs))
}

/// The keys of a source, by the API.
fn keys(server: &Server, source: &str) -> Vec<Value> {
    let all = server.read("/api/keys").json();
    let of_source = |key: &&Value| key["source"] == source;
    all["keys"].as_array().unwrap().iter().filter(of_source).cloned().collect()
}

fn viewer(server: &Server) -> String {
    let made = server.call(
        "POST",
        "/api/keys",
        &[
            ("authorization", &format!("Bearer {ADMIN_TOKEN}")),
            ("content-type", "application/json"),
        ],
        br#"{"kind":"viewer","source":"console"}"#,
    );
    made.json()["key"].as_str().unwrap().to_owned()
}

/// The text between two others.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let rest = text.split_once(begin).unwrap_or_else(|| panic!("no {begin:?} in {text}")).1;
    rest.split_once(end).unwrap().0
}

#[test]
fn an_empty_server_shows_examples_and_the_first_event_by_itself() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    let url = &server.url;
    let mut address = String::new();
    for page in ["/overview", "/sources", "/sources/source?source=web"] {
        let text = visitor.page(page);
        for part in [
            format!("init({{ url: &#39;{url}&#39;, key: &#39;{WRITE_KEY}&#39; }})"),
            format!("curl &#39;{url}/v1/events?key={WRITE_KEY}&#39;"),
            format!("curl &#39;{url}/v1/logs&#39;"),
            "hx-trigger=\"every 1s\"".to_owned(),
            "data-copy=\"snippet-npm\"".to_owned(),
        ] {
            assert!(text.contains(&part), "{page}: {part}: {text}");
        }
        assert!(!text.contains("sk_test"), "a secret is never shown: {text}");
        address = between(&text, "hx-get=\"/first-event", "\"")
            .replace("&amp;", "&")
            .replace("&#38;", "&");
    }
    let address = format!("/first-event{address}");
    assert_eq!(visitor.get(&address).status, 204, "{address}");
    let elsewhere = [("cookie", visitor.cookie.as_str()), ("x-forwarded-proto", "https")];
    let proxied = server.get("/overview", &elsewhere).text;
    let host = server.address();
    assert!(proxied.contains(&format!("url: &#39;https://{host}&#39;")), "{proxied}");

    let body = format!("[{{\"name\":{}}}]", json!(HOSTILE));
    assert_eq!(server.send(&body).status, 200);
    server.settled();
    let arrived = visitor.get(&address);
    assert_eq!(arrived.status, 200);
    assert!(arrived.text.contains(HOSTILE_SHOWN), "{}", arrived.text);
    assert!(!arrived.text.contains("hx-get"), "it waits no more: {}", arrived.text);
    let id = server.all_events()[0]["id"].as_str().unwrap().to_owned();
    assert!(arrived.text.contains(&format!("href=\"/events/{id}\"")), "{}", arrived.text);
    assert!(arrived.text.contains("href=\"/live?source=web&#38;mine=true\""), "{}", arrived.text);
    let overview = visitor.page("/overview");
    assert!(overview.contains("Last 60 minutes") && !overview.contains("first-event"));
    let backend = visitor.page("/sources/source?source=backend");
    assert!(backend.contains("waiting"), "another source still waits: {backend}");
}

#[test]
fn whoever_waits_for_the_first_event_sees_why_it_was_refused() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    assert_eq!(server.send("[{\"name\":5}]").status, 200);
    assert_eq!(server.settled()["invalid"], 1);
    let reply = visitor.get("/first-event?shown=0");
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.text.contains("An event was invalid"), "{}", reply.text);
    assert!(reply.text.contains("hx-get"), "it waits on: {}", reply.text);
    let address = between(&reply.text, "hx-get=\"", "\"").replace("&#38;", "&");
    assert_eq!(visitor.get(&address).status, 204, "nothing new is to be shown: {address}");
    assert_eq!(visitor.get("/first-event?shown=0&source=backend").status, 204);
}

#[test]
fn a_secret_key_is_shown_once_and_a_write_key_always() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    for (kind, is_public) in [("write", true), ("secret", false), ("viewer", false)] {
        let body = fields(&[("kind", kind), ("source", HOSTILE_SOURCE)]);
        let made = visitor.submit("/sources/keys", &body);
        assert_eq!(made.status, 200, "{made:?}");
        assert!(made.text.contains(HOSTILE_SOURCE_SHOWN), "{}", made.text);
        let text = between(&made.text, "id=\"new-key\">", "<");
        assert_eq!(made.text.contains("nobody can show it again"), !is_public);
        let pages = ["/sources".to_owned(), path("/sources/source", &[("source", HOSTILE_SOURCE)])];
        let is_shown = pages.iter().any(|page| visitor.page(page).contains(text));
        assert_eq!(is_shown, is_public, "{kind}");
        if kind != "viewer" {
            let send = server.post(
                "/v1/logs",
                &[
                    ("authorization", &format!("Bearer {text}")),
                    ("content-type", "application/json"),
                ],
                b"[{\"name\":\"a\"}]",
            );
            assert_eq!(send.status == 200, kind == "secret", "{send:?}");
        }
    }
    assert_eq!(keys(&server, HOSTILE_SOURCE).len(), 3);
    let list = visitor.page("/sources");
    let link = path("/sources/source", &[("source", HOSTILE_SOURCE)]).replace('&', "&#38;");
    assert!(list.contains(&format!("href=\"{link}\"")), "{list}");
    for (body, status) in [
        (fields(&[("kind", "write")]), 400),
        (fields(&[("kind", "other"), ("source", "a")]), 400),
        (fields(&[("kind", "write"), ("source", "a"), ("origins", "no origin")]), 400),
        (fields(&[("kind", "write"), ("source", "a"), ("events_per_s", "<b>")]), 400),
        (fields(&[("kind", "viewer"), ("source", "a"), ("events_per_s", "5")]), 400),
        (fields(&[("kind", "write"), ("source", &"é".repeat(33))]), 400),
    ] {
        let reply = visitor.submit("/sources/keys", &body);
        assert_eq!(reply.status, status, "{body}: {reply:?}");
        assert!(!reply.text.contains("<b>"), "{}", reply.text);
    }
    assert!(keys(&server, "a").is_empty());
}

/// As hostile, in the 64 bytes that a source may have.
const HOSTILE_SOURCE: &str = "</title><script>alert(1)</script>\"'&\u{202e}/?#";
const HOSTILE_SOURCE_SHOWN: &str =
    "<bdi>&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u{202e}/?#</bdi>";

#[test]
fn keys_are_disabled_enabled_and_limited_from_the_page() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    let id = keys(&server, "web")[0]["id"].as_str().unwrap().to_owned();
    let change = |pairs: &[(&str, &str)]| {
        let pairs = [&[("id", id.as_str())][..], pairs].concat();
        visitor.submit("/sources/keys/change", &fields(&pairs))
    };
    let off = change(&[("disabled", "true")]);
    assert_eq!(off.status, 303, "{off:?}");
    let shown = visitor.page(off.header("location").unwrap());
    assert!(shown.contains("is disabled, so requests with it are refused"), "{shown}");
    assert!(shown.contains("has no write key that can be used"), "{shown}");
    assert_eq!(server.send("[{\"name\":\"a\"}]").status, 403);
    let on = change(&[("disabled", "false")]);
    assert!(visitor.page(on.header("location").unwrap()).contains("is enabled"));
    assert_eq!(server.send("[{\"name\":\"a\"}]").status, 200);

    let rules = [
        ("rules", "true"),
        ("origins", "https://SHOP.example.com\r\n  http://localhost:3000"),
        ("events_per_s", "7"),
        ("bytes_per_s", "70000"),
    ];
    let limited = change(&rules);
    assert_eq!(limited.status, 303, "{limited:?}");
    let key = keys(&server, "web")[0].clone();
    assert_eq!(key["origins"], json!(["https://shop.example.com", "http://localhost:3000"]));
    assert_eq!((&key["events_per_s"], &key["bytes_per_s"]), (&json!(7), &json!(70_000)));
    let page = visitor.page("/sources/source?source=web");
    assert!(page.contains("7 events/s, 68.4 KiB/s"), "{page}");
    assert!(page.contains("https://shop.example.com\nhttp://localhost:3000</textarea>"), "{page}");
    let freed = change(&[("rules", "true"), ("origins", ""), ("events_per_s", "")]);
    assert_eq!(freed.status, 303);
    let key = keys(&server, "web")[0].clone();
    assert_eq!((&key["origins"], &key["events_per_s"]), (&json!([]), &Value::Null));
    assert_eq!(key["bytes_per_s"], Value::Null);

    for pairs in [
        &[("disabled", "perhaps")][..],
        &[("rules", "true"), ("events_per_s", "0")],
        &[("rules", "true"), ("events_per_s", "-1")],
        &[("rules", "true"), ("bytes_per_s", "99999999999999999999")],
        &[("rules", "true"), ("origins", "javascript:alert(1)")],
    ] {
        assert_eq!(change(pairs).status, 400, "{pairs:?}");
    }
    assert_eq!(keys(&server, "web")[0], key, "what is refused changes nothing");
    let nobody = visitor.submit("/sources/keys/change", "id=wk_nobody&disabled=true");
    assert_eq!(nobody.status, 404);
    let own = keys(&server, "console")[0]["id"].as_str().unwrap().to_owned();
    let own = visitor.submit("/sources/keys/change", &format!("id={own}&disabled=true"));
    assert_eq!(own.status, 409, "{own:?}");
    assert_eq!(visitor.get("/overview").status, 200);
}

#[test]
fn a_viewer_sees_sources_and_public_keys_and_changes_nothing() {
    let (_dir, server) = server();
    server.send("[{\"name\":\"a\"}]");
    server.settled();
    let token = viewer(&server);
    let visitor = Visitor::with_token(&server, &token);
    let id = keys(&server, "web")[0]["id"].as_str().unwrap().to_owned();
    for page in ["/sources", "/sources/source?source=web", "/sources/source?source=backend"] {
        let text = visitor.page(page);
        assert!(!text.contains("action=\"/sources/keys"), "{page}: {text}");
        assert!(!text.contains("at_") && !text.contains(">sk_"), "{page}: {text}");
        assert!(!text.contains("/sources?format=json"), "{page}: {text}");
    }
    assert!(visitor.page("/sources/source?source=web").contains(WRITE_KEY));
    for (path, body) in [
        ("/sources/keys", "kind=admin&source=mine".to_owned()),
        ("/sources/keys/change", format!("id={id}&disabled=true")),
    ] {
        assert_eq!(visitor.submit(path, &body).status, 403, "{path}");
    }
    assert!(keys(&server, "mine").is_empty() && keys(&server, "web")[0]["disabled"].is_null());
}

#[test]
fn a_source_lists_its_names_by_prefix_and_page_after_page() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    let mut events: Vec<Value> =
        (0..60).map(|at| json!({ "name": format!("page_{at:02}") })).collect();
    events.extend((0..5).map(|_| json!({ "name": "signup", "properties": { "plan": "pro" } })));
    events.push(json!({ "name": HOSTILE }));
    assert_eq!(server.send(&Value::Array(events).to_string()).status, 200);
    server.settled();
    let names = |text: &str| -> Vec<String> {
        let rows = text.split("href=\"/sources/name?source=web&#38;name=").skip(1);
        rows.map(|row| row.split('"').next().unwrap().to_owned()).collect()
    };
    let (mut seen, mut at) = (Vec::new(), "/sources/source?source=web&limit=25".to_owned());
    for _ in 0..3 {
        let text = visitor.page(&at);
        let found = names(&text);
        assert!(found.len() <= 25, "{found:?}");
        seen.extend(found);
        let Some((before, _)) = text.split_once("\">Next page") else { break };
        at = before.rsplit('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    }
    let unique: std::collections::BTreeSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), unique.len()), (62, 62));
    let some = visitor.page("/sources/source?source=web&prefix=sig");
    assert_eq!(names(&some), ["signup"]);
    assert!(some.contains(">5</td>"), "{some}");
    assert!(some.contains("href=\"/events?source=web&#38;name=signup\""), "{some}");
    let hostile = visitor.page("/sources/source?source=web&prefix=%3C");
    assert!(hostile.contains(HOSTILE_SHOWN) && !hostile.contains("<img src=x"), "{hostile}");
    assert_eq!(names(&visitor.page("/sources/source?source=web&prefix=%2500")), [""; 0]);
    let twin = visitor.get("/sources/source?source=web&prefix=sig&format=json");
    assert_eq!(twin.header("location"), Some("/api/catalogue?source=web&prefix=sig"));
    assert_eq!(visitor.get("/sources/source?source=web&nmae=a").status, 400);
    assert_eq!(visitor.get("/sources/source?source=nobody").status, 404);
    assert_eq!(visitor.get("/sources/source").status, 404);
    let list = visitor.page("/sources");
    assert!(list.contains("66 in all"), "the chart of the last hour: {list}");
}

#[test]
fn a_name_shows_its_properties_with_types_and_examples() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    let deep = format!("{}1{}", "[".repeat(20), "]".repeat(20));
    let long = "x".repeat(20_000);
    let body = format!(
        r#"[{{"name":"signup","properties":{{"plan":"pro","count":1}}}},
            {{"name":"signup","properties":{{"plan":"free","count":"many"}}}},
            {{"name":"signup","properties":{{"plan":"<script>alert(1)</script>"}}}},
            {{"name":"signup","properties":{{"<b>\u202e":true,"lone":"\ud800","deep":{deep},"long":"{long}"}}}}]"#
    );
    assert_eq!(server.send(&body).status, 200);
    let named = json!([{ "name": HOSTILE, "properties": { "a": null } }]);
    assert_eq!(server.send(&named.to_string()).status, 200);
    server.settled();
    let page = visitor.page("/sources/name?source=web&name=signup");
    let row = |path: &str| {
        let row = between(&page, &format!("<code><bdi>{path}</bdi></code></th>"), "</tr>");
        row.to_owned()
    };
    let plan = row("plan");
    assert!(plan.contains("<td>string</td>") && plan.contains("title=\"3 of 4\">75.0 %"), "{plan}");
    assert!(plan.contains("pro") && plan.contains("&lt;script&gt;"), "{plan}");
    let count = row("count");
    assert!(count.contains("number (50.0 %)") && count.contains("string (50.0 %)"), "{count}");
    assert!(page.contains("&lt;b&gt;\\u{202e}"), "{page}");
    assert!(!page.contains("<script>alert") && !page.contains("<b>"), "{page}");
    assert!(page.len() < 40_000, "{}", page.len());
    assert!(page.contains("href=\"/events?source=web&#38;name=signup\""), "{page}");
    let twin = visitor.get("/sources/name?source=web&name=signup&format=json");
    let twin = visitor.get(twin.header("location").unwrap());
    assert_eq!((twin.status, &twin.json()["sampled"]), (200, &json!(4)));
    let hostile = path("/sources/name", &[("source", "web"), ("name", HOSTILE)]);
    let hostile = visitor.page(&hostile);
    assert!(hostile.contains(HOSTILE_SHOWN) && !hostile.contains("<img src=x"), "{hostile}");
    assert_eq!(visitor.get("/sources/name?source=web&name=%3Cb%3E").status, 404);
    assert_eq!(visitor.get("/sources/name").status, 404);
}
