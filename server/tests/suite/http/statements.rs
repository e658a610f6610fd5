//! SQL statements: several at a time, and those that ask for too much.

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
    assert_eq!((refused.status, refused.problem().as_str()), (503, "busy"));
    let after_s: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&after_s), "{refused:?}");
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

#[test]
fn a_text_without_a_statement_is_refused_and_the_answer_says_why() {
    let (_dir, server) = server();
    for sql in ["", " \n", ";", "-- nothing", "/* nothing */"] {
        let reply = query(&server, sql);
        assert_eq!((reply.status, reply.problem().as_str()), (400, "sql_invalid"), "{sql}");
        assert!(reply.text.contains("the text has no statement: send one"), "{sql}: {reply:?}");
    }
}

/// The processes that run statements for `server`.
#[cfg(target_os = "linux")]
fn processes(server: &Server) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    let children =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    children
        .flat_map(|list| list.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

/// The most memory that a process has had so far, in KiB.
#[cfg(target_os = "linux")]
fn peak_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or(0, |peak| peak.trim().trim_end_matches(" kB").parse().unwrap())
}

/// `count` expressions with a separator between them, each with its number in place of `#`.
fn repeated(expression: &str, count: u32, separator: &str) -> String {
    let each = (0..count).map(|at| expression.replace('#', &at.to_string()));
    each.collect::<Vec<_>>().join(separator)
}

#[test]
fn a_statement_that_needs_too_much_memory_ends_alone_and_says_so() {
    let (_dir, server) = server();
    let lines = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 40)";
    for sql in [
        format!("SELECT {}", repeated("printf('%4000000d', #)", 400, ",")),
        format!("SELECT {}", repeated("length(printf('%4000000d', #))", 400, "+")),
        format!("{lines} SELECT {} FROM n", repeated("group_concat(printf('%100000d', x + #))", 400, ",")),
        format!("{lines} SELECT {} FROM n", repeated("json_group_array(printf('%100000d', x + #))", 400, ",")),
        format!(
            "{lines} SELECT {} FROM n",
            repeated("length(json_group_object(x, printf('%100000d', x + #)))", 80, "+")
        ),
        // A pattern nests one call for each wildcard, beyond the end of the stack.
        "SELECT printf('%.*c', 40000, 'a') LIKE replace(printf('%.*c', 24000, 'x'), 'x', '%a') || 'b'".into(),
        "SELECT printf('%.*c', 40000, 'a') GLOB replace(printf('%.*c', 24000, 'x'), 'x', '*a') || 'b'".into(),
    ] {
        let reply = query(&server, &sql);
        let code = reply.problem();
        let shown = sql.chars().take(100).collect::<String>();
        // SQLite itself refuses a pattern that is too long.
        let expected = if sql.contains("WITH") || sql.contains("4000000") {
            (422, "sql_too_large")
        } else {
            (400, "sql_invalid")
        };
        assert_eq!((reply.status, code.as_str()), expected, "{shown}: {reply:?}");
        if reply.status == 422 {
            assert!(reply.text.contains("128 MiB"), "{shown}: {reply:?}");
        }
        #[cfg(target_os = "linux")]
        assert!(peak_kib(server.pid()) < 200 << 10, "{shown}: {} KiB", peak_kib(server.pid()));
    }
    assert_eq!(query(&server, "SELECT 1").json()["rows"], json!([[1]]));
}

