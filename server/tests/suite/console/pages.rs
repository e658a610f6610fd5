//! The pages about the server as a whole: overview, trends, alerts and query.

use super::visitor::Visitor;
use crate::harness::{ADMIN_TOKEN, Server};

const P: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    (dir, server)
}

/// A viewer, who may make no changes.
fn viewer(server: &Server) -> Visitor<'_> {
    let made = server.call(
        "POST",
        "/api/keys",
        &[
            ("authorization", &format!("Bearer {ADMIN_TOKEN}")),
            ("content-type", "application/json"),
        ],
        br#"{"kind":"viewer","source":"console"}"#,
    );
    Visitor::with_token(server, made.json()["key"].as_str().unwrap())
}

/// The text of a page without its tags.
fn text(page: &str) -> String {
    let mut text = String::new();
    let mut is_tag = false;
    for char in page.chars() {
        match char {
            '<' => is_tag = true,
            '>' => {
                is_tag = false;
                text.push(' ');
            }
            char if !is_tag => text.push(char),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_overview_counts_everything_that_was_made() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    assert!(visitor.page("/overview").contains("wk_test_write_key"), "how to send the first one");
    let numbered = |seq: u64| format!(r#"{{"name":"a","producer":"{P}","seq":{seq}}}"#);
    let events = [numbered(1), numbered(1), numbered(2), numbered(5), r#"{"name":""}"#.into()];
    server.send(&format!("[{}]", events.join(",")));
    server.settled();
    let shown = text(&visitor.page("/overview"));
    for expected in [
        "Made 6 ",
        "Received 5 ",
        "Stored 3 ",
        "Duplicates dropped 1 ",
        "Invalid 1 ",
        "In flight 2 ",
        "Declared dropped 0 ",
        "Lost 0 none",
        "6 = 3 + 1 + 2 + 0 + 0",
        "3 events stored, one bar a minute",
        "name_missing invalid event",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
}

#[test]
fn trends_show_each_figure_and_say_why_nothing_is_forecast() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    let shown = text(&visitor.page("/trends"));
    for expected in ["Events stored", "Memory", "Longest wait for delivery", "unknown, because"] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let one = visitor.page("/trends?resolution=day&figure=memory_bytes");
    assert!(one.contains("id=\"plot-data\"") && !one.contains("<script>"), "{one}");
    assert_eq!(visitor.get("/trends?figure=nothing").status, 400);
    assert_eq!(visitor.get("/trends?colour=red").status, 400);
    let twin = visitor.get("/trends?resolution=day&format=json");
    assert_eq!(twin.header("location"), Some("/api/trends?resolution=day"));
}

#[test]
fn alerts_show_the_rules_in_their_units() {
    let (_dir, server) = server();
    let shown = text(&Visitor::admin(&server).page("/alerts"));
    for expected in [
        "Nothing is wrong.",
        "queue_age on above 15 min at 7 min 30 s 5 min",
        "sink_failing on while a sink fails when it works again 10 min",
        "disk_full on below 7 d at 10 d 12 h 1 h",
        "disk_floor on below 100 % of the floor",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
}

#[test]
fn a_statement_runs_when_its_button_is_pressed_and_shows_values_harmlessly() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    server.send(r#"[{"name":"<img src=x onerror=alert(1)>\u202e"},{"name":"=1+1"}]"#);
    server.settled();
    let filled = visitor.page("/query?sql=SELECT+%27%3C%2Ftextarea%3E%27");
    assert!(filled.contains("SELECT &#39;&#60;/textarea&#62;&#39;"), "{filled}");
    assert!(!filled.contains("id=\"result\""), "a link runs nothing");
    let sql = "sql=SELECT+name,+NULL+AS+none,+12+AS+number+FROM+events+ORDER+BY+name";
    let reply = visitor.submit("/query", sql);
    assert_eq!(reply.status, 200, "{reply:?}");
    let shown = &reply.text;
    assert!(shown.contains("2 rows") && !shown.contains("<img src=x"), "{shown}");
    assert!(shown.contains("<bdi>&lt;img src=x onerror=alert(1)&gt;\\u{202e}</bdi>"), "{shown}");
    let csv = visitor.submit("/query/csv", sql);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(csv.header("content-disposition").unwrap().starts_with("attachment"));
    assert!(csv.text.starts_with("name,none,number\n<img src=x onerror=alert(1)>"), "{csv:?}");
    assert!(csv.text.contains("\n'=1+1,,12\n"), "a spreadsheet must not run it: {csv:?}");
    let wrong = visitor.submit("/query", "sql=SELECT+nothing");
    assert!(wrong.text.contains("role=\"alert\"") && wrong.text.contains("nothing"), "{wrong:?}");
    let change = visitor.submit("/query", "sql=DELETE+FROM+events");
    assert!(change.text.contains("role=\"alert\""), "{change:?}");
}

#[test]
fn a_long_result_is_shown_in_part_and_a_cut_one_says_so_also_as_a_file() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    let statement = |rows: u32| {
        format!(
            "sql=WITH+RECURSIVE+n(x)+AS+(SELECT+1+UNION+ALL+SELECT+x%2B1+FROM+n+LIMIT+{rows})+SELECT+x+FROM+n"
        )
    };
    for (rows, count, says, file) in [
        (500, "500 rows", "", "query.csv"),
        (501, "501 rows", "The first 500 rows are shown. All are in the CSV.", "query.csv"),
        (10_000, "10,000 rows", "The first 500 rows are shown. All are in the CSV.", "query.csv"),
        (
            10_001,
            "10,000 rows",
            "There are more rows, which were cut off by the limits.",
            "query-first-rows-only.csv",
        ),
    ] {
        let shown = visitor.submit("/query", &statement(rows)).text;
        assert!(shown.contains(&format!("<h2 id=\"result\">{count}</h2>")), "{rows}: {shown}");
        assert_eq!(shown.matches("<td class=\"number\">").count(), 500, "{rows}");
        let said: Vec<&str> = ["The first 500 rows", "There are more rows"]
            .into_iter()
            .filter(|it| shown.contains(it))
            .collect();
        assert_eq!(said.len(), usize::from(!says.is_empty()), "{rows}: {said:?}");
        assert!(shown.contains(says), "{rows}");
        let csv = visitor.submit("/query/csv", &statement(rows));
        assert_eq!(csv.text.lines().count(), 1 + rows.min(10_000) as usize);
        let want = format!("attachment; filename=\"{file}\"");
        assert_eq!(csv.header("content-disposition"), Some(&*want), "{rows}");
    }
}

#[test]
fn the_columns_that_the_query_page_lists_are_there() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    let page = visitor.page("/query");
    let parts: Vec<&str> = page.split("<summary><code>").skip(1).collect();
    assert_eq!(parts.len(), 3);
    for part in parts {
        let table = part.split('<').next().unwrap();
        let columns: Vec<&str> =
            part.split("<dt><code>").skip(1).map(|it| it.split('<').next().unwrap()).collect();
        let sql = format!("sql=SELECT+{}+FROM+{table}+LIMIT+1", columns.join(","));
        let reply = visitor.submit("/query", &sql);
        assert!(reply.text.contains("0 rows"), "{table}: {reply:?}");
    }
    for hidden in ["keys", "sessions"] {
        let reply = visitor.submit("/query", &format!("sql=SELECT+hash+FROM+{hidden}"));
        assert!(reply.text.contains("role=\"alert\""), "{hidden}: {reply:?}");
    }
}

#[test]
fn a_viewer_runs_no_statement() {
    let (_dir, server) = server();
    let viewer = viewer(&server);
    assert!(!viewer.page("/query").contains("<button class=\"primary\">Run"));
    assert_eq!(viewer.submit("/query", "sql=SELECT+1").status, 403);
    assert_eq!(viewer.submit("/query/csv", "sql=SELECT+1").status, 403);
}
