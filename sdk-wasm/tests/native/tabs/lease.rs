//! The lease: which page does the shared work, for how long, and a page whose storage takes none.

use lamplight_sdk::client::Client;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{PageEvent, StorageError};

use crate::page::orphans::{ADOPTED_WITHIN_MS, GONE, LOCK_MS, SCAN_MS, leave, sizes};
use crate::page::{Driven, FullPage, ok, retry_after, site, status};

fn opened() -> FullPage {
    FullPage::open(&site(), Options::default())
}

#[test]
fn a_page_whose_lease_storage_refused_sleeps_between_its_tasks() {
    let mut page = FullPage::open(&site(), Options::default());
    page.site.borrow_mut().refuses = Some(StorageError::Blocked);
    page.server = Some(retry_after(900_000));
    page.track(1);
    page.advance(5_000);
    assert!(page.client.holds_lease());
    let mut tasks = 0;
    let end_ms = page.now_ms() + 60_000;
    while page.due_ms().is_some_and(|due_ms| due_ms <= end_ms) && tasks < 1_000 {
        let ms = page.wakes_in_ms().unwrap();
        page.site.borrow_mut().now_ms += ms;
        page.fire();
        tasks += 1;
    }
    // 24 scans, 6 renewals, 4 heartbeats, 2 lists of blocks, and nothing else.
    assert!(tasks <= 40, "{tasks} tasks in a minute");
    assert!(page.client.holds_lease());
    assert_eq!(page.client.counters()[1], 1);
}

#[test]
fn the_lease_is_released_when_nothing_is_left_to_do() {
    let mut page = opened();
    page.server = Some(ok());
    leave(&page, GONE[0], 1..=3, 100);
    page.advance(ADOPTED_WITHIN_MS);
    assert!(!page.client.holds_lease());
    let site = page.site.borrow();
    assert_eq!(site.keys("ll:l:"), ["ll:l:x"]);
}

#[test]
fn the_lease_is_renewed_every_ten_seconds_while_there_is_work() {
    let mut page = opened();
    leave(&page, GONE[0], 1..=3, 100);
    page.server = Some(status(500));
    page.advance(120_000);
    assert!(page.client.holds_lease());
    let log = page.log.borrow();
    let at: Vec<u64> = log
        .writes
        .iter()
        .filter(|(_, key)| key.ends_with(":lease"))
        .map(|(at_ms, _)| *at_ms)
        .collect();
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] == 10_000), "{at:?}");
    assert!(at.len() >= 11, "{at:?}");
}

#[test]
fn a_lease_that_is_not_renewed_is_taken_over_after_thirty_seconds() {
    let mut page = opened();
    page.site.borrow_mut().live.push(GONE[1]);
    let lease = format!("{}:5:7", GONE[1]);
    page.site.borrow_mut().values.insert("ll:l:lease".into(), lease);
    leave(&page, GONE[0], 1..=3, 100);
    page.server = Some(ok());
    page.advance(200 + 29_999);
    assert!(page.sent().is_empty());
    assert_eq!(page.full_stats()["lock"]["holder"], GONE[1].to_string());
    page.advance(1 + SCAN_MS + LOCK_MS + 10);
    assert_eq!(sizes(&page), [3]);
    let history = page.full_stats()["lock"]["history"].clone();
    assert_eq!((&history[0]["epoch"], &history[1]["epoch"]), (&5.into(), &6.into()));
    assert_eq!(history[1]["holder"], page.client.producer().to_string());
}

#[test]
fn the_lease_of_a_killed_page_is_taken_over_at_once() {
    let mut page = opened();
    let lease = format!("{}:5:7", GONE[1]);
    page.site.borrow_mut().values.insert("ll:l:lease".into(), lease);
    leave(&page, GONE[0], 1..=3, 100);
    page.server = Some(ok());
    page.advance(ADOPTED_WITHIN_MS);
    assert_eq!(sizes(&page), [3]);
}

#[test]
fn a_frozen_page_gives_its_work_to_another() {
    let site = site();
    let mut holder = FullPage::open(&site, Options::default());
    leave(&holder, GONE[0], 1..=2, 100);
    while !holder.client.holds_lease() {
        holder.advance(1);
    }
    let mut other = FullPage::open(&site, Options::default());
    other.server = Some(ok());
    holder.event(PageEvent::Frozen);
    assert!(site.borrow().keys("ll:l:lease").is_empty() && site.borrow().keys("ll:l:y").is_empty());
    assert!(!holder.client.holds_lease());
    other.advance(ADOPTED_WITHIN_MS);
    assert_eq!(sizes(&other), [2]);
}

#[test]
fn a_page_that_does_not_fail_or_has_nothing_to_send_leaves_the_lock_alone() {
    let lock = |page: &FullPage| page.site.borrow().keys("ll:l:");
    // Its event waits for the response.
    let mut page = opened();
    page.track(1);
    page.advance(20_000);
    assert!(lock(&page).is_empty());
    // The server failed, and the only event was withdrawn meanwhile.
    let mut page = opened();
    page.track(1);
    page.run();
    page.answer_all(&retry_after(60_000));
    page.client.withdraw(false);
    page.client.consent();
    page.advance(20_000);
    assert!(lock(&page).is_empty());
}
