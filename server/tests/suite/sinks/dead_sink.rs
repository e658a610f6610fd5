//! A sink that is down or hangs for a whole run of the real binary delays nothing else (I6).

use std::time::Duration;

use tokio::net::TcpListener;

use crate::harness::{Server, command};
use crate::sinks::file::lines;

#[tokio::test(flavor = "multi_thread")]
async fn sinks_that_are_down_or_hang_delay_no_intake_processing_or_other_sink() {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("archive");
    // Accepts connections and never responds.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    // Nothing listens here.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone_url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let config = format!(
        "[sinks.dead]\nkind = 'mixpanel'\ntoken = 't'\nurl = '{gone_url}'\n\
         [sinks.silent]\nkind = 'webhook'\nurl = '{silent_url}'\nsecret = '0123456789abcdef'\n\
         [sinks.archive]\nkind = 'file'\npath = '{}'\n",
        archive.join("events.ndjson").display()
    );
    let path = dir.path().join("lamplight.toml");
    std::fs::write(&path, config).unwrap();
    let data = dir.path().join("data");
    tokio::task::spawn_blocking(move || {
        let mut command = command("serve", &data);
        command.arg("--config").arg(&path);
        let server = Server::start(command);
        for round in 0..40 {
            let body: Vec<String> = (0..50)
                .map(|n| format!(r#"{{"name":"e","properties":{{"n":{}}}}}"#, round * 50 + n))
                .collect();
            assert_eq!(server.send(&format!("[{}]", body.join(","))).status, 200);
        }
        let totals = server.settled();
        assert_eq!(totals["stored"], 2_000);
        let sent = |totals: &serde_json::Value| totals["sinks"]["archive"]["sent"] == 2_000;
        let mut totals = totals;
        for _ in 0..1_500 {
            if sent(&totals) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
            totals = server.totals();
        }
        assert!(sent(&totals), "{totals}");
        assert_eq!(lines(&archive).0.len(), 2_000);
        for name in ["dead", "silent"] {
            let sink = &totals["sinks"][name];
            let counts =
                ["waiting", "sent", "dead", "dropped"].map(|it| sink[it].as_u64().unwrap());
            assert_eq!(counts, [2_000, 0, 0, 0], "{sink}");
        }
        assert_eq!(totals["sinks"]["dead"]["state"], "resting");
        assert!(totals["sinks"]["dead"]["reason"].as_str().unwrap().starts_with("unreachable"));
        assert_eq!(server.stop(), Some(0), "a hanging sink does not keep it from stopping");
    })
    .await
    .unwrap();
    drop(silent);
}
