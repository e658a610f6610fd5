//! The limit for events that only memory has.

use lamplight_sdk::client::{FirstClient, FullClient, TrackOutcome};
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::StorageError;

use crate::page::{FirstPage, FullPage, Page, PageClient, PagePorts, ok, site, status};

const EVENT_BYTES: usize = 500;

fn options(memory_bytes_max: usize) -> Options {
    Options { memory_bytes_max, ..Options::default() }
}

/// A page whose storage takes nothing, and that has no database.
fn refused<C: PageClient>(memory_bytes_max: usize, error: StorageError) -> Page<C> {
    let mut page = Page::open(&site(), options(memory_bytes_max));
    page.site.borrow_mut().refuses = Some(error);
    page.database = false;
    page
}

/// How many events fit before the first one is dropped.
fn fits<C: PageClient>(page: &mut Page<C>) -> u64 {
    let (before, dropped) = (page.counters().queued, page.counters().quota);
    while page.track_bytes(EVENT_BYTES).outcome != TrackOutcome::Quota {
        assert!(page.counters().queued < 100, "nothing is dropped");
    }
    assert_eq!(page.counters().quota, dropped + 1);
    page.counters().queued - before
}

#[test]
fn the_memory_limit_holds_to_the_byte() {
    fn check<C: PageClient>() {
        for error in [StorageError::Blocked, StorageError::QuotaExceeded] {
            for (bytes, events) in [
                (4 * EVENT_BYTES, 4),
                (4 * EVENT_BYTES - 1, 3),
                (4 * EVENT_BYTES + 1, 4),
                (5 * EVENT_BYTES - 1, 4),
                (EVENT_BYTES - 1, 0),
            ] {
                let mut page = refused::<C>(bytes, error);
                assert_eq!(fits(&mut page), events, "{bytes} {error:?}");
            }
        }
        let without_share = Options { storage_bytes_max: 0, ..options(3 * EVENT_BYTES) };
        let mut page = Page::<C>::open(&site(), without_share);
        page.database = false;
        assert_eq!(fits(&mut page), 3);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn stored_events_take_nothing_from_the_memory_limit() {
    fn check<C: PageClient>() {
        let mut page = Page::<C>::open(&site(), options(EVENT_BYTES));
        for _ in 0..5 {
            assert_eq!(page.track_bytes(EVENT_BYTES).outcome, TrackOutcome::Stored);
        }
        page.site.borrow_mut().refuses = Some(StorageError::Blocked);
        assert_eq!(fits(&mut page), 1);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn accepted_events_free_memory() {
    fn check<C: PageClient>() {
        for error in [StorageError::Blocked, StorageError::QuotaExceeded] {
            let mut page = refused::<C>(4 * EVENT_BYTES, error);
            assert_eq!(fits(&mut page), 4);
            page.run();
            page.answer_all(&ok());
            assert_eq!(page.counters().queued, 0);
            assert_eq!(fits(&mut page), 4);
        }
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn events_that_move_into_storage_free_memory() {
    fn check<C: PageClient>() {
        let mut page = refused::<C>(4 * EVENT_BYTES, StorageError::QuotaExceeded);
        assert_eq!(fits(&mut page), 4);
        page.site.borrow_mut().refuses = None;
        page.run();
        assert_eq!(page.site.borrow().keys("ll:q:").len(), 4);
        page.site.borrow_mut().refuses = Some(StorageError::Blocked);
        assert_eq!(fits(&mut page), 4);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn events_that_move_into_the_overflow_free_memory() {
    for error in [StorageError::Blocked, StorageError::QuotaExceeded] {
        let mut page = refused::<FullClient<PagePorts>>(4 * EVENT_BYTES, error);
        page.server = Some(status(500));
        assert_eq!(fits(&mut page), 4);
        page.database = true;
        page.advance(100);
        assert_eq!(page.site.borrow().blocks.len(), 1);
        page.database = false;
        assert_eq!(fits(&mut page), 4);
    }
}

#[test]
fn an_event_that_storage_lost_takes_memory() {
    fn check<C: PageClient>() {
        let mut page = Page::<C>::open(&site(), options(3 * EVENT_BYTES));
        page.database = false;
        page.track_bytes(EVENT_BYTES);
        page.track_bytes(EVENT_BYTES);
        page.site.borrow_mut().values.retain(|key, _| !key.contains(":q:"));
        page.site.borrow_mut().refuses = Some(StorageError::QuotaExceeded);
        page.advance(250);
        assert_eq!((page.counters().stored, page.counters().queued), (0, 2));
        assert_eq!(fits(&mut page), 1);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn withdrawn_events_free_memory() {
    fn check<C: PageClient>() {
        let mut page = refused::<C>(2 * EVENT_BYTES, StorageError::Blocked);
        assert_eq!(fits(&mut page), 2);
        page.client.withdraw(false);
        assert_eq!(page.counters().queued, 0);
        assert_eq!(fits(&mut page), 2);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn events_in_memory_still_take_memory_after_the_full_client_takes_over() {
    let mut first = FirstPage::open(&site(), options(4 * EVENT_BYTES));
    first.database = false;
    first.track_bytes(EVENT_BYTES);
    first.site.borrow_mut().refuses = Some(StorageError::Blocked);
    for _ in 0..3 {
        first.track_bytes(EVENT_BYTES);
    }
    let mut full: FullPage = first.hand_over();
    assert_eq!(fits(&mut full), 1);
}