#[test]
fn one_call_of_a_function_cannot_outlive_the_time_limit_or_its_client() {
    let (_dir, server) = server();
    let instr = "SELECT instr(printf('%.*c', 4000000, 'a'), printf('%.*c', 2000000, 'a') || 'b')";
    let replace =
        "SELECT replace(printf('%.*c', 4000000, 'a'), printf('%.*c', 2000000, 'a') || 'b', 'c')";
    let pattern =
        "SELECT printf('%.*c', 4000000, 'a') LIKE '%' || printf('%.*c', 4000, 'a') || 'b'";
    let straight = format!(
        "SELECT {}",
        repeated("instr(printf('%.*c', 400000, 'a'), printf('%.*c', 200000, 'a') || #)", 500, "+")
    );
    let left: Vec<TcpStream> = (0..4).map(|_| send(&server, instr)).collect();
    std::thread::sleep(Duration::from_secs(1));
    drop(left);
    let replies = std::thread::scope(|scope| {
        [instr, replace, pattern, &straight]
            .map(|sql| scope.spawn(|| query(&server, sql)))
            .map(|running| running.join().unwrap())
    });
    for reply in replies {
        assert_eq!((reply.status, reply.problem().as_str()), (422, "sql_too_slow"), "{reply:?}");
        assert!(reply.text.contains("10 s"), "{reply:?}");
    }
    #[cfg(target_os = "linux")]
    assert_eq!(processes(&server), [0; 0], "no statement goes on");
}

#[test]
fn the_temporary_files_of_a_statement_are_bounded() {
    let (_dir, server) = server();
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)";
    for sql in [
        format!("{endless} SELECT x FROM n ORDER BY printf('%1000000d', x)"),
        format!("{endless} SELECT count(*) FROM (SELECT DISTINCT printf('%1000000d', x) FROM n)"),
    ] {
        // Statements have a lower priority, so on a busy machine one may not get that far in time.
        let mut replies = (0..20).map(|_| query(&server, &sql));
        let reply = replies.find(|reply| reply.problem() != "sql_too_slow").unwrap();
        assert_eq!((reply.status, reply.problem().as_str()), (422, "sql_too_large"), "{reply:?}");
        // On Windows they count as memory.
        let limit = if cfg!(windows) { "128 MiB" } else { "256 MiB" };
        assert!(reply.text.contains(limit), "{reply:?}");
    }
    let sorted = format!(
        "{endless} SELECT x FROM (SELECT x FROM n LIMIT 300000) ORDER BY printf('%100d', -x) DESC LIMIT 1"
    );
    assert_eq!(query(&server, &sorted).json()["rows"], json!([[300_000]]), "a usual sort fits");
}

#[test]
fn an_answer_has_a_bounded_size_even_if_one_row_does_not() {
    let (_dir, server) = server();
    for sql in [
        format!("SELECT {}", repeated("printf('%4000000d', #)", 3, ",")),
        // Each byte takes six in JSON.
        "SELECT replace(printf('%.*c', 2000000, 'x'), 'x', char(1))".into(),
        // The names of columns count.
        format!(
            "WITH a AS (SELECT 1 AS \"{}\") SELECT *, *, *, * FROM {}",
            "n".repeat(50_000),
            repeated("a AS a#", 64, ",")
        ),
    ] {
        let reply = query(&server, &sql);
        let shown = sql.chars().take(100).collect::<String>();
        assert_eq!(
            (reply.status, reply.problem().as_str()),
            (422, "sql_too_large"),
            "{shown}: {}",
            reply.text.len()
        );
        assert!(reply.text.contains("one row is larger than 8388608 bytes"), "{shown}: {reply:?}");
    }
    let fits =
        query(&server, "SELECT 1.5, NULL, x'00ff', 'a\"b' || char(7), 9223372036854775807, 9e999");
    assert_eq!(fits.json()["rows"], json!([[1.5, null, "00ff", "a\"b\u{7}", i64::MAX, null]]));
}

#[test]
fn a_statement_gets_no_secret_of_the_server() {
    let (dir, server) = server();
    // A process that a statement keeps busy.
    let _busy = send(&server, ENDLESS);
    std::thread::sleep(Duration::from_millis(700));
    #[cfg(target_os = "linux")]
    {
        let running = processes(&server);
        assert_eq!(running.len(), 1);
        let environment = std::fs::read(format!("/proc/{}/environ", running[0])).unwrap();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        assert!(!environment.contains(ADMIN_TOKEN) && !environment.contains("LAMPLIGHT"));
        server.kill_9();
        let begun = now();
        // Its limit of processor time is a little more than the time limit.
        while std::path::Path::new(&format!("/proc/{}/status", running[0])).exists() {
            assert!(begun.elapsed() < Duration::from_mins(1), "it goes on without a server");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    drop(dir);
}
