//! The real server: it watches itself from the start, and remembers what it said when it is killed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Server, command, now};

/// A plain HTTP server that takes everything, and keeps the bodies.
struct Hook {
    url: String,
    bodies: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let bodies = Arc::<Mutex<Vec<Value>>>::default();
        let taken = Arc::clone(&bodies);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if let Some(body) = answer(stream) {
                    taken.lock().unwrap().push(body);
                }
            }
        });
        Self { url, bodies }
    }

    /// Waits for this many bodies.
    fn wait_for(&self, count: usize) -> Vec<Value> {
        let begun = now();
        loop {
            let bodies = self.bodies.lock().unwrap().clone();
            if bodies.len() >= count {
                return bodies;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{bodies:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn answer(mut stream: TcpStream) -> Option<Value> {
    let mut request = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            assert!(head.contains("webhook-signature: v1,"), "{head}");
            let length = head.split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
            if body.len() >= length {
                let reply = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                stream.write_all(reply.as_bytes()).ok()?;
                return serde_json::from_str(body).ok();
            }
        }
        match stream.read(&mut bytes).ok()? {
            0 => return None,
            count => request.extend(&bytes[..count]),
        }
    }
}

fn serve(data: &Path, hook: &Hook, floor_mib: &str) -> Server {
    let config = data.with_extension("toml");
    let rules = "[alerts.disk_floor]\nkeep_s = 0\n";
    std::fs::write(&config, rules).unwrap();
    let mut command = command("serve", data);
    command
        .args(["--disk-floor-mib", floor_mib, "--config"])
        .arg(&config)
        .env("LAMPLIGHT_ALERTS_WEBHOOK_URL", &hook.url)
        .env("LAMPLIGHT_ALERTS_WEBHOOK_SECRET", "a secret of sixteen bytes or more");
    Server::start(command)
}

/// More than any disk has: 4 PiB.
const TOO_MUCH_MIB: &str = "4294967295";

#[test]
fn a_killed_server_neither_repeats_an_alert_nor_misses_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let (data, hook) = (dir.path().join("data"), Hook::start());
    let server = serve(&data, &hook, TOO_MUCH_MIB);
    let firing = hook.wait_for(1).remove(0);
    assert_eq!((&firing["rule"], &firing["state"]), (&"disk_floor".into(), &"firing".into()));
    let sent = |server: &Server| {
        let begun = now();
        while server.read("/api/alerts").json()["webhook"]["queued"] != 0 {
            assert!(begun.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    sent(&server);
    assert!(server.log().contains("the disk has less free space"), "{}", server.log());
    server.kill_9();

    let server = serve(&data, &hook, TOO_MUCH_MIB);
    let evaluated = |server: &Server, after: &Value| {
        let begun = now();
        loop {
            let alerts = server.read("/api/alerts").json();
            if alerts["evaluated"].as_i64() > after["evaluated"].as_i64() {
                return alerts;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{alerts}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let alerts = evaluated(&server, &firing);
    let fired_ms = alerts["history"][0]["at"].as_i64();
    let begun = now();
    while server.read("/api/alerts").json()["evaluated"].as_i64() == fired_ms {
        assert!(begun.elapsed() < Duration::from_secs(20), "the start evaluates the rules");
        std::thread::sleep(Duration::from_millis(20));
    }
    let alerts = server.read("/api/alerts").json();
    assert_eq!(alerts["active"][0]["alert"], firing["alert"]);
    assert_eq!(alerts["history"].as_array().unwrap().len(), 1, "{alerts}");
    assert!(!server.log().contains("Lamplight alert"), "{}", server.log());
    server.kill_9();

    let server = serve(&data, &hook, "0");
    let recovered = hook.wait_for(2).remove(1);
    assert_eq!((&recovered["state"], &recovered["alert"]), (&"recovered".into(), &firing["alert"]));
    sent(&server);
    let log = server.stop_with_log();
    assert!(log.contains("the disk has enough free space again"), "{log}");
    let server = serve(&data, &hook, "0");
    let day = server.read("/api/trends?resolution=day&figure=data_bytes").json();
    let samples = day["periods"][0]["figures"]["data_bytes"]["samples"].as_u64().unwrap();
    assert!(samples >= 4, "each start took a sample, and the stop another one: {day}");
    assert_eq!(hook.bodies.lock().unwrap().len(), 2);
}

#[test]
fn settings_of_alerts_are_printed_and_mistakes_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let print = |toml: &str| {
        let path = dir.path().join("lamplight.toml");
        std::fs::write(&path, toml).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lamplight"));
        let output = command.args(["config", "print", "--config"]).arg(&path).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let webhook = "[alerts]\nwebhook_url = 'http://h.example/secret'\nwebhook_secret = 'very secret indeed'\n";
    let printed = print(&format!(
        "{webhook}[alerts.lost]\nkeep_s = 60\n[alerts.paid]\nkind = 'event_stopped'\nnames = ['paid']"
    ));
    for line in [
        "alerts_webhook_url = \"(hidden)\"",
        "alerts_webhook_secret = \"(hidden)\"",
        "alerts.lost.kind = \"lost\"  # default",
        "alerts.lost.keep_s = 60  # ",
        "alerts.queue_age.older_than_s = 900  # default",
        "alerts.disk_full.mode = \"on\"  # default",
        "alerts.paid.names = [\"paid\"]",
    ] {
        assert!(printed.contains(line), "{line}:\n{printed}");
    }
    for (toml, said) in [
        ("[alerts]\nwebhok_url = 'x'", "did you mean `alerts_webhook_url`?"),
        ("[alerts.lost]\nabve = 1", "did you mean `alerts.lost.above`?"),
        ("[alerts]\nkeep_days = 1", "of [alerts]; to set `keep_days` for the server"),
        ("[alerts.lost]\nkeep_days = 1", "of the rule; to set `keep_days` for the server"),
        ("[alerts.queue_aeg]\nolder_than_s = 1", "did you mean `queue_age`?"),
        ("[alerts.x]\nkind = 'refusd'", "did you mean `refused`?"),
        ("[alerts.lost]\nkind = 'refused'", "choose another name"),
        ("[alerts.x]\nkind = 'event_stopped'", "`names` is missing"),
        ("[alerts.x]\nkind = 'event_stopped'\nnames = []", "`names`"),
        ("[alerts.lost]\nmode = 'quiet'", "`on`, `silent`, `off`"),
        ("[alerts.lost]\nkeep_s = -1", "`-1`"),
        ("[alerts.X]\nkind = 'lost'", "its name must be"),
    ] {
        let printed = print(toml);
        assert!(printed.contains(said), "{toml}:\n{printed}");
    }
}
