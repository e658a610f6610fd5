//! The bytes that a page counts in storage, compared with what is really there, and the limit for
//! all pages together.

use lamplight_sdk::client::{Client, FirstClient, FullClient, TrackOutcome};
use lamplight_sdk::keys::StorageKeys;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::StorageError;
use lamplight_sdk::queue::block::BlockName;
use lamplight_wire::Producer;

use crate::page::{FirstPage, FullPage, Page, PageClient, PagePorts, ok, site, status};

const OTHER: Producer = Producer::from_bits(99);

/// `stats().stored` is what this page's keys and values really take.
fn assert_exact<C: PageClient>(page: &Page<C>) {
    assert_eq!(page.counters().stored, page.real_bytes(), "at {} ms", page.now_ms());
}

fn advance_exactly(page: &mut FullPage, ms: u64, step_ms: u64) {
    for _ in 0..ms / step_ms {
        page.advance(step_ms);
        assert_exact(page);
    }
}

/// The bytes that an event of this many bytes takes with its key; its number has one digit.
fn with_key<C: PageClient>(page: &Page<C>, bytes: usize) -> usize {
    StorageKeys::new("ll").event(page.client.producer(), 1).len() + bytes
}

#[test]
fn stored_bytes_are_exact_after_a_write_was_silently_lost() {
    fn check<C: PageClient>() {
        let mut page = Page::<C>::open(&site(), Options::default());
        page.track(10);
        page.track(20);
        let keys = page.site.borrow().keys("ll:q:");
        page.site.borrow_mut().values.remove(&keys[0]);
        page.advance(249);
        assert_eq!(page.site.borrow().keys("ll:q:").len(), 1, "it was written again too early");
        page.advance(1);
        assert_exact(&page);
        assert_eq!(page.site.borrow().keys("ll:q:").len(), 2);

        // Storage still has no room: the event stays in memory and is offered again.
        page.site.borrow_mut().values.remove(&keys[0]);
        page.advance(10_000);
        assert_eq!(page.site.borrow().keys("ll:q:").len(), 1, "a key is read back only once");
        page.track(30);
        page.site.borrow_mut().values.retain(|key, _| !key.ends_with(":3"));
        page.site.borrow_mut().refuses = Some(StorageError::QuotaExceeded);
        page.database = false;
        page.advance(260);
        page.site.borrow_mut().refuses = None;
        page.advance(4_900);
        assert_eq!(page.site.borrow().keys("ll:q:").len(), 1);
        page.advance(200);
        assert_eq!(page.site.borrow().keys("ll:q:").len(), 2);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn stored_bytes_are_exact_when_events_move_into_the_overflow_and_back() {
    let mut page = FullPage::open(&site(), Options::default());
    page.server = Some(status(500));
    for _ in 0..250 {
        page.track(100);
    }
    page.site.borrow_mut().refuses = Some(StorageError::QuotaExceeded);
    page.track(100);
    advance_exactly(&mut page, 5_000, 10);
    assert_eq!(page.real_bytes(), 0, "the host page gets the room");
    assert_eq!(page.site.borrow().blocks.len(), 4);
    assert_eq!(page.counters().queued, 251);
    page.site.borrow_mut().refuses = None;
    page.server = Some(ok());
    advance_exactly(&mut page, 60_000, 100);
    assert_eq!((page.counters().sent, page.counters().queued), (251, 0));
    assert!(page.site.borrow().blocks.is_empty());
}

#[test]
fn stored_bytes_are_exact_after_the_full_client_takes_over() {
    let mut first = FirstPage::open(&site(), Options::default());
    for padding in 0..20 {
        first.track(padding);
        assert_exact(&first);
    }
    first.site.borrow_mut().refuses = Some(StorageError::QuotaExceeded);
    first.track(7);
    first.site.borrow_mut().refuses = None;
    let stored = first.counters().stored;
    let mut full = first.hand_over();
    assert_eq!(full.counters().stored, stored);
    assert_exact(&full);
    full.server = Some(ok());
    advance_exactly(&mut full, 2_000, 10);
    assert_eq!((full.counters().stored, full.counters().sent), (0, 21));
}

#[test]
fn stored_bytes_are_exact_when_consent_is_withdrawn() {
    let mut page = FullPage::open(&site(), Options::default());
    page.server = Some(status(500));
    for _ in 0..600 {
        page.track(10);
    }
    page.advance(20_000);
    page.client.withdraw(false);
    assert_eq!((page.counters().stored, page.real_bytes()), (0, 0));
    let counters = page.counters();
    assert_eq!((counters.queued, counters.queued_bytes, counters.opted_out), (0, 0, 600));
}

#[test]
fn an_event_may_take_the_last_byte_of_the_share_and_no_more() {
    fn check<C: PageClient>() {
        for (more, outcome) in
            [(1, TrackOutcome::Stored), (0, TrackOutcome::Stored), (-1, TrackOutcome::StorageShare)]
        {
            let sample = Page::<C>::open(&site(), Options::default());
            let bytes_max = 2 * with_key(&sample, 600);
            let storage_bytes_max = bytes_max.saturating_add_signed(more);
            let options = Options { storage_bytes_max, ..Options::default() };
            let mut page = Page::<C>::open(&site(), options);
            assert_eq!(page.track_bytes(600).outcome, TrackOutcome::Stored);
            assert_eq!(page.track_bytes(600).outcome, outcome, "{more}");
        }
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn other_pages_events_and_blocks_count_with_their_keys() {
    fn check<C: PageClient>() {
        let keys = StorageKeys::new("ll");
        let block = BlockName { producer: OTHER, number: 1, events: 2, bytes: 30_000 };
        let values = [
            (keys.event(OTHER, 1), "x".repeat(7_000)),
            (keys.event(OTHER, 22), "x".repeat(8_000)),
            (keys.block(block), "x".repeat(30_000)),
        ];
        let foreign: usize = values.iter().map(|(key, value)| key.len() + value.len()).sum();
        for (more, outcome) in
            [(1, TrackOutcome::Stored), (0, TrackOutcome::Stored), (-1, TrackOutcome::StorageShare)]
        {
            let site = site();
            site.borrow_mut().values.extend(values.clone());
            // Neither a heartbeat nor another namespace takes a part of the share.
            site.borrow_mut().values.insert(keys.heartbeat(OTHER), "1:23".repeat(100));
            site.borrow_mut()
                .values
                .insert(StorageKeys::new("mm").event(OTHER, 1), "x".repeat(900));
            let sample = Page::<C>::open(&site, Options::default());
            let own = with_key(&sample, 2_000) + with_key(&sample, 9_000);
            let options = Options {
                storage_bytes_max: (foreign + own).saturating_add_signed(more),
                ..Options::default()
            };
            let mut page = Page::<C>::open(&site, options);
            // So much that the page looks at other pages' keys before the next event.
            assert_eq!(page.track_bytes(2_000).outcome, TrackOutcome::Stored);
            assert_eq!(page.track_bytes(9_000).outcome, outcome, "{more}");
        }
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn a_page_counts_other_pages_bytes_after_each_eighth_of_the_share() {
    fn check<C: PageClient>() {
        let options = Options { storage_bytes_max: 80_000, ..Options::default() };
        let mut page = Page::<C>::open(&site(), options);
        let key = with_key(&page, 0);
        let track = |page: &mut Page<C>, bytes: usize| {
            let before = page.log.borrow().scans.borrow().len();
            assert_eq!(page.track_bytes(bytes - key).outcome, TrackOutcome::Stored);
            page.log.borrow().scans.borrow().len() > before
        };
        // A new page knows nothing, so it may write only a sixty-fourth.
        assert!(!track(&mut page, 1_250));
        assert!(!track(&mut page, 600));
        assert!(track(&mut page, 4_000));
        assert!(!track(&mut page, 6_000));
        assert!(!track(&mut page, 700), "exactly an eighth was written");
        assert!(track(&mut page, 700));
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}
