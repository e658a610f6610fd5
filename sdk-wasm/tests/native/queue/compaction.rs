//! Compaction: when a long backlog becomes blocks, of which size, and that the bytes stay exact.

use lamplight_sdk::options::Options;

use crate::page::{FullPage, Page, PageClient, ok, site, status};

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
fn a_backlog_that_is_too_new_is_compacted_soon_and_not_a_minute_later() {
    let mut page = FullPage::open(&site(), Options::default());
    page.server = Some(status(500));
    page.track(0);
    page.advance(5_000);
    // The first of these have been read back when the last of them have not.
    for _ in 0..100 {
        for _ in 0..7 {
            page.track(0);
        }
        page.advance(2);
    }
    page.advance(5_000);
    assert!(blocks(&page) > 0);
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
