//! What the pages show to admins and viewers.

use super::tab::{Tab, figure};
use crate::console::visitor::Visitor;
use crate::harness::{ADMIN_TOKEN, Server};

fn viewer(server: &Server) -> Visitor<'_> {
    let headers = [
        ("authorization", &*format!("Bearer {ADMIN_TOKEN}")),
        ("content-type", "application/json"),
    ];
    let made = server.call("POST", "/api/keys", &headers, br#"{"kind":"viewer","source":"c"}"#);
    Visitor::with_token(server, made.json()["key"].as_str().unwrap())
}

#[test]
fn the_list_is_filtered_by_source_verdict_and_producer_and_has_pages() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let visitor = Visitor::admin(&server);
    assert!(visitor.page("/producers").contains("No numbered event has arrived yet"));
    let mut tabs: Vec<Tab> = (1..=9).map(Tab::new).collect();
    for (at, tab) in tabs.iter_mut().enumerate() {
        tab.make(10);
        match at % 3 {
            1 => tab.lose_keys([2]),
            2 => tab.drop_with("rejected", 5, 6),
            _ => {}
        }
        tab.send_all(&server);
        server.settled();
    }
    let listed = |query: &str| -> Vec<usize> {
        let page = visitor.page(&format!("/producers{query}"));
        let ids = page.split("<a class=\"id\" href=\"/producers/").skip(1);
        ids.map(|id| tabs.iter().position(|tab| id.starts_with(&tab.producer.to_string())).unwrap())
            .collect()
    };
    assert_eq!(listed(""), [8, 7, 6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(listed("?source=web&verdict=&producer="), [8, 7, 6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(listed("?verdict=incomplete"), [8, 7, 5, 4, 2, 1]);
    assert_eq!(listed("?verdict=declared"), [8, 5, 2]);
    assert_eq!(listed("?verdict=in_flight"), [7, 4, 1]);
    assert_eq!(listed("?verdict=complete"), [6, 3, 0]);
    assert_eq!(listed("?source=nobody"), [0_usize; 0]);
    assert_eq!(listed(&format!("?producer={}", tabs[4].producer)), [4]);
    for (verdict, want) in [("incomplete", vec![8, 7, 5, 4, 2, 1]), ("", (0..9).rev().collect())] {
        let (mut seen, mut query) = (Vec::new(), format!("?limit=2&verdict={verdict}"));
        loop {
            seen.extend(listed(&query));
            let page = visitor.page(&format!("/producers{query}"));
            let Some((before, _)) = page.split_once("\" rel=\"next\"") else { break };
            let next = before.rsplit("cursor=").next().unwrap();
            query =
                format!("?limit=2&verdict={verdict}&cursor={}", next.split('"').next().unwrap());
        }
        assert_eq!(seen, want, "{verdict}");
    }
    for query in ["?nmae=a", "?verdict=odd", "?cursor=x", "?producer=x", "?limit=0"] {
        assert_eq!(visitor.get(&format!("/producers{query}")).status, 400, "{query}");
    }
    let twin = visitor.get("/producers?verdict=&source=web&format=json");
    assert_eq!(twin.header("location"), Some("/api/producers?source=web"));
    let twin = visitor.get(&format!("{}?after=5&format=json", tabs[1].page()));
    let want = format!("/api/producers?producer={}&after=5", tabs[1].producer);
    assert_eq!(twin.header("location"), Some(&*want));
    let api = visitor.get("/api/producers?verdict=incomplete&limit=4").json();
    assert_eq!(api["producers"].as_array().unwrap().len(), 4);
}

#[test]
fn a_producer_has_a_strip_neighbours_and_pages_of_ranges() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut tab = Tab::new(7);
    tab.make(500);
    tab.lose_keys((1..=250).map(|at| at * 2));
    tab.send_all(&server);
    server.settled();
    let visitor = Visitor::admin(&server);
    let page = visitor.page(&tab.page());
    assert_eq!(page.matches("<th scope=\"row\" class=\"number nowrap\">").count(), 100);
    assert!(
        page.contains(
            "aria-label=\"Numbers 1 to 500: 250 arrived, 0 declared as dropped, 250 in flight\""
        ),
        "{page}"
    );
    assert!(page.contains("<title>1–5: 3 arrived, 2 in flight</title>"), "{page}");
    assert_eq!(page.matches("<title>").count() - 1, 100, "a cell for five numbers each");
    let event = format!("href=\"/events/{}-3?source=web\"", tab.producer);
    assert_eq!(page.matches(&event).count(), 2, "after 2 and before 4");
    assert!(
        page.contains(&format!("/events?producer={}&amp;source=web", tab.producer))
            || page.contains(&format!("/events?producer={}&#38;source=web", tab.producer)),
        "{page}"
    );
    assert!(page.contains("after=200"), "{page}");
    let last = visitor.page(&format!("{}?source=web&after=400", tab.page()));
    assert_eq!(last.matches("<th scope=\"row\" class=\"number nowrap\">").count(), 50);
    assert!(last.contains("First page") && !last.contains("Next page"), "{last}");
    for path in ["/producers/nobody", "/producers/00000000000000000000000001"] {
        assert_eq!(visitor.get(path).status, 404, "{path}");
    }
    assert_eq!(visitor.get(&format!("{}?aftr=1", tab.page())).status, 400);
}

#[test]
fn reasons_from_clients_are_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut tab = Tab::new(1);
    tab.make(12);
    tab.drop_with("<img src=x onerror=a>", 2, 3);
    tab.drop_with("\u{202e}gnp\u{0}", 5, 5);
    tab.drop_with("{{7*7}}", 7, 7);
    tab.send_all(&server);
    server.settled();
    let visitor = Visitor::admin(&server);
    for page in [visitor.page("/producers"), visitor.page(&tab.page())] {
        assert!(!page.contains("<img src=x"), "{page}");
        assert!(page.contains("&lt;img src=x onerror=a&gt;"), "{page}");
        assert!(page.contains("\\u{202e}gnp\\u{0}") && page.contains("{{7*7}}"), "{page}");
    }
}

#[test]
fn an_admin_forgets_a_source_after_seeing_the_count_and_a_viewer_cannot() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut tab = Tab::new(1);
    tab.make(10);
    tab.drop_with("quota", 2, 2);
    tab.lose_keys([5, 6]);
    tab.send_all(&server);
    server.settled();
    let (admin, viewer) = (Visitor::admin(&server), viewer(&server));
    let page = viewer.page("/producers");
    assert!(!page.contains("/producers/forget"), "{page}");
    assert_eq!(viewer.get("/producers/forget?source=web").status, 403);
    assert_eq!(viewer.submit("/producers/forget", "source=web").status, 403);
    assert!(admin.page("/producers").contains("/producers/forget?source=web"));
    let page = admin.page("/producers/forget?source=web");
    assert!(page.contains("Forget 3 numbers"), "{page}");
    assert_eq!(figure(&page, "In flight or lost"), 2);
    assert_eq!(admin.get("/producers/forget?source=nobody").status, 404);
    assert_eq!(admin.submit("/producers/forget", "source=nobody").status, 404);
    assert_eq!(figure(&admin.page("/producers"), "In flight"), 2, "nothing was changed");
    let done = admin.submit("/producers/forget", "source=web");
    assert_eq!((done.status, done.header("location")), (303, Some("/producers?source=web")));
    let page = admin.page("/producers");
    assert_eq!(["Made", "In flight", "Declared"].map(|it| figure(&page, it)), [7, 0, 0]);
    let page = admin.page(&tab.page());
    assert!(
        page.contains("Its source was forgotten: up to 10, only numbers that arrived count."),
        "{page}"
    );
}
