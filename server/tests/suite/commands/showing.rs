//! `lamplight query`, `gaps`, `top` and `replay`.

use serde_json::{Value, json};

use super::{at, lamplight, on, run, send, server};
use crate::harness::Server;

const P: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

#[test]
fn a_statement_is_shown_as_a_table_as_csv_and_as_json() {
    let (_dir, server) = server();
    let hostile =
        r#"[{"name":"=cmd|' /C calc'!A0","user":{"id":"a\u001b[31m\u202e"}},{"name":"b"}]"#;
    assert_eq!(server.send(hostile).status, 200);
    server.settled();
    let sql = "SELECT name, user_id AS user, 7 AS n, -1.5 AS n FROM events ORDER BY name";
    let table = run(at(&server, &["query", sql])).ok();
    assert_eq!(
        table.lines(),
        [
            "name                user                 n     n",
            "=cmd|' /C calc'!A0  a\\u{1b}[31m\\u{202e}  7  -1.5",
            "b                   NULL                 7  -1.5",
        ]
    );
    let csv = run(at(&server, &["query", "--csv", sql])).ok();
    assert_eq!(
        csv.lines(),
        ["name,user,n,n", "'=cmd|' /C calc'!A0,a\u{1b}[31m\u{202e},7,-1.5", "b,,7,-1.5"]
    );
    let exact = run(at(&server, &["query", "--csv", "--exact", sql])).ok();
    assert!(exact.lines()[1].starts_with("=cmd|"), "{exact:?}");
    let rows = run(at(&server, &["query", "--json", sql])).ok();
    let rows: Vec<Value> =
        rows.lines().iter().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(rows[1], json!({ "name": "b", "user": null, "n": 7, "n_2": -1.5 }));
}

#[test]
fn a_statement_with_too_many_rows_or_errors_says_so() {
    let (_dir, server) = server();
    send(&server, &["a"]);
    server.settled();
    let many = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 20000) SELECT x FROM n";
    let ran = run(at(&server, &["query", "--csv", many])).ok();
    assert_eq!(ran.lines().len(), 10_001);
    assert!(
        ran.stderr.contains("the result is not complete: it has the first 10000 rows"),
        "{}",
        ran.stderr
    );
    let wrong = run(at(&server, &["query", "SELECT x FROM nowhere"]));
    assert!(wrong.code == Some(1) && wrong.stderr.contains("no such table"), "{wrong:?}");
    let writes = run(at(&server, &["query", "DELETE FROM keys"]));
    assert!(writes.code == Some(1) && writes.stderr.contains("HTTP 403"), "{writes:?}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("statement.sql");
    std::fs::write(&path, "SELECT count(*)\nFROM events").unwrap();
    let mut from_file = at(&server, &["query", "--csv", "-"]);
    from_file.stdin(std::fs::File::open(&path).unwrap());
    assert_eq!(run(from_file).ok().lines(), ["count(*)", "1"]);
}

#[test]
fn lost_numbers_are_listed_with_their_cause_and_fail_a_check() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::serve(&data);
    let check = |server: &Server| run(at(server, &["gaps", "--check"]));
    let none = check(&server).ok();
    assert!(none.stdout.is_empty() && none.stderr.contains("no producer is lost"), "{none:?}");
    let body = json!({
        "v": 1,
        "events": [{ "name": "a", "producer": P, "seq": 2 }, { "name": "a", "producer": P, "seq": 9 }],
        "producers": { P: { "next": 12, "dropped": { "quota": [[4, 6]] } } },
    });
    assert_eq!(server.send(&body.to_string()).status, 200);
    server.settled();
    check(&server).ok();
    let ran = run(at(&server, &["gaps", "--verdict", "in_flight"])).ok();
    assert!(ran.stdout.contains("not here yet: 1, 3, 7–8, 10–11; quota: 4–6"), "{ran:?}");
    server.stop();
    let database = rusqlite::Connection::open(data.join("store.db")).unwrap();
    let forty_days_ago = "UPDATE producers SET last_heard_ms = last_heard_ms - 40 * 86400000";
    assert_eq!(database.execute(forty_days_ago, []).unwrap(), 1);
    drop(database);
    let server = Server::serve(&data);
    let lost = check(&server);
    assert_eq!(lost.code, Some(1), "{lost:?}");
    assert!(lost.stdout.contains("never arrived: 1, 3, 7–8, 10–11; quota: 4–6"), "{lost:?}");
    assert!(lost.stderr.contains("1 producer, 6 missing numbers"), "{lost:?}");
    run(at(&server, &["gaps"])).ok();
    let ran = run(at(&server, &["gaps", "--verdict", "all", "--json"])).ok();
    let producer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&producer["verdict"], &producer["missing"]), (&json!("lost"), &json!(6)));
    assert_eq!(producer["holes"], json!([[1, 1], [3, 3], [7, 8], [10, 11]]));
}

