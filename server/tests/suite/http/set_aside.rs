//! Payloads that are set aside, in the API of the real binary.

use lamplight_server::store::WriterLimits;
use lamplight_server::store::sqlite;
use lamplight_server::store::{ExhaustedPayload, LeaseAsk, LeaseToken, NewPayload, WorkerSlot};
use tokio::runtime::Runtime;

use crate::harness::{ADMIN_TOKEN, Server};
use crate::store::sample::{NOW, payload};

/// Leaves two payloads set aside in a data directory.
pub(crate) fn leave_two_set_aside(data: &std::path::Path) -> [String; 2] {
    let payloads = [1, 2].map(|number| payload(number, r#"[{"name":"a"},{"name":"b"}]"#));
    let ids = [&payloads[0], &payloads[1]].map(|payload| payload.metadata.id.to_string());
    Runtime::new().unwrap().block_on(set_aside(data, payloads));
    ids
}

async fn set_aside(data: &std::path::Path, payloads: [NewPayload; 2]) {
    let (intake, store) = (data.join("intake.db"), data.join("store.db"));
    let storage = sqlite::open(&intake, &store, WriterLimits::default(), Vec::new()).unwrap();
    for payload in payloads {
        storage.payload_queue.stage(payload).await.unwrap();
    }
    let ask = LeaseAsk {
        token: LeaseToken(7),
        worker: WorkerSlot::ALONE,
        now_ms: NOW,
        lease_ms: 60_000,
        payloads_max: 10,
        unpacked_bytes_max: 1 << 20,
    };
    let leased = storage.payload_queue.lease(ask).await.unwrap();
    let exhausted = leased.iter().map(|leased| ExhaustedPayload {
        ticket: leased.ticket.clone(),
        error: "failed to plan the payload".into(),
    });
    storage.payload_queue.set_aside(leased[0].lease, exhausted.collect(), NOW).await.unwrap();
    storage.close().await.unwrap();
}

#[test]
fn a_payload_that_is_set_aside_is_listed_counted_and_can_be_retried() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = leave_two_set_aside(dir.path());
    let server = Server::serve(dir.path());
    let page = server.read("/api/payloads/set-aside?limit=1").json();
    assert_eq!(page["next"], first);
    let shown = &page["payloads"][0];
    assert_eq!((&shown["payload"], &shown["attempts"]), (&first.as_str().into(), &1.into()));
    assert_eq!((&shown["events"], &shown["set_aside"]), (&2.into(), &NOW.into()));
    assert_eq!(shown["error"], "failed to plan the payload");
    let rest = server.read(&format!("/api/payloads/set-aside?cursor={first}")).json();
    assert_eq!(rest["payloads"][0]["payload"], second);
    assert!(rest["next"].is_null(), "{rest}");

    let totals = server.totals();
    let queue = &totals["queue"];
    assert_eq!((&queue["depth"], &queue["set_aside"]), (&0.into(), &2.into()), "{totals}");
    assert_eq!((&queue["set_aside_events"], &totals["stored"]), (&4.into(), &0.into()));
    assert_eq!(server.read("/api/queues").json()["stages"][1]["set_aside"], 2);

    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let retry = |id: &str| {
        let path = format!("/api/payloads/{id}/retry");
        server.call("POST", &path, &[("authorization", &bearer)], b"")
    };
    let retried = retry(&first);
    assert_eq!((retried.status, retried.json()["payload"].as_str()), (200, Some(first.as_str())));
    for id in [first.as_str(), "no-id"] {
        let reply = retry(id);
        assert_eq!((reply.status, reply.problem().as_str()), (404, "not_found"));
    }
    let totals = server.settled();
    assert_eq!((&totals["stored"], &totals["queue"]["set_aside"]), (&2.into(), &1.into()));
}
