//! SQL statements of several callers at a time.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::harness::{ADMIN_TOKEN, Reply, Server, now};

/// Counts until its time limit of 10 s.
const ENDLESS: &str =
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    (dir, server)
}

fn query(server: &Server, sql: &str) -> Reply {
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let body = json!({ "sql": sql }).to_string();
    server.post("/api/query", &[("authorization", &bearer)], body.as_bytes())
}

/// Sends a statement and does not read the answer.
fn send(server: &Server, sql: &str) -> TcpStream {
    let body = json!({ "sql": sql }).to_string();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /api/query HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_TOKEN}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[test]
fn a_slow_statement_holds_up_no_other() {
    let (_dir, server) = server();
    let _slow: Vec<TcpStream> = (0..3).map(|_| send(&server, ENDLESS)).collect();
    std::thread::sleep(Duration::from_millis(500));
    let begun = now();
    let reply = query(&server, "SELECT 1");
    assert_eq!((reply.status, &reply.json()["rows"]), (200, &json!([[1]])));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn too_many_statements_at_a_time_are_503_with_the_time_to_retry() {
    let (_dir, server) = server();
    let _slow: Vec<TcpStream> = (0..20).map(|_| send(&server, ENDLESS)).collect();
    std::thread::sleep(Duration::from_secs(1));
    let begun = now();
    let refused = query(&server, "SELECT 1");
    assert_eq!((refused.status, refused.problem().as_str()), (503, "sql_busy"));
    assert_eq!(refused.header("retry-after"), Some("2"));
    assert!(begun.elapsed() < Duration::from_millis(4_500), "{:?}", begun.elapsed());
}

#[test]
fn the_statement_of_a_client_that_disconnects_is_stopped() {
    let (_dir, server) = server();
    let slow: Vec<TcpStream> = (0..20).map(|_| send(&server, ENDLESS)).collect();
    std::thread::sleep(Duration::from_secs(1));
    drop(slow);
    let begun = now();
    while query(&server, "SELECT 1").status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(4), "their time limit is 10 s");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}