#[test]
fn all_ranges_of_a_long_ledger_are_in_the_json() {
    let (_dir, server) = server();
    for part in 0..3 {
        let events: Vec<Value> = (0..400)
            .map(|n| json!({ "name": "a", "producer": P, "seq": 2 * (400 * part + n) + 2 }))
            .collect();
        assert_eq!(server.send(&json!(events).to_string()).status, 200);
    }
    server.settled();
    let ran = run(at(&server, &["gaps", "--verdict", "in_flight", "--json"])).ok();
    let producer: Value = serde_json::from_str(&ran.stdout).unwrap();
    let holes = producer["holes"].as_array().unwrap();
    assert_eq!(holes.len() as u64, producer["missing"].as_u64().unwrap(), "one number in each");
    assert!(holes.len() > 1_000 && producer["next_number"].is_null(), "{}", holes.len());
}

#[test]
fn top_is_printed_once_where_there_is_no_terminal() {
    let (_dir, server) = server();
    send(&server, &["a", "b"]);
    server.settled();
    let ran = run(at(&server, &["top"])).ok();
    assert!(
        ran.stdout.contains("received 2  stored 2") && ran.stdout.contains("lost 0"),
        "{ran:?}"
    );
    assert!(ran.lines().iter().any(|line| line.starts_with("process  up")), "{ran:?}");
    assert!(!ran.stdout.contains('\u{1b}'), "{ran:?}");
    let json: Value =
        serde_json::from_str(&run(at(&server, &["top", "--json"])).ok().stdout).unwrap();
    assert_eq!(json["totals"]["stored"], 2);
    assert_eq!(json["queues"]["stages"][1]["name"], "process");
}

#[test]
fn a_replay_runs_at_a_server_or_on_its_data_with_the_same_result() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::serve(&data);
    for _ in 0..10 {
        send(&server, &["a", "b"]);
    }
    server.settled();
    let span = ["--from", "0", "--to", "2200-01-01T00:00:00Z"];
    let all = [&["replay"][..], &span].concat();
    let counted = run(at(&server, &[&all[..], &["--dry-run"]].concat())).ok();
    assert_eq!(counted.stdout, "10 payloads with 20 events\n");
    let expected = "10 payloads with 20 events\nreplayed 10 payloads: 20 events rewritten, 0 restored, \
                    0 accepted; 0 payloads skipped\n";
    let ran = run(at(&server, &all)).ok();
    assert_eq!(ran.stdout, expected);
    assert!(ran.stderr.contains(&format!("using the server at {}", server.url)), "{ran:?}");
    server.stop();
    assert_eq!(run(on(&data, &all)).ok().stdout, expected);
    let empty = run(on(&data, &["replay", "--from", "2", "--to", "1"]));
    assert!(empty.code == Some(1) && empty.stderr.contains("must be before"), "{empty:?}");
}

