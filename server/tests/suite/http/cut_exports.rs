//! An export that was cut is never taken for the whole.

use std::io::{Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::{ADMIN_TOKEN, Server, ending, now};

/// How many events there are: more bytes than the buffers of two sockets hold.
const EVENTS: usize = 24_000;
const BATCH: usize = 800;

/// A server with more events than a connection takes before its client reads.
fn filled(data: &std::path::Path) -> Server {
    let server = Server::serve(data);
    let text = "x".repeat(1_000);
    let batch: Vec<String> = (0..BATCH)
        .map(|it| format!(r#"{{"name":"e","properties":{{"n":{it},"text":"{text}"}}}}"#))
        .collect();
    let batch = format!("[{}]", batch.join(","));
    for _ in 0..EVENTS / BATCH {
        assert_eq!(server.send(&batch).status, 200);
    }
    server.settled();
    server
}

/// Begins an export, and reads its head.
fn begin(server: &Server, target: &str, version: &str) -> (TcpStream, Vec<u8>) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    let head = format!(
        "GET {target} {version}\r\nhost: {}\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n\r\n",
        server.address()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut read = vec![0; 4_096];
    let count = stream.read(&mut read).unwrap();
    read.truncate(count);
    (stream, read)
}

/// Whether a client takes what it read for a whole answer: the head, chunks up to the empty one,
/// and nothing after it.
fn looks_whole(read: &[u8]) -> bool {
    let at = read.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&read[..at]).to_ascii_lowercase();
    assert!(
        head.starts_with("http/1.1 200") && head.contains("transfer-encoding: chunked"),
        "{head}"
    );
    let mut rest = &read[at + 4..];
    loop {
        let Some(end) = rest.windows(2).position(|it| it == b"\r\n") else { return false };
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        rest = &rest[end + 2..];
        if rest.len() < size + 2 {
            return false;
        }
        assert_eq!(&rest[size..size + 2], b"\r\n");
        rest = &rest[size + 2..];
        if size == 0 {
            return rest.is_empty();
        }
    }
}

#[test]
fn an_export_that_the_server_cannot_finish_never_looks_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = filled(dir.path());
    for target in ["/api/export", "/api/export?format=csv", "/api/export?format=csv&exact=true"] {
        for is_killed in [true, false] {
            let (mut stream, mut read) = begin(&server, target, "HTTP/1.1");
            if is_killed {
                server.kill_9();
                stream.read_to_end(&mut read).unwrap_or_default();
            } else {
                // It waits for its connections for a while, so the client goes on reading.
                ending::ask_to_stop(server.pid());
                stream.read_to_end(&mut read).unwrap_or_default();
                drop(stream);
                assert_eq!(server.stop(), Some(0));
            }
            assert!(read.len() < EVENTS * 1_000, "{target} was not cut: {} bytes", read.len());
            assert!(!looks_whole(&read), "{target}, killed: {is_killed}, {} bytes", read.len());
            server = Server::serve(dir.path());
        }
    }
    // All of it does look whole, so the check above sees the difference.
    let (mut stream, mut read) = begin(&server, "/api/export", "HTTP/1.1");
    let begun = now();
    while !looks_whole(&read) {
        let mut more = vec![0; 4 * 1_024 * 1_024];
        let count = stream.read(&mut more).unwrap();
        assert!(count > 0 && begun.elapsed() < Duration::from_mins(2), "{} bytes", read.len());
        read.extend_from_slice(&more[..count]);
    }
    assert!(read.len() > EVENTS * 1_000);
}

#[cfg(unix)]
#[test]
fn curl_fails_for_an_export_that_was_cut() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = filled(dir.path());
    // What curl calls a transfer that closed early: 18, and 92 or 56 over HTTP/2.
    for (version, codes) in [("--http1.1", &[18][..]), ("--http2-prior-knowledge", &[18, 56, 92])] {
        let file = dir.path().join("events.ndjson");
        let token = format!("authorization: Bearer {ADMIN_TOKEN}");
        let mut curl = Command::new("curl")
            .args([
                version,
                "--silent",
                "--limit-rate",
                "1M",
                "--max-time",
                "60",
                "-H",
                &token,
                "-o",
            ])
            .arg(&file)
            .arg(format!("{}/api/export", server.url))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let begun = now();
        while file.metadata().map_or(0, |it| it.len()) == 0 {
            assert!(begun.elapsed() < Duration::from_secs(30), "nothing arrives");
            std::thread::sleep(Duration::from_millis(20));
        }
        server.kill_9();
        let code = curl.wait().unwrap().code();
        assert!(code.is_some_and(|it| codes.contains(&it)), "{version}: {code:?}");
        std::fs::remove_file(&file).unwrap();
        server = Server::serve(dir.path());
    }
}

#[test]
fn clients_of_http_1_0_get_no_export_because_a_part_would_look_whole() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let said = server.raw(
        format!(
            "GET /api/export HTTP/1.0\r\nhost: {}\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n\r\n",
            server.address()
        )
        .as_bytes(),
    );
    assert!(said.starts_with("HTTP/1.0 400"), "{said}");
    assert!(said.contains("\"code\":\"http_version_too_old\""), "{said}");
    assert!(said.contains("proxy_http_version 1.1;"), "{said}");
    // Other answers have a length.
    let said = server.raw(
        format!(
            "GET /api/events HTTP/1.0\r\nhost: {}\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n\r\n",
            server.address()
        )
        .as_bytes(),
    );
    assert!(said.starts_with("HTTP/1.0 200") && said.contains("content-length:"), "{said}");
}
