//! Person and session after the full client takes over.

use lamplight_sdk::client::Client;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::StorageError;
use lamplight_wire::batch::Body;

use crate::page::{FirstPage, FullPage, Page, PageClient, ok, site};

/// The last event that a page sent, as JSON.
fn last_event<C: PageClient>(page: &Page<C>) -> serde_json::Value {
    let sent = page.sent();
    let body = Body::read(&sent.last().unwrap().body).unwrap();
    serde_json::from_str(body.events.last().unwrap()).unwrap()
}

#[test]
fn person_session_and_context_stay_the_same() {
    for stored in [true, false] {
        let mut first = FirstPage::open(&site(), Options::default());
        if !stored {
            first.site.borrow_mut().refuses = Some(StorageError::Blocked);
        }
        first.client.identify(Some("u \\\"1\\n:2"));
        first.client.set_context(r#"{"url":"/a b"}"#);
        first.track(1);
        first.run();
        let before = last_event(&first);
        first.answer_all(&ok());
        let mut full = first.hand_over();
        full.advance(1_000);
        full.track(1);
        full.advance(1_000);
        let after = last_event(&full);
        for member in ["user", "session", "context"] {
            assert!(before[member].is_object() || before[member].is_string(), "{before}");
            assert_eq!(after[member], before[member]);
        }
        assert_eq!(after["seq"], 2);
    }
}

#[test]
fn whether_the_person_is_stored_crosses() {
    // A person that storage never held does not follow other tabs.
    let mut first = FirstPage::open(&site(), Options::default());
    first.site.borrow_mut().refuses = Some(StorageError::Blocked);
    first.client.identify(Some("u-1"));
    first.site.borrow_mut().refuses = None;
    let mut full = first.hand_over();
    full.site.borrow_mut().values.insert("ll:u".into(), "someone:u-2".into());
    full.advance(10_000);
    full.track(1);
    full.run();
    assert_eq!(last_event(&full)["user"]["id"], "u-1");

    let mut first = FirstPage::open(&site(), Options::default());
    first.client.identify(Some("u-1"));
    let mut full = first.hand_over();
    full.site.borrow_mut().values.insert("ll:u".into(), "someone:u-2".into());
    full.advance(10_000);
    full.track(1);
    full.run();
    assert_eq!(last_event(&full)["user"]["id"], "u-2");
}

#[test]
fn the_session_ends_and_is_written_at_the_same_times() {
    let half_an_hour_ms = 30 * 60_000;
    let open = || {
        let mut first = FirstPage::open(&site(), Options::default());
        first.server = Some(ok());
        first.track(1);
        first.run();
        first
    };
    let mut first = open();
    let before = last_event(&first)["session"].clone();
    first.advance(half_an_hour_ms - 1_000);
    let mut full = first.hand_over();
    // Other tabs' sessions must not hide when this one ends.
    full.site.borrow_mut().values.remove("ll:s");
    full.advance(1_000);
    full.track(1);
    full.advance(1_000);
    assert_ne!(last_event(&full)["session"], before);

    let full = open().hand_over();
    let written = |page: &FullPage| page.site.borrow().values["ll:s"].clone();
    let at_start = written(&full);
    for (wait_ms, is_written) in [(59_999, false), (60_000, true)] {
        let mut full = open().hand_over();
        full.advance(wait_ms);
        full.track(1);
        assert_eq!(written(&full) != at_start, is_written, "{wait_ms}");
    }
}
