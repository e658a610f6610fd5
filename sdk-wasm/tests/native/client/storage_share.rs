//! The bytes that a page counts in storage, compared with what is really there, and the limit for
//! all pages together.

use lamplight_sdk::client::{Client, FirstClient, FullClient, TrackOutcome};
use lamplight_sdk::keys::StorageKeys;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{PageEvent, StorageError};
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

fn blocks(page: &FullPage) -> usize {
    page.site.borrow().keys("ll:b:").len()
}

/// The bytes that an event of this many bytes takes with its key; its number has one digit.
fn with_key<C: PageClient>(page: &Page<C>, bytes: usize) -> usize {
    StorageKeys::new("ll").event(page.client.producer(), 1).len() + bytes
}

#[test]
fn stored_bytes_are_exact_while_a_backlog_is_compacted_and_sent() {
    let mut page = FullPage::open(&site(), Options::default());
    page.server = Some(status(500));
    for _ in 0..750 {
        page.track(100);
        assert_exact(&page);
    }
    let singles = page.counters().stored;
    advance_exactly(&mut page, 90_000, 250);
    assert!(blocks(&page) >= 2, "nothing was compacted");
    assert!(page.counters().stored < singles, "blocks take less than keys of their own");
    page.server = Some(ok());
    advance_exactly(&mut page, 90_000, 250);
    assert_eq!((page.counters().stored, page.counters().queued), (0, 0));
}

#[test]
fn stored_bytes_are_exact_when_compaction_and_sending_meet() {
    // Responses come while a new block has not been read back, or when only part of it is left.
    for late_ms in [0, 10, 100, 249, 250, 251] {
        let mut page = FullPage::open(&site(), Options { events_max: 30, ..Options::default() });
        page.server = Some(status(500));
        for _ in 0..560 {
            page.track(100);
        }
        while blocks(&page) == 0 {
            page.advance(50);
            assert_exact(&page);
        }
        page.server = None;
        page.advance(late_ms);
        while page.counters().queued > 0 && page.now_ms() < 200_000 {
            page.answer_all(&ok());
            assert_exact(&page);
            page.advance(25);
            assert_exact(&page);
        }
        assert_eq!((page.counters().stored, page.counters().queued), (0, 0), "{late_ms}");
    }
}

#[test]
fn a_block_that_storage_lost_leaves_the_bytes_exact() {
    let mut page = FullPage::open(&site(), Options::default());
    page.server = Some(status(500));
    for _ in 0..600 {
        page.track(100);
    }
    while blocks(&page) == 0 {
        page.advance(50);
    }
    let made_ms = page.now_ms();
    page.site.borrow_mut().values.retain(|key, _| !key.starts_with("ll:b:"));
    page.advance(1_000);
    assert_exact(&page);
    assert_eq!(page.counters().queued, 600);
    // Storage is not trusted with another block for a minute.
    page.advance(58_000);
    assert_eq!(blocks(&page), 0);
    page.advance(10_000 + page.now_ms().abs_diff(made_ms + 60_000));
    assert!(blocks(&page) > 0);
    assert_exact(&page);
}

#[test]
fn compaction_writes_blocks_of_a_hundred_events_and_stops_at_five_hundred_keys() {
    for (events, compacted) in [(500, 0), (501, 1), (600, 1), (601, 2)] {
        let mut page = FullPage::open(&site(), Options::default());
        page.server = Some(status(500));
        for _ in 0..events {
            page.track(0);
        }
        page.advance(90_000);
        assert_eq!(blocks(&page), compacted, "{events}");
        let names = page.site.borrow().keys("ll:b:");
        for name in &names {
            assert!(name.contains(":100:"), "{name}");
        }
        let singles = page.site.borrow().keys("ll:q:").len();
        assert_eq!(singles, events - 100 * compacted);
    }
}

#[test]
fn a_block_of_fewer_than_ten_events_is_not_worth_writing() {
    for (bytes, compacted) in [(6_100, 0), (5_980, 1)] {
        let mut page = FullPage::open(&site(), Options::default());
        page.server = Some(status(500));
        // A block takes nine of these events, or ten.
        for _ in 0..10 {
            page.track_bytes(bytes);
        }
        for _ in 0..500 {
            page.track(0);
        }
        page.advance(90_000);
        assert_eq!(blocks(&page), compacted);
    }
}

#[test]
fn while_the_server_answers_nothing_is_compacted() {
    let mut page = FullPage::open(&site(), Options { events_max: 1_000, ..Options::default() });
    for _ in 0..700 {
        page.track(0);
    }
    page.advance(20_000);
    assert_eq!(blocks(&page), 0);
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
fn a_page_with_little_in_storage_moves_nothing_out() {
    let site = site();
    site.borrow_mut().values.insert(StorageKeys::new("ll").event(OTHER, 1), "x".repeat(68_000));
    for (events, blocks) in [(9, 0), (10, 1)] {
        // An eighth of the share is 10,000 bytes.
        let options = Options { storage_bytes_max: 80_000, ..Options::default() };
        let mut page = FullPage::open(&site, options);
        page.server = Some(status(500));
        let key = with_key(&page, 0);
        for seq in 1usize..=events {
            page.track_bytes(1_000 - key + 1 - seq.to_string().len());
        }
        page.advance(3_000);
        assert_eq!(site.borrow().blocks.len(), blocks, "{events} events");
        site.borrow_mut().values.retain(|key, _| key.contains(&OTHER.to_string()));
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
