//! `kill -9` during delivery: every stored event is delivered, and no metric twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UdpSocket;

use crate::harness::{Server, command};
use crate::sinks::datadog::parse;
use crate::sinks::file::lines;
use crate::sinks::mixpanel_api::{Fault, MixpanelApi};

const ROUNDS: u64 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_delivered_and_no_metric_twice() {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("archive");
    let api = MixpanelApi::start(|number| match number % 4 {
        0 => Fault::SlowRead,
        1 => Fault::TakenThenLate(40),
        _ => Fault::None,
    })
    .await;
    let agent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let config = format!(
        "[sinks.mp]\n{}\n[sinks.dd]\nkind = 'datadog'\naddress = '{}'\n\
         [sinks.archive]\nkind = 'file'\npath = '{}'\n",
        api.table("events_max = 20").replace("[retry]", "[sinks.mp.retry]"),
        agent.local_addr().unwrap(),
        archive.join("events.ndjson").display()
    );
    let path = dir.path().join("lamplight.toml");
    std::fs::write(&path, config).unwrap();
    let seen = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));
    let listening = tokio::spawn(listen(agent, Arc::clone(&seen)));
    let data = dir.path().join("data");
    let running = tokio::task::spawn_blocking(move || {
        let start = || {
            let mut command = command("serve", &data);
            command.arg("--config").arg(&path);
            Server::start(command)
        };
        for round in 0..ROUNDS {
            let server = start();
            for part in 0..5 {
                assert_eq!(server.send(&payload(round * 5 + part)).status, 200);
            }
            std::thread::sleep(Duration::from_millis(60 + round * 53));
            server.kill_9();
        }
        let server = start();
        server.settled();
        for _ in 0..3_000 {
            let sinks = server.totals()["sinks"].clone();
            if ["mp", "dd", "archive"].iter().all(|name| sinks[name]["waiting"] == 0) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let totals = server.totals();
        assert_eq!(server.stop(), Some(0));
        totals
    });
    let totals = running.await.unwrap();
    let (events, metrics) = (ROUNDS * 5 * 30, ROUNDS * 5 * 10);
    assert_eq!(totals["stored"], events + metrics);
    let count = |sink: &str, name: &str| totals["sinks"][sink][name].as_u64().unwrap();
    assert_eq!((count("mp", "sent"), count("mp", "waiting"), count("mp", "dead")), (events, 0, 0));
    assert_eq!(api.distinct() as u64, events, "0 duplicates and 0 missing");
    let ids: BTreeSet<String> = lines(&archive).0.into_iter().collect();
    assert_eq!(ids.len() as u64, events, "every event is in the archive");
    assert_eq!(count("dd", "sent") + count("dd", "dropped"), metrics);
    tokio::time::sleep(Duration::from_millis(200)).await;
    listening.abort();
    let seen = seen.lock().unwrap();
    assert!(seen.values().all(|count| *count == 1), "a metric came twice: {seen:?}");
    assert!(seen.len() as u64 >= count("dd", "sent"), "what counts as sent came");
}

async fn listen(agent: UdpSocket, seen: Arc<Mutex<BTreeMap<String, u32>>>) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length) = agent.recv(&mut buffer).await {
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        for line in text.split('\n') {
            *seen.lock().unwrap().entry(parse(line).name).or_default() += 1;
        }
    }
}

/// Thirty events and ten metrics, all with different names.
fn payload(number: u64) -> String {
    let events =
        (0..30).map(|n| format!(r#"{{"name":"e","properties":{{"n":{}}}}}"#, number * 30 + n));
    let metrics = (0..10)
        .map(|n| format!(r#"{{"name":"m{}","monitor":{{"kind":"increment"}}}}"#, number * 10 + n));
    format!("[{}]", events.chain(metrics).collect::<Vec<_>>().join(","))
}
