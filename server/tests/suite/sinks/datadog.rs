//! Datadog, received by sockets that parse every datagram.

use std::collections::BTreeMap;
use std::time::Duration;

use lamplight_server::store::EventColumns;
use tokio::net::UdpSocket;
#[cfg(unix)]
use tokio::net::UnixDatagram;

use crate::sinks::rig::{Rig, event, metric, now_ms};

/// A metric as an agent reads it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) kind: String,
    pub(crate) rate: Option<f64>,
    pub(crate) tags: Vec<String>,
    pub(crate) time_s: Option<i64>,
}

/// Parses a line by the documented grammar. Panics on anything else.
pub(crate) fn parse(line: &str) -> Metric {
    let mut parts = line.split('|');
    let (name, value) = parts.next().unwrap().split_once(':').unwrap();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    assert!(name.as_bytes()[0].is_ascii_alphabetic() && name.bytes().all(is_name), "{line:?}");
    assert!(name.len() <= 200);
    let value: f64 = value.parse().unwrap();
    assert!(value.is_finite(), "{line:?}");
    let kind = parts.next().unwrap().to_owned();
    assert!(["c", "g", "d", "ms"].contains(&kind.as_str()), "{line:?}");
    let mut read =
        Metric { name: name.into(), value, kind, rate: None, tags: Vec::new(), time_s: None };
    for part in parts {
        if let Some(rate) = part.strip_prefix('@') {
            let rate: f64 = rate.parse().unwrap();
            assert!(rate > 0.0 && rate <= 1.0 && read.tags.is_empty());
            read.rate = Some(rate);
        } else if let Some(tags) = part.strip_prefix('#') {
            read.tags = tags.split(',').map(str::to_owned).collect();
            assert!(read.tags.iter().all(|tag| !tag.is_empty()), "{line:?}");
        } else {
            let time = part.strip_prefix('T').unwrap_or_else(|| panic!("{line:?}"));
            assert!(["c", "g"].contains(&read.kind.as_str()), "only these take a time");
            read.time_s = Some(time.parse().unwrap());
        }
    }
    read
}

/// Receives a datagram of at most `bytes_max`.
fn parse_all(datagram: &[u8], bytes_max: usize) -> Vec<Metric> {
    assert!(datagram.len() <= bytes_max, "a datagram has {} bytes", datagram.len());
    std::str::from_utf8(datagram).unwrap().split('\n').map(parse).collect()
}

async fn udp() -> (UdpSocket, String) {
    let agent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let table = format!("kind = 'datadog'\naddress = '{}'\n", agent.local_addr().unwrap());
    (agent, table)
}

