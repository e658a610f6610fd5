//! A server with sinks that work and fail, and what happens to it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use crate::harness::{SECRET_KEY, Server, command, now};

/// A producer's id.
const P: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
/// The name of the events.
pub(super) const NAME: &str = "private_name";

pub(super) fn scrape(server: &Server) -> String {
    let reply = server.read("/metrics");
    let kind = reply.header("content-type");
    assert_eq!((reply.status, kind), (200, Some("text/plain; version=0.0.4; charset=utf-8")));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    reply.text
}

/// Each sample with its value, as text.
pub(super) fn samples(page: &str) -> BTreeMap<&str, &str> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap()).collect()
}

/// The value of a sample, or 0 if there is none.
pub(super) fn value(page: &str, sample: &str) -> f64 {
    samples(page).get(sample).map_or(0.0, |value| value.parse().unwrap())
}

/// Scrapes until `is_done` holds, and returns the last page.
pub(super) fn scrape_until(server: &Server, is_done: impl Fn(&str) -> bool) -> String {
    let begun = now();
    loop {
        let page = scrape(server);
        if is_done(&page) {
            return page;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{page}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A receiver that refuses every event.
fn refusing_receiver() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = Vec::new();
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut bytes) {
                request.extend_from_slice(&bytes[..count]);
                let text = String::from_utf8_lossy(&request);
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(": ")?;
                    name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
                });
                if body.len() >= length.unwrap_or(0) {
                    break;
                }
            }
            let _ = stream.write_all(
                b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            );
        }
    });
    url
}

/// A server with a sink that works, one that nothing listens for, and one that refuses all events.
pub(super) struct Story {
    _dir: tempfile::TempDir,
    config: PathBuf,
    data: PathBuf,
}

impl Story {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let archive = dir.path().join("archive/events.ndjson");
        let config = dir.path().join("lamplight.toml");
        let text = format!(
            "[sinks.archive]\nkind = 'file'\npath = '{}'\n\
             [sinks.gone]\nkind = 'webhook'\nurl = 'http://{gone}'\nsecret = '0123456789abcdef'\n\
             [sinks.strict]\nkind = 'webhook'\nurl = '{}'\nsecret = '0123456789abcdef'\n",
            archive.display(),
            refusing_receiver(),
        );
        std::fs::write(&config, text).unwrap();
        Self { config, data: dir.path().join("data"), _dir: dir }
    }

    pub(super) fn serve(&self) -> Server {
        let mut command = command("serve", &self.data);
        command.arg("--config").arg(&self.config).args(["--disk-floor-mib", "1"]);
        Server::start(command)
    }

    /// Three events are stored, one is a duplicate, one is invalid, and two numbers are missing.
    /// Two requests are refused.
    /// A batch is counted just after it is settled, so this waits for the counts. It also waits
    /// until the rules were evaluated, and the sink that is gone rests between two attempts.
    pub(super) fn tell(server: &Server) -> String {
        let event = |seq: u32| format!(r#"{{"name":"{NAME}","producer":"{P}","seq":{seq}}}"#);
        let first = format!("[{},{}]", event(1), event(4));
        assert_eq!(server.send(&first).status, 200);
        assert_eq!(server.send(&format!("[{},{{\"name\":\"\"}}]", event(1))).status, 200);
        let logs = [
            ("authorization", format!("Bearer {SECRET_KEY}")),
            ("content-type", "application/json".to_owned()),
        ];
        let logs: Vec<_> = logs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(server.post("/v1/logs", &logs, br#"[{"name":"paid"}]"#).status, 200);
        let json = ("content-type", "application/json");
        assert_eq!(server.post("/v1/events", &[json], b"[]").status, 401);
        assert_eq!(server.post("/v1/events?key=wk_wrong", &[json], b"[]").status, 401);
        assert_eq!(server.get("/healthz", &[]).status, 200);
        assert_eq!(server.get("/no/such/page", &[]).status, 404);
        server.settled();
        scrape_until(server, |page| {
            [
                ("lamplight_sink_attempts_total{sink=\"archive\",outcome=\"sent\"}", 3.0),
                ("lamplight_sink_attempts_total{sink=\"strict\",outcome=\"dead\"}", 3.0),
                ("lamplight_sink_failing_deliveries{sink=\"gone\"}", 3.0),
                ("lamplight_sink_state{sink=\"gone\",state=\"resting\"}", 1.0),
                ("lamplight_process_events_total{outcome=\"stored\"}", 3.0),
                ("lamplight_process_batch_seconds_count", 1.0),
                ("lamplight_alert_evaluation_time_seconds", 1.0),
            ]
            .iter()
            .all(|(sample, at_least)| value(page, sample) >= *at_least)
        })
    }
}
