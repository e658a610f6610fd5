//! HTTPS, with real clients: curl and OpenSSL.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rcgen::CertifiedKey;

use super::bodies::answer;
use super::connections::{TRUSTED, limited_to_64_connections};
use crate::harness::{ADMIN_TOKEN, Server, WRITE_KEY, command, now};

/// Writes a new certificate for localhost and its key.
fn write_new_pair(dir: &Path) {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
    fs::write(dir.join("key.pem"), signing_key.serialize_pem()).unwrap();
    fs::write(dir.join("cert.pem"), cert.pem()).unwrap();
}

fn with_tls(mut command: Command, dir: &Path) -> Command {
    command.arg("--tls-cert").arg(dir.join("cert.pem"));
    command.arg("--tls-key").arg(dir.join("key.pem"));
    command
}

fn server(dir: &Path) -> Server {
    write_new_pair(dir);
    Server::start(with_tls(command("serve", &dir.join("data")), dir))
}

fn address(server: &Server) -> &str {
    server.url.strip_prefix("https://").unwrap()
}

/// What curl prints, and whether it succeeded.
fn curl(dir: &Path, server: &Server, path: &str, arguments: &[&str]) -> (String, bool) {
    let port = address(server).rsplit_once(':').unwrap().1;
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30", "--cacert"])
        .arg(dir.join("cert.pem"))
        .args(arguments)
        .arg(format!("https://localhost:{port}{path}"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (said + &String::from_utf8_lossy(&output.stderr), output.status.success())
}

/// Waits until curl trusts the certificate that the server has, which it does if it is the one in
/// the file.
fn waits_for_the_certificate_in_the_file(dir: &Path, server: &Server) {
    let begun = now();
    while !curl(dir, server, "/healthz", &[]).1 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", server.log());
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn both_versions_of_tls_and_of_http_work_and_older_ones_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    assert!(
        server.output.contains(&format!("curl '{}/v1/events", server.url)),
        "{}",
        server.output
    );
    let print = ["--output", "/dev/null", "--write-out", "%{http_version} %{response_code}"];
    for (arguments, said) in [
        (&["--http1.1"][..], "1.1 200"),
        (&["--http2"], "2 200"),
        (&["--http2", "--tls-max", "1.2"], "2 200"),
        (&["--http1.1", "--tlsv1.3"], "1.1 200"),
        (&["--no-alpn"], "1.1 200"),
    ] {
        let arguments = [arguments, &print].concat();
        assert_eq!(curl(dir.path(), &server, "/healthz", &arguments).0, said, "{arguments:?}");
    }
    let old = ["--ciphers", "ALL:@SECLEVEL=0", "--tlsv1.0", "--tls-max", "1.1"];
    assert!(!curl(dir.path(), &server, "/healthz", &old).1);
    let event = r#"[{"name":"encrypted"}]"#;
    let path = format!("/v1/events?key={WRITE_KEY}");
    for version in ["--http1.1", "--http2"] {
        let (said, is_sent) = curl(
            dir.path(),
            &server,
            &path,
            &[version, "--data", event, "-H", "content-type: text/plain"],
        );
        assert!(is_sent && said.contains(r#""status":"OK""#), "{said}");
    }
    let token = format!("authorization: Bearer {ADMIN_TOKEN}");
    let begun = now();
    loop {
        let (said, _) = curl(dir.path(), &server, "/api/totals", &["-H", &token]);
        if said.contains(r#""stored":2"#) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{said}");
    }
}

#[test]
fn openssl_sees_the_chain_and_the_protocol_that_it_asks_for() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let client = |arguments: &[&str]| {
        let output = Command::new("openssl")
            .args(["s_client", "-connect", address(&server), "-servername", "localhost", "-CAfile"])
            .arg(dir.path().join("cert.pem"))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for (arguments, wants) in [
        (
            &["-tls1_3", "-alpn", "h2"][..],
            &["TLSv1.3", "ALPN protocol: h2", "return code: 0 (ok)"][..],
        ),
        (&["-tls1_2", "-alpn", "http/1.1"], &["TLSv1.2", "ALPN protocol: http/1.1"]),
        (&["-alpn", "http/1.1,h2"], &["ALPN protocol: h2"]),
        (&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], &["Cipher is (NONE)"]),
    ] {
        let said = client(arguments);
        assert!(wants.iter().all(|want| said.contains(want)), "{arguments:?}: {said}");
    }
}

#[test]
fn a_request_in_plain_text_is_told_to_use_https() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    for request in ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST /v1/events HTTP/1.1\r\nHost: x\r\n"]
    {
        let mut stream = TcpStream::connect(address(&server)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let (head, body) = answer(&mut stream);
        assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(problem["code"], "https_required");
        assert!(problem["detail"].as_str().unwrap().contains("https://"));
    }
    // Neither plain text nor TLS.
    let mut stream = TcpStream::connect(address(&server)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(&[0x80, 0x2e, 1, 0, 2, 0, 0, 0]).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("HTTP"));
    assert!(curl(dir.path(), &server, "/healthz", &[]).1);
}

#[test]
fn a_new_certificate_is_used_without_a_restart_and_a_wrong_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    assert!(curl(dir.path(), &server, "/healthz", &[]).1);
    write_new_pair(dir.path());
    waits_for_the_certificate_in_the_file(dir.path(), &server);
    assert!(server.log().contains("a new certificate is in use"), "{}", server.log());

    // A key that does not belong to it. The signal is answered at once.
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let right = fs::read(&key).unwrap();
    let other = tempfile::tempdir().unwrap();
    write_new_pair(other.path());
    fs::copy(other.path().join("key.pem"), &key).unwrap();
    hang_up(&server);
    waits_for(&server, "does not belong to the certificate in");
    assert!(server.log().contains("stays in use"), "{}", server.log());
    assert!(curl(dir.path(), &server, "/healthz", &[]).1, "the one from before");
    fs::write(&key, right).unwrap();
    hang_up(&server);
    waits_for(&server, "the files of the certificate have not changed");

    // A connection that is open keeps its certificate, and others get the new one.
    let before = fs::read(&cert).unwrap();
    write_new_pair(dir.path());
    hang_up(&server);
    waits_for_the_certificate_in_the_file(dir.path(), &server);
    fs::write(other.path().join("cert.pem"), before).unwrap();
    assert!(!curl(other.path(), &server, "/healthz", &[]).1, "the old one is not used");
    assert_eq!(server.stop(), Some(0));
}

fn hang_up(server: &Server) {
    let pid = server.pid().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
}

fn waits_for(server: &Server, said: &str) {
    let begun = now();
    while !server.log().contains(said) {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn handshakes_that_never_end_give_way_to_new_connections() {
    let dir = tempfile::tempdir().unwrap();
    write_new_pair(dir.path());
    let serve = with_tls(command("serve", &dir.path().join("data")), dir.path());
    let server = limited_to_64_connections(&serve, &TRUSTED);
    let mut stalled: Vec<TcpStream> =
        (0..64).map(|_| TcpStream::connect(address(&server)).unwrap()).collect();
    for (at, stream) in stalled.iter_mut().enumerate() {
        match at % 3 {
            // The beginning of a ClientHello.
            0 => stream.write_all(&[22, 3, 1, 1, 0, 1, 0, 0]).unwrap(),
            1 => stream.write_all(&[22]).unwrap(),
            _ => {}
        }
    }
    std::thread::sleep(Duration::from_millis(1_200));
    for number in 0..10 {
        // Before a handshake takes too long.
        let (said, is_served) = curl(dir.path(), &server, "/healthz", &["--max-time", "7"]);
        assert!(is_served, "connection {number}: {said}");
    }
}

#[test]
fn a_start_with_wrong_files_fails_with_the_reason_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    write_new_pair(dir.path());
    let data = dir.path().join("data");
    let fails = |cert: &str, key: &str| {
        let mut serve = command("serve", &data);
        serve.arg("--tls-cert").arg(dir.path().join(cert));
        if !key.is_empty() {
            serve.arg("--tls-key").arg(dir.path().join(key));
        }
        let output = serve.output().unwrap();
        assert!(!output.status.success() && !data.exists());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(fails("cert.pem", "").contains("`tls_key` is missing"));
    assert!(fails("cert.pem", "missing.pem").contains("failed to read the private key"));
    assert!(fails("key.pem", "cert.pem").contains("may be swapped"));
    let other = tempfile::tempdir().unwrap();
    write_new_pair(other.path());
    fs::copy(other.path().join("key.pem"), dir.path().join("other.pem")).unwrap();
    assert!(fails("cert.pem", "other.pem").contains("does not belong to the certificate"));
}

#[test]
fn an_exposed_key_and_an_expired_certificate_are_warnings() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    write_new_pair(dir.path());
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    fs::write(dir.path().join("cert.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    let path = dir.path().join("key.pem");
    fs::write(&path, key.serialize_pem()).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let server = Server::start(with_tls(command("serve", &dir.path().join("data")), dir.path()));
    waits_for(&server, "expired on 2002-01-01 00:00 UTC");
    waits_for(&server, &format!("chmod o= {}", path.display()));
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let server = Server::start(with_tls(command("serve", &dir.path().join("data2")), dir.path()));
    waits_for(&server, "expired");
    assert!(!server.stop_with_log().contains("other users"));
}

#[test]
fn a_live_view_works_over_both_versions_of_http() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let port = address(&server).rsplit_once(':').unwrap().1;
    for version in ["--http1.1", "--http2"] {
        let mut live = Command::new("curl")
            .args(["--silent", "--no-buffer", "--max-time", "30", version, "--cacert"])
            .arg(dir.path().join("cert.pem"))
            .args(["-H", &format!("authorization: Bearer {ADMIN_TOKEN}")])
            .arg(format!("https://localhost:{port}/api/live"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = live.stdout.take().unwrap();
        let mut text = String::new();
        let mut read = |text: &mut String, end: &str| {
            while !text.contains(end) {
                let mut bytes = [0; 4096];
                let read = out.read(&mut bytes).unwrap();
                assert!(read > 0, "{version}: it ended after {text}");
                text.push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        };
        read(&mut text, "retry: ");
        let path = format!("/v1/events?key={WRITE_KEY}");
        let event = format!(r#"[{{"name":"seen{version}"}}]"#);
        let (said, _) =
            curl(dir.path(), &server, &path, &["--data", &event, "-H", "content-type: text/plain"]);
        assert!(said.contains("OK"), "{said}");
        read(&mut text, &format!("seen{version}"));
        live.kill().unwrap();
        live.wait().unwrap();
    }
}
