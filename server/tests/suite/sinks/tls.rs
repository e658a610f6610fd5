//! Sinks over TLS: certificates are checked, and a private authority can be configured.

use crate::harness::tls::TlsServer;
use crate::sinks::rig::{Rig, events};

/// A receiver that accepts everything.
async fn receiver() -> TlsServer {
    TlsServer::start("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".into()).await
}

fn table(receiver: &TlsServer, more: &str) -> String {
    format!(
        "kind = 'webhook'\nurl = 'https://localhost:{}/hook'\nsecret = 'a secret of sixteen bytes'\n{more}\n\
         [retry]\nbase_ms = 1\ncap_ms = 20\nhorizon_hours = 0",
        receiver.port
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_with_a_configured_authority_gets_its_events() {
    let receiver = receiver().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("authority.pem");
    receiver.write_authority(&path);
    let table = table(&receiver, &format!("ca_file = '{}'", path.display()));
    let mut rig = Rig::new(&[("hook", &table)]);
    rig.add(events(5)).await;
    rig.start();
    let sink = rig.settled("hook").await;
    assert_eq!((sink.sent, sink.dead), (5, 0));
    assert_eq!(receiver.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_an_untrusted_certificate_gets_no_event() {
    let receiver = receiver().await;
    let mut rig = Rig::new(&[("hook", &table(&receiver, ""))]);
    let ids = rig.add(events(1)).await;
    rig.start();
    let sink = rig.settled("hook").await;
    assert_eq!((sink.sent, sink.dead), (0, 1));
    assert_eq!(receiver.requests(), 0, "nothing was sent");
    let steps = rig.steps(ids[0]).await;
    let said = steps[1].detail.as_deref().unwrap().to_lowercase();
    assert!(said.contains("certificate"), "{said}");
}
