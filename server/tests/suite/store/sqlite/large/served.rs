//! The real server in front of a large store: every page of the console answers, and shows exactly
//! what there is. Prints how long each page takes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lamplight_server::counted::grouped;
use lamplight_server::store::RETRY_MAX;
use serde_json::Value;

use super::super::upgrade::server;
use super::deliveries::{Deliveries, SINKS};
use super::extent::{Extent, SOURCES, Sender, source};
use super::payloads::Unprocessed;
use super::{addresses, watched};
use crate::console::visitor::Visitor;
use crate::harness::{ADMIN_TOKEN, Server, agent, command_of, now};

/// How often each address is read, the first time not counted.
fn readings() -> usize {
    if super::events() < 1_000_000 { 3 } else { 50 }
}

/// The folder of the store. With `LAMPLIGHT_LARGE_FOLDER`, it stays for the next run, which must be
/// soon, because the store ends at the time when it was written.
fn folder() -> (PathBuf, Option<tempfile::TempDir>) {
    if let Some(folder) = std::env::var_os("LAMPLIGHT_LARGE_FOLDER") {
        return (folder.into(), None);
    }
    let folder = tempfile::tempdir().unwrap();
    (folder.path().to_owned(), Some(folder))
}

/// The store of this folder, which is filled unless it is there.
async fn filled(folder: &Path) -> Extent {
    let written = folder.join("written");
    if let Ok(text) = std::fs::read_to_string(&written) {
        return Extent::of(super::events(), text.trim().parse().unwrap());
    }
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let extent = Extent::of(super::events(), now_ms - 60_000);
    std::fs::create_dir_all(folder.join("data")).unwrap();
    let storage = server::Server::open(&folder.join("data")).unwrap().storage;
    let begun = now();
    super::fill(&folder.join("data"), extent, &storage).await;
    println!("wrote {} events in {:.1?}", extent.events(), begun.elapsed());
    std::fs::write(written, extent.to_ms.to_string()).unwrap();
    extent
}

fn serve(folder: &Path) -> Server {
    let config = folder.join("lamplight.toml");
    std::fs::write(&config, SINKS.replace("archive.ndjson", &at(folder, "archive.ndjson")))
        .unwrap();
    // Another program to measure, such as the one of a release.
    let program = std::env::var_os("LAMPLIGHT_LARGE_SERVER");
    let program = program.unwrap_or_else(|| env!("CARGO_BIN_EXE_lamplight").into());
    let mut command = command_of(Path::new(&program), "serve", &folder.join("data"));
    command.arg("--config").arg(config);
    let begun = now();
    let server = Server::start(command);
    println!("started in {:.1?}", begun.elapsed());
    server
}

