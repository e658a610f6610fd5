//! Sending for pages that are gone: how soon, how many requests, and what is left alone.

use lamplight_sdk::client::Client;
use lamplight_sdk::keys::StorageKeys;
use lamplight_sdk::notes::Note;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::PageEvent;
use lamplight_sdk::queue::block::{self, BlockName};
use lamplight_wire::{Producer, Ranges};

use crate::page::{Driven, FullPage, Sent, advance, numbers, ok, problem, site, status};

/// How often a page scans: while it knows of events, and otherwise.
const SCAN_MS: u64 = 2_500;
const SCAN_QUIET_MS: u64 = 4_000;
/// The time between two scans that must both see a key.
const ADOPT_AFTER_MS: u64 = 5_000;
/// The lock without contention: two settle times.
const LOCK_MS: u64 = 500;
const HEARTBEAT_STALE_MS: u64 = 300_000;
/// A scan sees the keys first after a quiet interval, confirms them two or three scans later, and
/// the next one finds them orphaned at the latest.
const ADOPTED_WITHIN_MS: u64 = SCAN_QUIET_MS + ADOPT_AFTER_MS + SCAN_MS + LOCK_MS;

/// Other producers, not in the order of their names.
const GONE: [Producer; 2] = [Producer::from_bits(98), Producer::from_bits(99)];

fn opened() -> FullPage {
    FullPage::open(&site(), Options::default())
}

fn event_text(producer: Producer, seq: u64, bytes: usize) -> String {
    let text = |padding: usize| {
        format!(
            r#"{{"name":"a","ts":1,"producer":"{producer}","seq":{seq},"properties":{{"p":"{}"}}}}"#,
            "x".repeat(padding)
        )
    };
    text(bytes.saturating_sub(text(0).len()))
}

/// Leaves events of this many bytes in storage, as a page that said that it left.
fn leave(page: &FullPage, producer: Producer, seqs: std::ops::RangeInclusive<u64>, bytes: usize) {
    let keys = StorageKeys::new("ll");
    let mut site = page.site.borrow_mut();
    site.values.insert(keys.heartbeat(producer), format!("gone:{}", seqs.end() + 1));
    for seq in seqs {
        site.values.insert(keys.event(producer, seq), event_text(producer, seq, bytes));
    }
}

/// A block with these events.
fn block_of(producer: Producer, seqs: std::ops::RangeInclusive<u64>) -> (BlockName, String) {
    let mut text = String::new();
    let events = seqs.clone().count() as u64;
    for seq in seqs {
        block::push_line(&mut text, seq, &event_text(producer, seq, 0));
    }
    (BlockName { producer, number: 1, events, bytes: text.len() }, text)
}

/// Which events the requests carried.
fn adopted(page: &FullPage) -> Vec<Vec<(Producer, u64)>> {
    page.sent().iter().map(Sent::events).collect()
}

fn sizes(page: &FullPage) -> Vec<usize> {
    adopted(page).iter().map(Vec::len).collect()
}