async fn receive(agent: &UdpSocket, count: usize) -> Vec<Metric> {
    let (mut metrics, mut buffer) = (Vec::new(), vec![0; 65_536]);
    while metrics.len() < count {
        let receiving = agent.recv(&mut buffer);
        let length = tokio::time::timeout(Duration::from_secs(30), receiving).await.unwrap();
        metrics.extend(parse_all(&buffer[..length.unwrap()], 1_432));
    }
    metrics
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_metric_is_sent_with_its_type() {
    let (agent, table) = udp().await;
    let table = format!("{table}prefix = 'shop.'\ntags = ['env:prod', 'bad|tag']");
    let mut rig = Rig::new(&[("dd", &table)]);
    rig.add(vec![
        metric(
            "clicks",
            r#"{"kind":"increment","value":3,"rate":0.5,"tags":{"region":"eu","n":7}}"#,
        ),
        metric("x", r#"{"kind":"gauge","metric":"cart.size","value":2.5}"#),
        metric("load time", r#"{"kind":"timer","value":12.25,"tags":{"a":{"no":1},"b":"x,y#z|"}}"#),
    ])
    .await;
    rig.start();
    let metrics = receive(&agent, 3).await;
    let want = |name: &str, value, kind: &str, rate, own: &[&str]| Metric {
        name: name.into(),
        value,
        kind: kind.into(),
        rate,
        tags: ["env:prod", "bad_tag"].iter().chain(own).map(|&tag| tag.to_owned()).collect(),
        time_s: None,
    };
    assert_eq!(
        metrics,
        [
            want("shop.clicks", 3.0, "c", Some(0.5), &["region:eu", "n:7"]),
            want("shop.cart.size", 2.5, "g", None, &[]),
            want("shop.load_time", 12.25, "d", None, &["a.no:1", "b:x_y_z_"]),
        ]
    );
    assert_eq!(rig.settled("dd").await.sent, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn late_metrics_carry_their_time_and_late_timers_are_dropped_with_a_reason() {
    let (agent, table) = udp().await;
    let mut rig = Rig::new(&[("dd", &format!("{table}timers = 'timer'"))]);
    let time_ms = now_ms() - 60_000;
    let late = |name: &str, json: &str| EventColumns { time_ms, ..metric(name, json) };
    let ids = rig
        .add(vec![
            late("c", r#"{"kind":"increment","value":2,"rate":0.5}"#),
            late("g", r#"{"kind":"gauge","value":7}"#),
            late("t", r#"{"kind":"timer","value":7}"#),
            metric("fresh", r#"{"kind":"timer","value":7}"#),
            EventColumns { kind: lamplight_wire::event::Kind::Monitor, ..event("none") },
        ])
        .await;
    rig.start();
    let metrics = receive(&agent, 3).await;
    let shown: Vec<_> =
        metrics.iter().map(|it| (it.name.as_str(), it.value, it.rate, it.time_s)).collect();
    let then = Some(time_ms / 1_000);
    assert_eq!(shown, [("c", 4.0, None, then), ("g", 7.0, None, then), ("fresh", 7.0, None, None)]);
    assert_eq!(metrics[2].kind, "ms");
    let sink = rig.settled("dd").await;
    assert_eq!((sink.sent, sink.dropped, sink.dead), (3, 2, 0));
    assert_eq!(rig.end(ids[2]).await, ("dropped", "late".into()));
    assert_eq!(rig.end(ids[4]).await, ("dropped", "no_metric".into()));
}

// Windows has no such sockets.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn datagrams_are_as_full_as_allowed_over_udp_and_unix_sockets() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dsd.socket");
    let socket = UnixDatagram::bind(&path).unwrap();
    let (agent, table) = udp().await;
    let unix = format!("kind = 'datadog'\nsocket = '{}'", path.display());
    let mut rig = Rig::new(&[("udp", &table), ("unix", &unix)]);
    let metrics: Vec<EventColumns> = (0..1_000)
        .map(|number| {
            metric(&format!("m{number}"), r#"{"kind":"increment","tags":{"k":"some value"}}"#)
        })
        .collect();
    rig.add(metrics).await;
    let reading = tokio::spawn(async move {
        let (mut counts, mut datagrams) = (BTreeMap::new(), 0);
        let mut buffer = vec![0; 65_536];
        while counts.len() < 1_000 {
            let length = socket.recv(&mut buffer).await.unwrap();
            datagrams += 1;
            for metric in parse_all(&buffer[..length], 8_192) {
                *counts.entry(metric.name).or_insert(0) += 1;
            }
        }
        (counts, datagrams)
    });
    rig.start();
    let by_udp = receive(&agent, 1_000).await;
    let names: std::collections::BTreeSet<_> = by_udp.iter().map(|it| &it.name).collect();
    assert_eq!((names.len(), by_udp.len()), (1_000, 1_000), "each once");
    let (counts, datagrams) = reading.await.unwrap();
    assert!(counts.values().all(|count| *count == 1));
    assert!(datagrams <= 5, "{datagrams} datagrams for 28 kB");
    assert_eq!(rig.settled("unix").await.sent, 1_000);
}

// Windows has no such sockets.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn without_an_agent_metrics_are_dropped_and_not_queued() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nobody.socket");
    let unix = format!("kind = 'datadog'\nsocket = '{}'", path.display());
    let mut rig = Rig::new(&[("dd", &unix)]);
    let ids = rig.add(vec![metric("m", r#"{"kind":"increment"}"#)]).await;
    rig.start();
    let sink = rig.settled("dd").await;
    assert_eq!((sink.sent, sink.dropped), (0, 1));
    assert_eq!(rig.end(ids[0]).await, ("dropped", "agent_unreachable".into()));
    // Once an agent runs, it gets new metrics and no earlier ones.
    let agent = UnixDatagram::bind(&path).unwrap();
    rig.add(vec![metric("later", r#"{"kind":"increment"}"#)]).await;
    let mut buffer = vec![0; 65_536];
    let receiving = agent.recv(&mut buffer);
    let length = tokio::time::timeout(Duration::from_mins(1), receiving).await.unwrap().unwrap();
    assert_eq!(parse_all(&buffer[..length], 8_192)[0].name, "later");
    assert_eq!(rig.settled("dd").await.sent, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metric_in_flight_when_the_server_ended_is_not_sent_again() {
    let (agent, table) = udp().await;
    let mut rig = Rig::new(&[("dd", &table)]);
    let ids = rig.add(vec![metric("m", r#"{"kind":"increment"}"#)]).await;
    rig.lease_and_forget("dd").await;
    rig.start();
    let sink = rig.settled("dd").await;
    assert_eq!((sink.sent, sink.dropped), (0, 1));
    assert_eq!(rig.end(ids[0]).await, ("dropped", "interrupted".into()));
    let mut buffer = [0; 100];
    assert!(agent.try_recv(&mut buffer).is_err(), "nothing came");
}
