//! Sending for pages that are gone: how soon, how many requests, and what is left alone.

use lamplight_sdk::client::Client;
use lamplight_sdk::keys::StorageKeys;
use lamplight_sdk::notes::Note;
use lamplight_sdk::options::Options;
use lamplight_wire::batch::Body;
use lamplight_wire::limits::PRODUCERS_MAX;
use lamplight_wire::{Producer, Ranges};

use crate::page::orphans::{
    ADOPT_AFTER_MS, ADOPTED_WITHIN_MS, GONE, HEARTBEAT_STALE_MS, LOCK_MS, SCAN_MS, adopted,
    declared_next, event_text, leave, sizes,
};
use crate::page::{Driven, FullPage, Sent, advance, numbers, ok, problem, site, status};

fn opened() -> FullPage {
    FullPage::open(&site(), Options::default())
}

#[test]
fn orphaned_events_are_sent_in_whole_batches() {
    let mut page = opened();
    leave(&page, GONE[0], 1..=250, 200);
    page.server = Some(ok());
    page.advance(ADOPTED_WITHIN_MS);
    assert_eq!(sizes(&page), [100, 100, 50]);
    assert!(page.site.borrow().keys("ll:q:").is_empty());
    let sent = page.sent();
    assert!(sent[2].at_ms - sent[0].at_ms <= 10, "each batch follows the last response");
    assert_eq!(declared_next(&page, GONE[0]), 251);
}

#[test]
fn a_batch_takes_from_several_producers() {
    let mut page = opened();
    leave(&page, GONE[1], 3..=42, 200);
    leave(&page, GONE[0], 1..=70, 200);
    page.server = Some(ok());
    page.advance(ADOPTED_WITHIN_MS);
    assert_eq!(sizes(&page), [100, 10]);
    let both: Ranges = [(1, 70)].into_iter().collect();
    let told = |producer| {
        let mut seqs = Ranges::new();
        for note in &page.notes {
            match note {
                Note::Adopted { producer: known, seqs: told } if *known == producer => {
                    seqs.union(told);
                }
                _ => {}
            }
        }
        seqs
    };
    assert_eq!((told(GONE[0]), told(GONE[1])), (both, numbers(3, 42)));
    assert!(page.site.borrow().keys("ll:p:").is_empty());
}

#[test]
fn a_producer_that_does_not_fit_any_more_comes_with_the_next_batch() {
    let mut page = opened();
    leave(&page, GONE[0], 1..=100, 200);
    leave(&page, GONE[1], 1..=7, 200);
    page.server = Some(ok());
    page.advance(ADOPTED_WITHIN_MS);
    assert_eq!(sizes(&page), [100, 7]);
    // The same where bytes are the limit, also if some of them are left.
    for bytes in [500, 400] {
        let options = Options { batch_bytes_max: 500, ..Options::default() };
        let mut page = FullPage::open(&site(), options);
        leave(&page, GONE[0], 1..=1, bytes);
        leave(&page, GONE[1], 1..=2, 200);
        page.server = Some(ok());
        page.advance(ADOPTED_WITHIN_MS);
        assert_eq!(sizes(&page), [1, 2], "{bytes}");
    }
}

#[test]
fn events_that_leave_too_little_room_for_the_next_producer_do_not_delay_it() {
    // A second event of 300 bytes does not fit, whichever producer it belongs to.
    let options = Options { batch_bytes_max: 500, ..Options::default() };
    let mut page = FullPage::open(&site(), options);
    leave(&page, GONE[0], 1..=2, 300);
    leave(&page, GONE[1], 1..=2, 300);
    page.server = Some(ok());
    page.advance(ADOPTED_WITHIN_MS);
    assert_eq!(sizes(&page), [1, 1, 1, 1]);
}

#[test]
fn the_first_of_several_batches_tells_the_last_known_number() {
    let mut page = opened();
    leave(&page, GONE[0], 1..=150, 100);
    page.site.borrow_mut().values.retain(|key, _| !key.contains(":p:"));
    page.advance(ADOPTED_WITHIN_MS);
    assert_eq!(sizes(&page), [100]);
    assert_eq!(declared_next(&page, GONE[0]), 151);
}

