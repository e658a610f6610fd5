//! Events that wait for room in storage, and events that make room there.

use lamplight_sdk::client::{Client, FirstClient, FullClient, TrackOutcome};
use lamplight_sdk::keys::StorageKeys;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{PageEvent, StorageError};
use lamplight_wire::Producer;

use crate::page::{FirstPage, FullPage, Page, PageClient, PagePorts, ok, site, status};

const OTHER: Producer = Producer::from_bits(99);

/// `stats().stored` is what this page's keys and values really take.
fn assert_exact<C: PageClient>(page: &Page<C>) {
    assert_eq!(page.counters().stored, page.real_bytes(), "at {} ms", page.now_ms());
}

/// The bytes that an event of this many bytes takes with its key; its number has one digit.
fn with_key<C: PageClient>(page: &Page<C>, bytes: usize) -> usize {
    StorageKeys::new("ll").event(page.client.producer(), 1).len() + bytes
}

#[test]
fn events_that_wait_for_room_are_stored_within_a_second_of_room() {
    fn check<C: PageClient>(is_exact: bool) {
        let site = site();
        let key = StorageKeys::new("ll").event(OTHER, 1);
        site.borrow_mut().values.insert(key.clone(), "x".repeat(63_000));
        let options = Options { storage_bytes_max: 64_000, ..Options::default() };
        let mut page = Page::<C>::open(&site, options);
        page.database = false;
        page.track_bytes(980);
        assert_eq!(page.track_bytes(900).outcome, TrackOutcome::StorageShare);
        // A request takes the events, so only storage is looked at here.
        page.run();
        site.borrow_mut().values.remove(&key);
        page.advance(999);
        assert!(!is_exact || page.real_bytes() < 1_100, "it looks more often than once a second");
        page.advance(1);
        assert!(page.real_bytes() > 1_800);
        assert_exact(&page);
    }
    check::<FirstClient<PagePorts>>(true);
    // A full client looks at other pages' keys at other times too.
    check::<FullClient<PagePorts>>(false);
}

#[test]
fn a_page_without_events_in_memory_does_not_look_every_second() {
    let site = site();
    site.borrow_mut().values.insert(StorageKeys::new("ll").event(OTHER, 1), "x".repeat(63_000));
    let mut page =
        FirstPage::open(&site, Options { storage_bytes_max: 128_000, ..Options::default() });
    page.server = Some(ok());
    page.track(3_000);
    page.track(10);
    page.advance(2_900);
    let scans = page.log.borrow().scans.borrow().len();
    page.advance(60_000);
    assert_eq!(page.log.borrow().scans.borrow().len(), scans);
}

#[test]
fn a_refused_event_is_offered_once_more_in_the_next_task() {
    fn check<C: PageClient>() {
        let mut page = Page::<C>::open(&site(), Options::default());
        page.site.borrow_mut().refuses = Some(StorageError::QuotaExceeded);
        assert_eq!(page.track(10).outcome, TrackOutcome::StorageFull);
        page.site.borrow_mut().refuses = None;
        assert_eq!(page.wakes_in_ms(), Some(0));
        page.run();
        assert_eq!(page.site.borrow().keys("ll:q:").len(), 1);
        assert_exact(&page);
        assert_ne!(page.wakes_in_ms(), Some(0));
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

/// The oldest events of a failing page that has `events` stored events of 1,000 bytes with key.
fn spilled(storage_bytes_max: usize, events: usize, server: u16) -> usize {
    let options = Options { storage_bytes_max, ..Options::default() };
    let mut page = FullPage::open(&site(), options);
    page.server = Some(if server == 200 { ok() } else { status(server) });
    let key = with_key(&page, 0);
    for seq in 1..=events {
        let digits = seq.to_string().len();
        page.track_bytes(1_000 - key + 1 - digits);
    }
    page.advance(5_000);
    page.site.borrow().blocks.len()
}

#[test]
fn while_the_server_fails_a_quarter_of_the_share_stays_free() {
    assert_eq!(spilled(80_000, 60, 500), 0, "exactly three quarters are taken");
    assert_eq!(spilled(80_000, 61, 500), 1, "one block is enough");
    assert_eq!(spilled(79_996, 60, 500), 1);
    assert_eq!(spilled(80_000, 75, 200), 0);
}

#[test]
fn a_page_with_little_in_storage_moves_nothing_out_while_an_eighth_is_free() {
    // An eighth of the share is 10,000 bytes, and a sixty-fourth is 1,250.
    for (foreign, events, blocks) in
        [(59_900, 9, 0), (59_900, 10, 1), (70_500, 1, 0), (70_500, 2, 1)]
    {
        let site = site();
        let key = StorageKeys::new("ll").event(OTHER, 1);
        site.borrow_mut().values.insert(key, "x".repeat(foreign));
        let options = Options { storage_bytes_max: 80_000, ..Options::default() };
        let mut page = FullPage::open(&site, options);
        page.server = Some(status(500));
        let key = with_key(&page, 0);
        for seq in 1usize..=events {
            page.track_bytes(1_000 - key + 1 - seq.to_string().len());
        }
        page.advance(3_000);
        let found = site.borrow().blocks.len();
        assert_eq!(found, blocks, "{events} events beside {foreign} bytes");
        page.event(PageEvent::Frozen);
    }
}

#[test]
fn an_event_that_moved_into_storage_is_read_back_after_the_settle_time() {
    fn check<C: PageClient>() {
        let mut page = Page::<C>::open(&site(), Options::default());
        page.database = false;
        page.advance(5_000);
        page.site.borrow_mut().refuses = Some(StorageError::QuotaExceeded);
        page.track(10);
        page.run();
        // It is offered again after five seconds.
        page.site.borrow_mut().refuses = None;
        page.advance(4_999);
        assert_eq!(page.site.borrow().keys("ll:q:").len(), 0);
        page.advance(1);
        assert_eq!(page.site.borrow().keys("ll:q:").len(), 1);
        page.site.borrow_mut().values.retain(|key, _| !key.contains(":q:"));
        page.advance(249);
        assert_eq!(page.site.borrow().keys("ll:q:").len(), 0);
        page.advance(1);
        assert_eq!(page.site.borrow().keys("ll:q:").len(), 1);
        assert_exact(&page);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn many_events_move_into_storage_a_hundred_in_a_task() {
    // So much may be written before other pages' bytes are counted again.
    let options = Options { storage_bytes_max: 64 << 20, ..Options::default() };
    let mut page = FirstPage::open(&site(), options);
    page.site.borrow_mut().refuses = Some(StorageError::Blocked);
    for _ in 0..250 {
        page.track(10);
    }
    page.site.borrow_mut().refuses = None;
    let mut page = page.hand_over();
    page.database = false;
    for stored in [100, 200, 250] {
        page.client.timer_fired();
        assert_eq!(page.site.borrow().keys("ll:q:").len(), stored);
    }
}