// It runs by bash.
#[cfg(unix)]
#[test]
fn a_reader_that_closes_its_pipe_ends_a_command_without_an_error() {
    let (_dir, server) = server();
    let sql = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 10000) SELECT x FROM n";
    let binary = env!("CARGO_BIN_EXE_lamplight");
    for line in [
        format!("'{binary}' query --csv '{sql}' | head -1; echo ${{PIPESTATUS[0]}}"),
        format!("'{binary}' query '{sql}' | head -1; echo ${{PIPESTATUS[0]}}"),
        format!("'{binary}' config reference | head -1; echo ${{PIPESTATUS[0]}}"),
        format!("'{binary}' man | head -1; echo ${{PIPESTATUS[0]}}"),
    ] {
        let mut shell = std::process::Command::new("bash");
        shell.args(["-c", &line]);
        super::take_environment(&mut shell, &at(&server, &[]));
        let ran = run(shell).ok();
        assert_eq!(ran.lines().len(), 2, "{ran:?}");
        assert_eq!(ran.lines()[1], "0", "{line}: {ran:?}");
        assert!(!ran.stderr.contains("error"), "{ran:?}");
    }
}

#[test]
fn the_help_of_the_program_and_wrong_usage_are_clear() {
    let help = run(lamplight(&["--help"])).ok().stdout;
    for title in ["Run a server:", "Look at events:", "Operate a server:", "Set up:"] {
        assert!(help.contains(title), "{help}");
    }
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let completions = run(lamplight(&["completions", shell])).ok().stdout;
        assert!(
            completions.contains("healthcheck") && completions.contains("token-file"),
            "{shell}"
        );
        assert!(!completions.contains("sql-worker"), "{shell}");
    }
    for path in [&["backup"][..], &["keys", "create"], &["config", "print"]] {
        let asked = run(lamplight(&[&["help"][..], path].concat())).ok().stdout;
        let flagged = run(lamplight(&[path, &["--help"]].concat())).ok().stdout;
        assert_eq!(asked, flagged, "{path:?}");
    }
    let wrong = run(lamplight(&["tial"]));
    assert!(wrong.code == Some(2) && wrong.stderr.contains("tail"), "{wrong:?}");
    for args in
        [&["export", "--type", "x"][..], &["export", "--resume"], &["tail", "--prop", "plan"]]
    {
        assert_eq!(run(lamplight(args)).code, Some(2), "{args:?}");
    }
}

#[test]
fn an_exported_proof_is_checked_without_a_server_and_a_changed_one_fails() {
    let (dir, server) = server();
    let body = json!({
        "v": 1,
        "events": [{ "name": "a", "producer": P, "seq": 2 }, { "name": "a", "producer": P, "seq": 9 }],
        "producers": { P: { "next": 12, "dropped": { "quota": [[4, 6]] } } },
    });
    assert_eq!(server.send(&body.to_string()).status, 200);
    server.settled();
    let proof = server.read("/api/producers/proof").text;
    assert_eq!(server.stop(), Some(0));
    let path = dir.path().join("proof.json");
    let check = |text: &str| {
        std::fs::write(&path, text).unwrap();
        run(lamplight(&["gaps", "--proof", path.to_str().unwrap()]))
    };
    let ran = check(&proof).ok();
    assert!(ran.stdout.is_empty(), "{ran:?}");
    let equation = "made 11 = received 2 + declared 3 + in flight 6 + lost 0";
    assert!(ran.stderr.contains("holds") && ran.stderr.contains(equation), "{ran:?}");
    let ran = check(&proof.replace("[9,9]", "[9,10]"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for want in [
        "line 2: its SHA-256 is ",
        "missing_ranges: 10 is in another list, too",
        "received: the file states 2, and its ranges give 3",
    ] {
        assert!(ran.stdout.contains(want), "{ran:?}");
    }
    assert!(ran.stderr.contains("proves nothing"), "{ran:?}");
    let cut = check(&proof[..proof.len() / 2]);
    assert!(cut.code == Some(1) && cut.stdout.contains("the file is cut"), "{cut:?}");
    std::fs::remove_file(&path).unwrap();
    let none = run(lamplight(&["gaps", "--proof", path.to_str().unwrap()]));
    assert!(none.code == Some(1) && none.stderr.contains("proof.json"), "{none:?}");
    let both = run(lamplight(&["gaps", "--proof", "x", "--verdict", "all"]));
    assert_eq!(both.code, Some(2), "{both:?}");
}
