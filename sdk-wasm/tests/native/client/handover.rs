//! Everything that crosses from the first client to the full one.

use lamplight_sdk::client::{Client, FullClient, NewEvent, TrackOutcome};
use lamplight_sdk::notes::Note;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{PageEvent, StorageError};
use lamplight_wire::limits::PROPERTIES_BYTES_MAX;

use crate::page::{Counters, FirstPage, Page, Sent, ok, retry_after, site, status};

/// A page with a user, a context, sent, waiting and dropped events, after a failure.
fn rich() -> FirstPage {
    let options = Options { memory_bytes_max: 1_000, ..Options::default() };
    let mut page = FirstPage::open(&site(), options);
    page.database = false;
    page.client.identify(Some("u-1"));
    page.client.set_context(r#"{"url":"/a"}"#);
    for _ in 0..3 {
        page.track(5);
    }
    page.advance(0);
    page.answer_all(&ok());
    for _ in 0..2 {
        page.track(50);
    }
    page.track(PROPERTIES_BYTES_MAX);
    page.site.borrow_mut().refuses = Some(StorageError::Blocked);
    page.track(100);
    page.track(900);
    page.track(900);
    page.site.borrow_mut().refuses = None;
    page.advance(700);
    page.answer_all(&retry_after(40_000));
    page
}

#[test]
fn every_counter_is_the_same_after_the_full_client_takes_over() {
    let first = rich();
    let before = first.counters();
    let is_rich = Counters {
        made: 9,
        queued: 3,
        sent: 3,
        requests: 2,
        last_error: 504,
        last_flush: 1,
        quota: 2,
        rejected: 0,
        too_large: 1,
        opted_out: 0,
        ..before
    };
    assert_eq!(before, is_rich);
    assert!(before.queued_bytes > 0 && before.stored > 0 && before.backoff_ms > 30_000);
    let producer = first.client.producer();
    let full = first.hand_over();
    assert_eq!(full.counters(), before);
    assert_eq!(full.client.producer(), producer);
}

#[test]
fn each_reason_of_the_last_request_crosses() {
    let flush = |act: &dyn Fn(&mut FirstPage)| {
        let mut first = FirstPage::open(&site(), Options::default());
        first.track(1);
        act(&mut first);
        first.answer_all(&ok());
        let before = first.counters().last_flush;
        assert_eq!(first.hand_over().counters().last_flush, before);
        before
    };
    assert_eq!(flush(&|_| {}), 0);
    assert_eq!(flush(&Page::run), 1);
    let full = |first: &mut FirstPage| {
        for _ in 0..100 {
            first.track(1);
        }
        first.run();
    };
    assert_eq!(flush(&full), 2);
    assert_eq!(flush(&|first| first.event(PageEvent::Hidden)), 3);
    let manual = |first: &mut FirstPage| {
        first.flush();
        first.run();
    };
    assert_eq!(flush(&manual), 4);
    let recovered = |first: &mut FirstPage| {
        first.run();
        first.answer_all(&status(500));
        first.advance(60_000);
    };
    assert_eq!(flush(&recovered), 6);
}

#[test]
fn each_kind_of_dropped_event_crosses_and_is_declared_once() {
    let mut full = rich().hand_over();
    full.server = Some(ok());
    full.advance(60_000);
    let dropped: Vec<_> = full.sent().iter().flat_map(Sent::dropped).collect();
    let producer = full.client.producer();
    let expected = [
        (producer, "too_large".to_owned(), [(6, 6)].into_iter().collect()),
        (producer, "quota".to_owned(), [(8, 9)].into_iter().collect()),
    ];
    // Neither is told again or counted again.
    for one in expected {
        assert_eq!(dropped.iter().filter(|known| **known == one).count(), 1, "{dropped:?}");
    }
    assert_eq!(dropped.len(), 2);
    let counters = full.counters();
    assert_eq!((counters.quota, counters.too_large), (2, 1));
    let told = full.notes.iter().filter(|note| matches!(note, Note::Dropped { .. })).count();
    assert_eq!(told, 3);
}

#[test]
fn withdrawn_events_cross_as_opted_out() {
    let mut first = FirstPage::open(&site(), Options::default());
    first.track(1);
    first.track(1);
    first.client.withdraw(false);
    let before = first.counters();
    assert_eq!((before.opted_out, before.queued), (2, 0));
    let mut full = first.hand_over();
    assert_eq!(full.counters(), before);
    assert!(full.client.is_withdrawn());
    full.server = Some(ok());
    full.advance(1_000);
    let dropped: Vec<_> = full.sent().iter().flat_map(Sent::dropped).collect();
    assert_eq!(dropped.len(), 1);
    assert_eq!((dropped[0].1.as_str(), dropped[0].2.count()), ("opted_out", 2));
}

#[test]
fn a_retry_after_time_still_holds_and_the_network_does_not_end_it() {
    let mut full = rich().hand_over();
    let wait_ms = full.counters().backoff_ms;
    full.advance(10);
    full.event(PageEvent::Online);
    full.advance(wait_ms - 11);
    assert_eq!(full.sent().len(), 2);
    full.advance(1);
    assert_eq!(full.sent().len(), 3);
}

#[test]
fn a_backoff_continues_where_it_was_and_the_network_ends_it() {
    let failed = || {
        let mut first = FirstPage::open(&site(), Options::default());
        // With these bits, each wait is the longest that is possible.
        first.site.borrow_mut().fixed_random = Some(u32::MAX - 1);
        first.track(1);
        for _ in 0..4 {
            first.run();
            first.answer_all(&status(500));
            let wait_ms = first.counters().backoff_ms;
            first.advance(wait_ms);
        }
        first.answer_all(&status(500));
        first
    };
    let mut first = failed();
    let before = first.counters().backoff_ms;
    // The rest of the wait is too short to become the page that retries for all.
    first.advance(before - 300);
    let mut full = first.hand_over();
    assert_eq!(full.counters().backoff_ms, 300);
    let requests = full.sent().len();
    full.advance(299);
    assert_eq!(full.sent().len(), requests);
    full.advance(1);
    assert_eq!(full.sent().len(), requests + 1, "it waits longer than the first client would");

    let mut full = failed().hand_over();
    full.event(PageEvent::Online);
    full.run();
    assert_eq!(full.sent().len(), requests + 1);
    // The number of failures decides how long the next wait may be: 2^6 s and at most a minute.
    let mut full = failed().hand_over();
    full.site.borrow_mut().fixed_random = Some(59_000);
    full.event(PageEvent::Online);
    full.run();
    full.answer_all(&status(500));
    assert_eq!(full.counters().backoff_ms, 60_000);
}

#[test]
fn the_interval_since_the_last_request_crosses() {
    let mut first = FirstPage::open(&site(), Options::default());
    first.track(1);
    first.run();
    first.answer_all(&ok());
    first.track(1);
    first.advance(100);
    let mut full = first.hand_over();
    full.advance(399);
    assert_eq!(full.sent().len(), 1);
    full.advance(1);
    assert_eq!(full.sent().len(), 2);
    // Without a request so far, nothing is waited for.
    let mut first = FirstPage::open(&site(), Options::default());
    first.track(1);
    let mut full = first.hand_over();
    full.run();
    assert_eq!(full.sent().len(), 1);
}

#[test]
fn the_heartbeat_continues_to_count_and_is_removed_at_the_end() {
    let mut first = FirstPage::open(&site(), Options::default());
    first.track(1);
    first.run();
    first.advance(15_000);
    first.advance(15_000);
    assert_eq!(first.heartbeat().as_deref(), Some("2:2"));
    first.advance(1_000);
    first.answer_all(&status(500));
    let mut full = first.hand_over();
    full.advance(14_000);
    assert_eq!(full.heartbeat().as_deref(), Some("2:2"));
    full.advance(1_000);
    assert_eq!(full.heartbeat().as_deref(), Some("3:2"));
    full.server = Some(ok());
    full.answer_all(&ok());
    full.advance(90_000);
    assert_eq!(full.heartbeat(), None);
}

#[test]
fn a_heartbeat_without_events_is_removed_by_the_full_client() {
    // The first client wrote one for an event that memory had, and that was answered.
    let mut first = FirstPage::open(&site(), Options::default());
    first.track(PROPERTIES_BYTES_MAX);
    first.run();
    assert_eq!(first.heartbeat().as_deref(), Some("1:2"));
    let mut full = first.hand_over();
    full.server = Some(ok());
    full.advance(1_000);
    assert_eq!(full.sent().len(), 1, "the drop is declared");
    assert_eq!(full.heartbeat(), None);
    // A page without a heartbeat removes none, and leaves none.
    let mut full = FirstPage::open(&site(), Options::default()).hand_over();
    full.event(PageEvent::Left);
    assert_eq!(full.heartbeat(), None);
}

#[test]
fn a_key_that_was_not_read_back_yet_is_read_back_by_the_full_client() {
    let mut first = FirstPage::open(&site(), Options::default());
    first.track(1);
    first.track(1);
    first.run();
    first.advance(250);
    first.answer_all(&status(500));
    first.track(1);
    let mut full = first.hand_over();
    full.database = false;
    let keys = full.site.borrow().keys("ll:q:");
    full.site.borrow_mut().values.retain(|key, _| !key.contains(":q:"));
    full.advance(250);
    assert_eq!(full.site.borrow().keys("ll:q:"), keys[2..], "old keys are not read back again");
}

#[test]
fn events_in_memory_move_into_storage_or_the_overflow() {
    let handed = |database| {
        let mut first = FirstPage::open(&site(), Options::default());
        first.site.borrow_mut().refuses = Some(StorageError::Blocked);
        first.track(1);
        assert_eq!(first.track(1).outcome, TrackOutcome::StorageBlocked);
        first.run();
        first.answer_all(&status(500));
        let mut full = first.hand_over();
        full.database = database;
        full
    };
    let mut full = handed(false);
    full.site.borrow_mut().refuses = None;
    full.run();
    assert_eq!(full.site.borrow().keys("ll:q:").len(), 2);
    let mut full = handed(true);
    full.run();
    assert_eq!(full.site.borrow().blocks.len(), 1);
}

#[test]
fn the_first_client_hands_over_only_between_requests() {
    let mut first = FirstPage::open(&site(), Options::default());
    first.track(1);
    first.run();
    assert_eq!(first.client.hand_over(), None, "a request is in flight");
    first.flush();
    first.answer_all(&ok());
    assert!(first.client.hand_over().is_some());
    assert_eq!(first.client.next_wake_ms(), None);
    assert_eq!(first.client.track(&NewEvent::default()).outcome, TrackOutcome::Closed);

    let mut first = FirstPage::open(&site(), Options::default());
    first.event(PageEvent::Frozen);
    assert_eq!(first.client.hand_over(), None, "the page is frozen");
    first.event(PageEvent::Back);
    first.track(1);
    first.flush();
    assert_eq!(first.client.hand_over(), None, "a flush was requested");
}

#[test]
fn a_broken_state_starts_a_new_client() {
    let mut first = FirstPage::open(&site(), Options::default());
    first.track(1);
    let state = first.client.hand_over().unwrap();
    for broken in ["", "no line", "nobody 1 2\n", &state[1..]] {
        let full = FullClient::take_over(first.ports(), Options::default(), broken);
        assert_ne!(full.producer(), first.client.producer());
        assert_eq!(full.counters()[0], 0);
    }
}
