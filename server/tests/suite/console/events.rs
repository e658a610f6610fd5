//! The page of events.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::visitor::{FORM, FROM_HERE, Visitor};
use crate::harness::{ADMIN_TOKEN, Server};

const P: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

pub(super) fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    (dir, server)
}

fn send(server: &Server, events: &Value) {
    let reply = server.send(&events.to_string());
    assert_eq!(reply.status, 200, "{reply:?}");
    server.settled();
}

fn orders(server: &Server) {
    let mut events = vec![
        json!({"name": "order_paid", "type": "critical", "producer": P, "seq": 1,
            "user": {"id": "ada & co"}, "properties": {"plan": "pro", "total": 25}}),
        json!({"name": "page_viewed", "producer": P, "seq": 2, "properties": {"plan": "free"}}),
        json!({"name": "page_viewed", "producer": P, "seq": 3, "properties": {"plan": "pro"}}),
    ];
    send(server, &json!(events));
    events.truncate(1);
    events.push(json!({"name": "", "producer": P, "seq": 4}));
    send(server, &json!(events));
}

/// The rows of the table, as HTML.
fn rows(page: &str) -> Vec<&str> {
    page.split("<tr data-row").skip(1).map(|row| row.split("</tr>").next().unwrap()).collect()
}

/// The ids of the events in the rows.
fn ids(page: &str) -> Vec<String> {
    let id = |row: &&str| row.split("event-").nth(1).unwrap()[..36].to_owned();
    rows(page).iter().map(id).collect()
}

fn link<'a>(page: &'a str, text: &str) -> Option<String> {
    let tag: &'a str =
        page.split(&format!(">{text}</a>")).next().filter(|it| it.len() < page.len())?;
    let address = tag.rsplit("href=\"").next()?.split('"').next()?;
    Some(address.replace("&#38;", "&").replace("&amp;", "&"))
}

pub(super) fn viewer(server: &Server) -> Visitor<'_> {
    let body = br#"{"kind":"viewer","source":"wall"}"#;
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let made = server.post("/api/keys", &[("authorization", &bearer)], body).json();
    Visitor::with_token(server, made["key"].as_str().unwrap())
}

#[test]
fn a_row_shows_the_parts_of_an_event_and_leads_to_it() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    assert!(visitor.page("/events").contains("No event has arrived yet"));
    orders(&server);
    let page = visitor.page("/events");
    let event = &server.read("/api/events?name=order_paid").json()["events"][0];
    let id = event["id"].as_str().unwrap();
    let shown = rows(&page);
    assert_eq!(shown.len(), 3, "{page}");
    let row = shown.iter().find(|row| row.contains("order_paid")).unwrap();
    let received = event["received"].as_i64().unwrap();
    let received = jiff::Timestamp::from_millisecond(received).unwrap();
    for part in [
        format!("<a href=\"/events/{id}\"><bdi>order_paid</bdi></a>"),
        format!("datetime=\"{}\"", received.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")),
        "<span class=\"state warn\">critical</span>".into(),
        format!("<bdi>{}</bdi></a></td>", event["source"].as_str().unwrap()),
        "<bdi>ada &amp; co</bdi>".into(),
        "?user=ada+%26+co".into(),
        format!("?producer={P}"),
        "…9G5FAV</a>#1".into(),
        "{&quot;plan&quot;:&quot;pro&quot;,&quot;total&quot;:25}".into(),
        "<span class=\"state good\">stored</span>".into(),
    ] {
        assert!(row.contains(&part), "{part}: {row}");
    }
}

#[test]
fn arrivals_that_are_not_stored_are_listed_with_their_reason() {
    let (_dir, server) = server();
    orders(&server);
    let visitor = Visitor::admin(&server);
    for (state, class) in [("duplicate", "info"), ("invalid", "bad")] {
        let page = visitor.page(&format!("/events?state={state}"));
        let known = server.read(&format!("/api/events?state={state}")).json();
        let event = &known["events"][0];
        assert_eq!(ids(&page), [event["id"].as_str().unwrap()], "{page}");
        let row = rows(&page)[0];
        assert!(row.contains(&format!("<span class=\"state {class}\">{state}</span>")), "{row}");
        if let Some(reason) = event["reason"].as_str() {
            assert!(row.contains(&format!("<code>{reason}</code>")), "{row}");
        }
        assert!(!page.contains("/api/export"), "only stored events can be exported");
    }
}