#[test]
fn the_bytes_of_an_adopted_batch_are_limited_to_the_byte() {
    // 100 bytes with the comma between two events.
    for (batch_bytes_max, first) in [(999, 10), (998, 9), (1_000, 10), (60_000, 30)] {
        let options = Options { batch_bytes_max, ..Options::default() };
        let mut page = FullPage::open(&site(), options);
        leave(&page, GONE[0], 1..=9, 150);
        let mut site = page.site.borrow_mut();
        site.values.retain(|key, _| key.contains(":p:"));
        let keys = StorageKeys::new("ll");
        for seq in 10..=39 {
            let text = event_text(GONE[0], seq, 99);
            assert_eq!(text.len(), 99);
            site.values.insert(keys.event(GONE[0], seq), text);
        }
        drop(site);
        page.advance(ADOPTED_WITHIN_MS);
        assert_eq!(sizes(&page), [first], "{batch_bytes_max}");
        assert!(page.sent()[0].event_bytes() <= batch_bytes_max);
    }
    // An event that is too large alone is sent alone.
    let mut page = FullPage::open(&site(), Options { batch_bytes_max: 50, ..Options::default() });
    leave(&page, GONE[0], 1..=3, 200);
    page.server = Some(ok());
    page.advance(ADOPTED_WITHIN_MS);
    assert_eq!(sizes(&page), [1, 1, 1]);
}

#[test]
fn a_request_names_no_more_left_pages_than_the_server_accepts() {
    let mut page = opened();
    let keys = StorageKeys::new("ll");
    for bits in 1_000..1_250 {
        let left = format!("gone:{}", 5);
        page.site.borrow_mut().values.insert(keys.heartbeat(Producer::from_bits(bits)), left);
    }
    page.server = Some(ok());
    page.advance(4 * ADOPTED_WITHIN_MS);
    let named = |sent: &Sent| Body::read(&sent.body).unwrap().producers.len();
    let sizes: Vec<usize> = page.sent().iter().map(named).collect();
    assert_eq!(sizes, [PRODUCERS_MAX, PRODUCERS_MAX, 250 - 2 * PRODUCERS_MAX]);
}

#[test]
fn a_left_page_is_found_by_the_first_scans_that_can_tell() {
    let mut page = opened();
    leave(&page, GONE[0], 1..=1, 100);
    // The first scan is 200 ms after the start, the second one after 5 s.
    page.advance(200 + ADOPT_AFTER_MS + LOCK_MS - 1);
    assert!(page.sent().is_empty());
    page.advance(1 + SCAN_MS);
    assert_eq!(sizes(&page), [1]);
    let scans = page.log.borrow().scans.borrow().clone();
    assert_eq!(scans[..3], [1_200, 3_700, 6_200]);
}

#[test]
fn scans_are_rarer_while_there_is_nothing_to_find() {
    let mut page = opened();
    page.advance(20_000);
    let scans = page.log.borrow().scans.borrow().clone();
    assert_eq!(scans, [1_200, 5_200, 9_200, 13_200, 17_200]);
    // A page with events of its own scans as often as one that sees other pages' events.
    let mut page = opened();
    page.track(1);
    page.advance(7_000);
    assert_eq!(*page.log.borrow().scans.borrow(), [1_200, 3_700, 6_200]);
}

#[test]
fn a_killed_page_is_found_by_its_lock() {
    let site = site();
    let mut gone = FullPage::open(&site, Options::default());
    let mut page = FullPage::open(&site, Options::default());
    page.server = Some(ok());
    gone.track(1);
    gone.track(1);
    advance(&site, &mut [&mut gone, &mut page], 30_000);
    assert_eq!(page.sent().len(), 0, "a live page sends its own events");
    gone.kill();
    page.advance(ADOPTED_WITHIN_MS);
    assert_eq!(sizes(&page), [2]);
    let queries = page.log.borrow().queries.len();
    page.advance(60_000);
    assert_eq!(page.log.borrow().queries.len(), queries, "nobody's page is in question");
}

#[test]
fn without_web_locks_a_killed_page_is_found_when_its_heartbeat_is_stale() {
    let site = site();
    let options = Options { liveness: false, ..Options::default() };
    let mut gone = FullPage::open(&site, options.clone());
    let mut page = FullPage::open(&site, options);
    page.server = Some(ok());
    gone.track(1);
    advance(&site, &mut [&mut gone, &mut page], 400_000);
    assert!(page.sent().is_empty(), "a live page renews its heartbeat");
    gone.kill();
    // The heartbeat is at most 15 s old.
    page.advance(HEARTBEAT_STALE_MS - 15_000 - 1);
    assert!(page.sent().is_empty());
    page.advance(15_000 + ADOPTED_WITHIN_MS);
    assert_eq!(sizes(&page), [1]);
    assert!(page.log.borrow().queries.is_empty(), "no list of locks is asked for");
    assert!(page.log.borrow().holds.is_empty());
}