fn at(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// The times of one address.
struct Times(Vec<Duration>);

impl Times {
    /// The largest of the smallest `percent` percent.
    fn quantile(&self, percent: usize) -> f64 {
        let place = (self.0.len() * percent).div_ceil(100).max(1) - 1;
        self.0[place].as_secs_f64() * 1_000.0
    }
}

/// Reads an address again and again, and prints how long that took. Returns the last answer.
fn measure(agent: &ureq::Agent, url: &str, path: &str, header: (&str, &str)) -> (u16, String) {
    let (mut times, mut status, mut body) = (Vec::new(), 0, String::new());
    for reading in 0..=readings() {
        let begun: Instant = now();
        let answer = agent.get(format!("{url}{path}")).header(header.0, header.1).call();
        let mut answer = answer.unwrap();
        body = answer.body_mut().read_to_string().unwrap();
        if reading > 0 {
            times.push(begun.elapsed());
        }
        status = answer.status().as_u16();
    }
    times.sort();
    let times = Times(times);
    let [p50, p95, max] = [50, 95, 100].map(|percent| times.quantile(percent));
    println!("{p50:7.1} {p95:7.1} {max:7.1} {:7} {path}", body.len() / 1024);
    (status, body)
}

/// Whether a page shows this number, and not only one that contains it.
fn tells(page: &str, number: &str) -> bool {
    let is_part = |rest: Option<char>| rest.is_some_and(|it| it == ',' || it.is_ascii_digit());
    page.match_indices(number).any(|(at, _)| {
        let (before, after) = (&page[..at], &page[at + number.len()..]);
        !is_part(before.chars().next_back()) && !is_part(after.chars().next())
    })
}

/// The numbers that a page must show.
fn told(extent: Extent, path: &str) -> Vec<u64> {
    let sum = |of: fn(Sender) -> u64| extent.sum(of);
    let of_source = |number: u64, of: fn(Sender) -> u64| {
        extent.senders().filter(|it| it.source() == source(number)).map(of).sum::<u64>()
    };
    let (of, unprocessed) = (Deliveries::of(extent), Unprocessed::of(extent));
    let errors = watched::ERRORS.unsigned_abs();
    match path {
        "/overview" => vec![
            extent.events(),
            sum(Sender::duplicates),
            sum(Sender::invalid),
            sum(Sender::declared),
            of.waiting,
            of.sent,
            of.dead,
            unprocessed.waiting,
            unprocessed.set_aside,
            errors,
        ],
        "/producers" => {
            let mut told = vec![sum(Sender::made), sum(Sender::received), sum(Sender::declared)];
            told.extend((0..SOURCES - 1).map(|number| of_source(number, Sender::made)));
            told
        }
        "/producers/forget?source=shop-03" => {
            vec![of_source(3, Sender::missing) + of_source(3, Sender::declared)]
        }
        "/queues" => vec![of.waiting, of.sent, of.dead, unprocessed.waiting, unprocessed.set_aside],
        "/sources" => (0..SOURCES - 1).map(|number| of_source(number, Sender::received)).collect(),
        "/sources/source?source=shop-03" => vec![of_source(3, Sender::made)],
        "/errors/group?stage=intake&code=key_unknown&source=shop-03" => vec![errors],
        "/errors/confirm?action=discard&sink=warehouse" => vec![of.dead.min(RETRY_MAX.into())],
        _ => Vec::new(),
    }
}

/// What the API says must be exact, too.
fn check(extent: Extent, server: &Server) {
    let totals = server.totals();
    let number = |value: &Value| value.as_u64().unwrap();
    assert_eq!(number(&totals["stored"]), extent.events());
    assert_eq!(number(&totals["duplicates"]), extent.sum(Sender::duplicates));
    assert_eq!(number(&totals["invalid"]), extent.sum(Sender::invalid));
    let gone = number(&totals["lost"]) + number(&totals["in_flight"]);
    assert_eq!(gone, extent.sum(Sender::missing));
    let (mut counted, mut cursor) = (0, String::new());
    loop {
        let page = server.read(&format!("/api/catalogue?limit=500{cursor}")).json();
        let names = page["names"].as_array().unwrap();
        counted += names.iter().map(|name| number(&name["count"])).sum::<u64>();
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(counted, extent.events());
    let errors = server.read("/api/errors?stage=event&limit=500").json();
    let invalid = errors["groups"].as_array().unwrap().iter().map(|it| number(&it["count"]));
    assert_eq!(invalid.sum::<u64>(), extent.sum(Sender::invalid));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_in_front_of_many_events_answers_and_shows_exact_counts() {
    let (folder, _kept) = folder();
    let extent = filled(&folder).await;
    let server = serve(&folder);
    let visitor = Visitor::admin(&server);
    println!("{} events, {} producers", extent.events(), extent.producers);
    println!("    p50     p95     max     KiB page (milliseconds)");
    let (agent, mut wrong) = (agent(), Vec::new());
    for path in addresses::pages(extent) {
        let cookie = ("cookie", visitor.cookie.as_str());
        let (status, body) = measure(&agent, &server.url, &path, cookie);
        let is_shown = |number: &u64| tells(&body, &grouped(*number));
        let missing: Vec<u64> =
            told(extent, &path).into_iter().filter(|it| !is_shown(it)).collect();
        // The address of a payload leads to its first event.
        let expected = if path.starts_with("/payloads/") { 303 } else { 200 };
        if status != expected || !missing.is_empty() {
            wrong.push((path, status, missing));
        }
    }
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    for path in addresses::calls(extent) {
        let (status, _) = measure(&agent, &server.url, &path, ("authorization", &bearer));
        if status != 200 {
            wrong.push((path, status, Vec::new()));
        }
    }
    assert!(wrong.is_empty(), "the status, and numbers that are not shown: {wrong:#?}");
    check(extent, &server);
    assert_eq!(server.stop(), Some(0));
}