#[test]
fn the_form_leads_to_a_link_and_each_chip_removes_one_filter() {
    let (_dir, server) = server();
    orders(&server);
    let visitor = Visitor::admin(&server);
    let sent = "/events?name=page_viewed&source=&type=&user=&where=plan%3Dpro&from=&to=&tz=&on=";
    let tidied = visitor.get(sent);
    let address = "/events?name=page_viewed&prop.plan=pro";
    assert_eq!((tidied.status, tidied.header("location")), (303, Some(address)));
    let page = visitor.page(address);
    assert_eq!(rows(&page).len(), 1, "{page}");
    assert!(page.contains("name=\"name\" value=\"page_viewed\""), "{page}");
    assert!(page.contains("<input type=\"hidden\" name=\"prop.plan\" value=\"pro\">"), "{page}");
    for (chip, count) in [("/events?prop.plan=pro", 2), ("/events?name=page_viewed", 2)] {
        assert!(page.contains(&format!("<a class=\"chip\" href=\"{chip}\"")), "{chip}: {page}");
        assert_eq!(rows(&visitor.page(chip)).len(), count, "{chip}");
    }
    // A chip leads to the first page of what is left.
    let older = link(&visitor.page("/events?name=page_viewed&limit=1"), "Older").unwrap();
    let page = visitor.page(&older);
    assert!(older.contains("cursor="), "{older}");
    assert!(page.contains("<a class=\"chip\" href=\"/events?limit=1\""), "{page}");
    // Other pages get what of the filter they know.
    let page = visitor.page("/events?name=order_paid&prop.plan=pro&state=stored&from=2020-01-01");
    for (text, to) in [
        ("Counts", "/events/counts?name=order_paid&prop.plan=pro&from=2020-01-01"),
        ("Watch live", "/live?name=order_paid&prop.plan=pro"),
        ("Export CSV", "/api/export?name=order_paid&prop.plan=pro&from=2020-01-01&format=csv"),
        ("Process again…", "/events/replay?from=2020-01-01"),
    ] {
        assert_eq!(link(&page, text).as_deref(), Some(to), "{text}");
    }
    let twin = visitor.get(&format!("{address}&format=json"));
    assert_eq!(twin.header("location"), Some("/api/events?name=page_viewed&prop.plan=pro"));
    for (query, why) in [
        ("nmae=x", "unknown query parameter `nmae`"),
        ("type=odd", "invalid value `odd` for `type`"),
        ("from=yesterday", "invalid value `yesterday`"),
        ("tz=Mars", "an IANA time zone"),
    ] {
        let reply = visitor.get(&format!("/events?{query}"));
        assert_eq!(reply.status, 400, "{query}");
        assert!(
            reply.text.contains(why) && reply.text.contains("form class=\"filters\""),
            "{reply:?}"
        );
    }
    let none = visitor.page("/events?name=unknown");
    assert!(none.contains("No event matches all of these filters"), "{none}");
}

#[test]
fn pages_neither_repeat_nor_miss_events_while_others_arrive() {
    let (_dir, server) = server();
    let events: Vec<Value> =
        (1..=120).map(|seq| json!({"name": "a", "producer": P, "seq": seq})).collect();
    send(&server, &json!(events));
    let before: BTreeSet<String> =
        server.all_events().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    let visitor = Visitor::admin(&server);
    let (mut seen, mut address, mut later) = (Vec::new(), "/events".to_owned(), 1_000);
    loop {
        let page = visitor.page(&address);
        seen.extend(ids(&page));
        later += 1;
        send(&server, &json!([{"name": "b", "producer": P, "seq": later}]));
        match link(&page, "Older") {
            Some(next) => address = next,
            None => break,
        }
    }
    let unique: BTreeSet<String> = seen.iter().cloned().collect();
    assert_eq!(unique.len(), seen.len(), "an event is on two pages");
    assert_eq!(unique, before);
    assert_eq!(link(&visitor.page(&address), "Newest").as_deref(), Some("/events"));

    // A filter holds on every page, and so does its cursor's end.
    let (mut seen, mut address) = (0, "/events?name=a&limit=25".to_owned());
    loop {
        let page = visitor.page(&address);
        let rows = rows(&page);
        assert!(rows.len() <= 25 && rows.iter().all(|row| !row.contains(">b<")), "{address}");
        seen += rows.len();
        match link(&page, "Older") {
            Some(next) => address = next,
            None => break,
        }
    }
    assert_eq!(seen, 120);
    assert_eq!(link(&visitor.page(&address), "Newest").as_deref(), Some("/events?name=a&limit=25"));
}