/// The next number that the last request declares.
fn declared_next(page: &FullPage, producer: Producer) -> u64 {
    let sent = page.sent();
    let body = lamplight_wire::batch::Body::read(&sent.last().unwrap().body).unwrap();
    body.producers.iter().find(|(known, _)| *known == producer).unwrap().1.next
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
    // The same where bytes are the limit.
    let options = Options { batch_bytes_max: 500, ..Options::default() };
    let mut page = FullPage::open(&site(), options);
    leave(&page, GONE[0], 1..=1, 500);
    leave(&page, GONE[1], 1..=2, 200);
    page.server = Some(ok());
    page.advance(ADOPTED_WITHIN_MS);
    assert_eq!(sizes(&page), [1, 2]);
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
fn a_block_in_storage_is_sent_and_removed_with_its_last_event() {
    let mut page = opened();
    let (name, text) = block_of(GONE[0], 1..=5);
    let keys = StorageKeys::new("ll");
    page.site.borrow_mut().values.insert(keys.block(name), text);
    leave(&page, GONE[0], 6..=7, 100);
    page.advance(ADOPTED_WITHIN_MS);
    // The page knows both the events and those in the block.
    assert_eq!(page.full_stats()["foreign"], 7);
    assert_eq!(sizes(&page), [7]);
    assert_eq!(page.site.borrow().keys("ll:b:").len(), 1);
    page.answer_all(&ok());
    assert_eq!(page.site.borrow().keys("ll:b:"), Vec::<String>::new());
    assert_eq!(page.notes, [Note::Adopted { producer: GONE[0], seqs: numbers(1, 7) }]);
    assert_eq!(page.site.borrow().keys("ll:p:"), Vec::<String>::new());
    assert_eq!(page.full_stats()["adopted"], 7);
}

#[test]
fn a_block_larger_than_a_batch_is_removed_after_its_last_part() {
    let options = Options { events_max: 3, ..Options::default() };
    let mut page = FullPage::open(&site(), options);
    let (name, text) = block_of(GONE[0], 1..=5);
    page.site.borrow_mut().values.insert(StorageKeys::new("ll").block(name), text);
    page.advance(20_000);
    assert_eq!(sizes(&page), [3]);
    page.answer_all(&ok());
    assert_eq!(page.site.borrow().keys("ll:b:").len(), 1);
    page.run();
    assert_eq!(sizes(&page), [3, 2]);
    page.answer_all(&ok());
    assert!(page.site.borrow().keys("ll:b:").is_empty());
}

#[test]
fn an_event_that_has_a_key_and_a_place_in_a_block_is_sent_once() {
    let mut page = opened();
    let (name, text) = block_of(GONE[0], 1..=5);
    page.site.borrow_mut().values.insert(StorageKeys::new("ll").block(name), text);
    leave(&page, GONE[0], 4..=6, 100);
    page.server = Some(ok());
    page.advance(30_000);
    assert_eq!(sizes(&page), [6]);
    assert!(page.site.borrow().keys("ll:q:").is_empty());
}

#[test]
fn blocks_in_the_overflow_are_found_by_the_first_list() {
    let mut page = opened();
    let (name, text) = block_of(GONE[0], 1..=4);
    page.site.borrow_mut().blocks.insert(name.write(), text);
    page.server = Some(ok());
    // One second, five more, and the lock.
    page.advance(1_000 + ADOPT_AFTER_MS + LOCK_MS - 1);
    assert!(page.sent().is_empty());
    page.advance(SCAN_MS);
    assert_eq!(sizes(&page), [4]);
    assert!(page.site.borrow().blocks.is_empty());
    assert_eq!(page.full_stats()["foreign"], 0);
}

#[test]
fn a_heartbeat_that_tells_of_blocks_makes_the_page_list_them() {
    let mut page = opened();
    page.server = Some(ok());
    page.advance(20_000);
    let (name, text) = block_of(GONE[0], 1..=4);
    page.site.borrow_mut().blocks.insert(name.write(), text);
    let key = StorageKeys::new("ll").heartbeat(GONE[0]);
    page.site.borrow_mut().values.insert(key, "gone:5:b".into());
    page.advance(ADOPTED_WITHIN_MS + SCAN_MS);
    assert_eq!(sizes(&page), [4]);
    page.advance(30_000);
    assert!(page.site.borrow().blocks.is_empty());
    assert!(page.site.borrow().keys("ll:p:").is_empty());
}

#[test]
fn blocks_of_two_producers_are_sent_one_after_the_other() {
    let mut page = opened();
    for producer in GONE {
        let (name, text) = block_of(producer, 1..=4);
        page.site.borrow_mut().blocks.insert(name.write(), text);
    }
    page.server = Some(ok());
    page.advance(20_000);
    assert_eq!(sizes(&page), [4, 4]);
    assert!(page.site.borrow().blocks.is_empty());
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
