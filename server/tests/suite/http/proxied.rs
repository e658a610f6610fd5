//! The client's network when proxies forward its requests.

use serde_json::Value;

use crate::harness::{Server, WRITE_KEY, command};

/// The network that a server with these flags and this configuration file stores for a request with
/// these headers.
fn stored_network(flags: &[&str], config: &str, headers: &[&str]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("lamplight.toml");
    std::fs::write(&file, config).unwrap();
    let mut command = command("serve", &dir.path().join("data"));
    let server = Server::start({
        command.args(flags).arg("--config").arg(&file);
        command
    });
    let path = format!("/v1/events?key={WRITE_KEY}");
    let head = [("content-type", "text/plain")];
    let head: Vec<_> =
        head.into_iter().chain(headers.iter().map(|it| ("x-forwarded-for", *it))).collect();
    assert_eq!(server.post(&path, &head, br#"[{"name":"a","id":"one"}]"#).status, 200);
    server.settled();
    server.read("/api/events/one").json()["receipt"]["client"].clone()
}

const FORGED: &str = "198.51.100.1, 203.0.113.9";

#[test]
fn without_trusted_proxies_the_header_is_ignored() {
    assert_eq!(stored_network(&[], "", &[FORGED]), "127.0.0.0/24");
    assert_eq!(stored_network(&["--trusted-proxies", "10.0.0.0/8"], "", &[FORGED]), "127.0.0.0/24");
}

#[test]
fn behind_proxies_the_last_address_that_is_not_a_proxy_counts() {
    assert_eq!(
        stored_network(&["--trusted-proxies", "127.0.0.1"], "", &[FORGED]),
        "203.0.113.0/24"
    );
    let chain = ["198.51.100.1", "2001:db8:1:2::3", "10.1.2.3"];
    let config = "trusted_proxies = ['127.0.0.0/8', '10.0.0.0/8']";
    assert_eq!(stored_network(&[], config, &chain), "2001:db8:1::/48");
    let dropped = "trusted_proxies = ['127.0.0.1']\nclient_network = 'drop'";
    assert_eq!(stored_network(&[], dropped, &chain), Value::Null);
}

#[test]
fn an_invalid_network_is_an_error_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("lamplight.toml");
    std::fs::write(&file, "trusted_proxies = [\n'10.0.0.1/8']").unwrap();
    let mut with_file = command("serve", dir.path());
    with_file.arg("--config").arg(&file);
    let mut with_flag = command("serve", dir.path());
    with_flag.args(["--trusted-proxies", "10.0.0.1/8"]);
    for mut command in [with_file, with_flag] {
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(said.contains("its address has bits beyond its length"), "{said}");
    }
}