#[test]
fn hostile_names_and_values_are_only_text() {
    let (_dir, server) = server();
    let markup = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    let body = format!(
        r#"[{{"name":{},"user":{{"id":{}}},"properties":{{{}:{},"rtl":"\u202egnp.exe","half":"\ud800","nul":"a\u0000b"}}}},
            {{"name":"long","properties":{{"text":"{}"}}}},{{"name":"deep","properties":{{"a":{deep}}}}}]"#,
        json!(markup),
        json!(markup),
        json!(markup),
        json!(markup),
        "x".repeat(32 * 1024 - 20),
    );
    assert_eq!(server.send(&body).status, 200);
    server.settled();
    let visitor = Visitor::admin(&server);
    let encoded: String = form_urlencoded::byte_serialize(markup.as_bytes()).collect();
    for address in [
        "/events".to_owned(),
        "/live".to_owned(),
        "/events/counts".to_owned(),
        "/events/counts?by=name&from=2020-01-01&to=2020-01-02".to_owned(),
        format!("/events?name={encoded}"),
        format!("/live?user={encoded}"),
        format!("/events?prop.a={encoded}&source={encoded}"),
    ] {
        let page = visitor.page(&address);
        assert!(!page.contains("<script>") && !page.contains("<img src=x"), "{address}: {page}");
        assert!(!page.contains('\u{202e}') && !page.contains('\u{0}'), "{address}");
        assert!(page.len() < 60_000, "{address}: {} bytes", page.len());
    }
    let page = visitor.page("/events");
    assert_eq!(rows(&page).len(), 3, "{page}");
    assert!(page.contains("<bdi>&lt;script&gt;alert(1)"), "{page}");
    assert_eq!(rows(&visitor.page(&format!("/events?user={encoded}"))).len(), 1);
}

#[test]
fn counts_are_those_of_the_api_and_lead_to_their_events() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    orders(&server);
    let kept = visitor.page("/events/counts");
    assert!(kept.contains("3 events stored in the last 48 hours"), "{kept}");
    let row = rows(&kept).into_iter().find(|row| row.contains("page_viewed")).unwrap();
    assert!(row.contains("<td class=\"number\">2</td>"), "{row}");
    let filtered = visitor.page("/events/counts?name=page_viewed");
    assert!(filtered.contains("events have to be read to be counted"), "{filtered}");
    let day = 86_400_000;
    let now = jiff::Timestamp::now().as_millisecond();
    let span = format!("from={}&to={}", now - day, now + day);
    let sent = visitor.get(&format!("/events/counts?by=property&path=plan&{span}"));
    let address = sent.header("location").unwrap().to_owned();
    assert!(address.contains("by=prop.plan"), "{address}");
    let page = visitor.page(&address);
    assert!(page.contains("3 events by <bdi>prop.plan</bdi>"), "{page}");
    let row = rows(&page).into_iter().find(|row| row.contains("<bdi>pro</bdi>")).unwrap();
    assert!(row.contains("<td class=\"number\">2</td><td class=\"number\">66.7 %</td>"), "{row}");
    let events = link(row, "<bdi>pro</bdi>").unwrap();
    assert_eq!(rows(&visitor.page(&events)).len(), 2, "{events}");
    for by in ["hour", "day"] {
        let page = visitor.page(&format!("/events/counts?by={by}&{span}"));
        assert!(page.contains("<svg class=\"bars\""), "{page}");
        let address = rows(&page)[0].split("href=\"").nth(1).unwrap().split('"').next().unwrap();
        let address = address.replace("&#38;", "&").replace("&amp;", "&");
        assert_eq!(rows(&visitor.page(&address)).len(), 3, "{address}");
    }
    let wrong = visitor.get("/events/counts?by=name&from=2020-01-01&to=2024-01-01");
    assert_eq!(wrong.status, 400);
    assert!(wrong.text.contains("at most 92 days apart"), "{}", wrong.text);
}