#[test]
fn a_page_that_is_alive_again_is_left_alone() {
    let mut page = opened();
    leave(&page, GONE[0], 1..=3, 100);
    page.site.borrow_mut().live.push(GONE[0]);
    let key = StorageKeys::new("ll").heartbeat(GONE[0]);
    page.site.borrow_mut().values.insert(key, "2:4".into());
    page.advance(20_000);
    assert!(page.sent().is_empty());
    assert_eq!(page.site.borrow().keys("ll:l:lease"), Vec::<String>::new());
}

#[test]
fn the_next_batch_waits_for_the_response() {
    let mut page = opened();
    leave(&page, GONE[0], 1..=150, 100);
    page.advance(20_000);
    assert_eq!(sizes(&page), [100]);
    page.answer_all(&status(500));
    assert_eq!(page.counters().queued, 0);
    assert_eq!(page.counters().last_error, 501);
    let wait_ms = page.counters().backoff_ms;
    page.advance(wait_ms - 1);
    assert_eq!(sizes(&page), [100]);
    page.advance(1);
    assert_eq!(sizes(&page), [100, 100]);
    assert_eq!(page.site.borrow().keys("ll:q:").len(), 150, "nothing was accepted");
}

#[test]
fn own_events_come_before_other_pages_events() {
    let mut page = opened();
    leave(&page, GONE[0], 1..=3, 100);
    page.track(1);
    page.advance(ADOPTED_WITHIN_MS);
    assert!(page.client.holds_lease());
    assert_eq!(sizes(&page), [1], "one request at a time");
    page.track(1);
    page.answer_all(&ok());
    page.run();
    let own = page.client.producer();
    assert_eq!(adopted(&page)[1], [(own, 2)]);
    page.answer_all(&ok());
    page.run();
    assert_eq!(adopted(&page)[2].len(), 3);
}

#[test]
fn a_heartbeat_alone_is_reported_and_removed() {
    let mut page = opened();
    page.server = Some(ok());
    let key = StorageKeys::new("ll").heartbeat(GONE[0]);
    page.site.borrow_mut().values.insert(key, "gone:9".into());
    page.advance(ADOPTED_WITHIN_MS);
    assert_eq!(sizes(&page), [0]);
    assert_eq!(declared_next(&page, GONE[0]), 9);
    assert!(page.site.borrow().keys("ll:p:").is_empty());
    assert_eq!(page.notes, []);
}

#[test]
fn keys_that_vanish_before_they_are_read_are_not_sent() {
    let mut page = opened();
    page.server = Some(ok());
    leave(&page, GONE[0], 1..=6, 100);
    while !page.client.holds_lease() && page.now_ms() < 60_000 {
        let due_ms = page.due_ms().unwrap();
        if due_ms >= 6_700 {
            page.site.borrow_mut().values.retain(|key, _| !key.ends_with(":2"));
        }
        let ms = due_ms - page.now_ms();
        page.advance(ms);
    }
    page.advance(1_000);
    assert_eq!(sizes(&page), [5]);
    assert!(page.site.borrow().keys("ll:q:").is_empty());
    assert!(page.site.borrow().keys("ll:p:").is_empty());
}

#[test]
fn rejected_events_of_two_producers_are_declared_for_each() {
    let mut page = opened();
    leave(&page, GONE[1], 1..=2, 100);
    leave(&page, GONE[0], 1..=2, 100);
    for _ in 0..900 {
        page.advance(100);
        for sent in page.unanswered() {
            let is_refused = sent.events().iter().any(|(_, seq)| *seq == 1);
            page.answer(sent.id, &if is_refused { problem(400) } else { ok() });
        }
    }
    let mut declared: Vec<_> = page.sent().iter().flat_map(Sent::dropped).collect();
    declared.sort_by_key(|(producer, ..)| producer.to_string());
    declared.dedup();
    let of = |producer| (producer, "rejected".to_owned(), numbers(1, 1));
    assert_eq!(declared, GONE.map(of));
    assert_eq!(page.counters().rejected, 2);
    assert_eq!(page.full_stats()["adopted"], 2);
    assert!(page.site.borrow().keys("ll:q:").is_empty());
}
