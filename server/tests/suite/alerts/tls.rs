//! The webhook of alerts over TLS, with the real program: its certificate is checked, and a private
//! authority can be configured.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::harness::tls::TlsServer;
use crate::harness::{Server, command, now};

/// A server that has an alert from the start: it keeps more space free than any disk has.
fn serve(folder: &Path, receiver: &TlsServer, ca_file: Option<&Path>) -> Server {
    let mut command = command("serve", &folder.join("data"));
    command
        .args(["--disk-floor-mib", "4294967295"])
        .env("LAMPLIGHT_ALERTS_WEBHOOK_URL", format!("https://localhost:{}/hook", receiver.port))
        .env("LAMPLIGHT_ALERTS_WEBHOOK_SECRET", "a secret of sixteen bytes or more");
    if let Some(path) = ca_file {
        command.env("LAMPLIGHT_ALERTS_WEBHOOK_CA_FILE", path);
    }
    Server::start(command)
}

/// The delivery of the first notice, once an attempt has ended.
fn first_delivery(server: &Server) -> Value {
    let begun = now();
    loop {
        let delivery = server.read("/api/alerts").json()["history"][0]["delivery"].clone();
        if delivery["state"] == "sent" || delivery["failures"].as_u64() > Some(0) {
            return delivery;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{delivery}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_of_a_private_authority_gets_alerts_once_it_is_configured() {
    let answer = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
    let receiver = TlsServer::start(answer.into()).await;
    let checks = move || {
        let dir = tempfile::tempdir().unwrap();
        let ca_file = dir.path().join("authority.pem");
        receiver.write_authority(&ca_file);

        let server = serve(dir.path(), &receiver, None);
        let delivery = first_delivery(&server);
        let error = delivery["error"].as_str().unwrap();
        assert_eq!(delivery["state"], "queued");
        assert!(error.contains("certificate"), "{error}");
        assert_eq!(receiver.requests(), 0, "nothing was sent");
        server.stop();

        // The queued notice is not lost.
        let server = serve(dir.path(), &receiver, Some(&ca_file));
        let begun = now();
        while receiver.requests() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "{}", server.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    tokio::task::spawn_blocking(checks).await.unwrap();
}

#[test]
fn a_file_of_authorities_that_cannot_be_used_is_named_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let ca_file = dir.path().join("ca.pem");
    let refused = |ca_file: &Path, url: Option<&str>| {
        let mut command = command("serve", &dir.path().join("data"));
        command.env("LAMPLIGHT_ALERTS_WEBHOOK_CA_FILE", ca_file);
        if let Some(url) = url {
            command.env("LAMPLIGHT_ALERTS_WEBHOOK_URL", url);
            command.env("LAMPLIGHT_ALERTS_WEBHOOK_SECRET", "a secret of sixteen bytes or more");
        }
        let output = command.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let url = Some("https://localhost:9/hook");
    let missing = refused(&ca_file, url);
    let named = format!("use the certificates in {}", ca_file.display());
    assert!(missing.contains(&named) && missing.contains("No such file"), "{missing}");
    std::fs::write(&ca_file, "no certificate").unwrap();
    let empty = refused(&ca_file, url);
    assert!(empty.contains(&named) && empty.contains("contains no certificate"), "{empty}");
    let alone = refused(&ca_file, None);
    assert!(alone.contains("alerts_webhook_url is missing"), "{alone}");
}