#[test]
fn an_export_has_what_the_filter_selects_in_both_forms() {
    let (_dir, server) = server();
    orders(&server);
    let many: Vec<Value> = (10..1_500)
        .map(|seq| json!({"name": "many", "producer": P, "seq": seq, "properties": {"n": seq}}))
        .collect();
    for events in many.chunks(400) {
        send(&server, &json!(events));
    }
    let visitor = Visitor::admin(&server);
    let page = visitor.page("/events?name=many");
    let reply = visitor.get(&link(&page, "Export NDJSON").unwrap());
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("content-disposition"), Some("attachment; filename=\"events.ndjson\""));
    let lines: Vec<Value> =
        reply.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let known: Vec<Value> =
        server.all_events().into_iter().filter(|event| event["name"] == "many").collect();
    assert_eq!(lines.len(), 1_490);
    assert_eq!(lines, known);
    let csv = visitor.get(&link(&page, "Export CSV").unwrap());
    assert!(csv.text.starts_with("id,seq,event_id,name,"), "{}", &csv.text[..80]);
    let ids: Vec<&str> = csv.text.lines().skip(1).map(|line| &line[..36]).collect();
    let known: Vec<&str> = known.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids, known);
    let pro = server.read("/api/export?prop.plan=pro&type=critical").text;
    assert_eq!(pro.lines().count(), 1, "{pro}");
}

#[test]
fn a_replay_shows_how_much_it_does_first_and_then_how_far_it_is() {
    let (_dir, server) = server();
    orders(&server);
    let visitor = Visitor::admin(&server);
    let now = jiff::Timestamp::now().as_millisecond();
    let (from_ms, to_ms) = (now - 3_600_000, now + 3_600_000);
    let page = visitor.page(&format!("/events/replay?from={from_ms}&to={to_ms}"));
    assert!(page.contains("5 events in 2 requests"), "{page}");
    assert!(page.contains("Process 5 events again"), "{page}");
    assert!(server.read("/api/replay").json()["replays"].as_array().unwrap().is_empty());
    let none = visitor.page("/events/replay?from=2020-01-01&to=2020-01-02");
    assert!(
        none.contains("there is nothing to replay")
            && !none.contains("method=\"post\" action=\"/events/replay\""),
        "{none}"
    );
    let wrong = visitor.get("/events/replay?from=2020-01-02&to=2020-01-01");
    assert!(wrong.status == 400 && wrong.text.contains("enter a later end"), "{}", wrong.text);
    let begun = visitor.submit("/events/replay", &format!("from_ms={from_ms}&to_ms={to_ms}"));
    assert_eq!((begun.status, begun.header("location")), (303, Some("/events/replays#replay-1")));
    let since = crate::harness::now();
    loop {
        let page = visitor.page("/events/replays");
        let row = page.split("id=\"replay-1\"").nth(1).unwrap().split("</tr>").next().unwrap();
        if row.contains("ended") {
            assert!(
                row.contains("<td class=\"number\">2</td><td class=\"number\">3</td>"),
                "{row}"
            );
            break;
        }
        assert!(since.elapsed() < std::time::Duration::from_secs(30), "{row}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(rows(&visitor.page("/events")).len(), 3, "nothing is stored twice");
}

#[test]
fn a_form_of_another_site_changes_nothing() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    let headers = [("cookie", visitor.cookie.as_str()), FORM, ("sec-fetch-site", "cross-site")];
    let body = b"name=a&query=&from_ms=1&to_ms=2";
    for path in ["/events/views", "/events/views/delete", "/events/replay"] {
        assert_eq!(server.post(path, &headers, body).status, 403, "{path}");
    }
    let headers = [FORM, FROM_HERE];
    assert_eq!(server.post("/events/views", &headers, body).status, 401);
}
