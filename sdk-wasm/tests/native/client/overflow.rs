//! When events move into the overflow, in blocks of which size, and what happens when it fails.

use lamplight_sdk::client::Client;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{OverflowOperation, PageEvent, StorageError};
use lamplight_sdk::queue::block::{self, BlockName};
use lamplight_wire::Producer;

use crate::page::{FullPage, Sent, ok, retry_after, site, status};

/// A page whose storage is blocked and whose server fails for long.
fn blocked(options: Options) -> FullPage {
    let mut page = FullPage::open(&site(), options);
    page.site.borrow_mut().refuses = Some(StorageError::Blocked);
    page.server = Some(retry_after(900_000));
    page
}

/// The events and the bytes of each block, oldest first.
fn blocks(page: &FullPage) -> Vec<(u64, usize)> {
    let site = page.site.borrow();
    let mut names: Vec<BlockName> =
        site.blocks.keys().map(|name| BlockName::parse(name).unwrap()).collect();
    names.sort_by_key(|name| name.number);
    for name in &names {
        let text = &site.blocks[&name.write()];
        assert_eq!((name.events, name.bytes), (block::lines(text).len() as u64, text.len()));
        assert_eq!(name.producer, page.client.producer());
    }
    names.iter().map(|name| (name.events, name.bytes)).collect()
}

fn kinds(page: &FullPage) -> Vec<(u64, &'static str)> {
    let kind = |operation: &OverflowOperation| match operation {
        OverflowOperation::List => "list",
        OverflowOperation::Read(_) => "read",
        OverflowOperation::Write(..) => "write",
        OverflowOperation::Erase(_) => "erase",
    };
    page.operations().iter().map(|(at_ms, operation)| (*at_ms, kind(operation))).collect()
}

/// The times of one kind of operation.
fn times(page: &FullPage, kind: &str) -> Vec<u64> {
    kinds(page).iter().filter(|(_, known)| *known == kind).map(|(at_ms, _)| *at_ms).collect()
}

#[test]
fn a_block_has_at_most_a_hundred_events() {
    for (events, expected) in [(99, vec![99]), (100, vec![100]), (101, vec![100, 1])] {
        let mut page = blocked(Options::default());
        for _ in 0..events {
            page.track(1);
        }
        page.advance(500);
        let counts: Vec<u64> = blocks(&page).iter().map(|(events, _)| *events).collect();
        assert_eq!(counts, expected);
        assert_eq!(page.counters().queued, events);
    }
}

#[test]
fn a_block_has_at_most_sixty_thousand_bytes_and_one_event_more_starts_another() {
    // A line is its number, a space, the event and a line break.
    for (second, counts) in [(29_997, vec![2]), (29_996, vec![2]), (29_998, vec![1, 1])] {
        let mut page = blocked(Options::default());
        page.track_bytes(30_000);
        page.track_bytes(second);
        page.advance(500);
        let events: Vec<u64> = blocks(&page).iter().map(|(events, _)| *events).collect();
        assert_eq!(events, counts, "{second}");
    }
    assert_eq!(block::BYTES_MAX, 60_000);
}

#[test]
fn the_overflow_takes_blocks_as_long_as_a_whole_one_fits() {
    let block_bytes = {
        let mut page = blocked(Options::default());
        page.track_bytes(20_000);
        page.advance(200);
        blocks(&page)[0].1
    };
    for (overflow_bytes_max, expected) in [
        (block::BYTES_MAX - 1, 0),
        (block::BYTES_MAX, 1),
        (block::BYTES_MAX + block_bytes - 1, 1),
        (block::BYTES_MAX + block_bytes, 2),
    ] {
        let options =
            Options { overflow_bytes_max: overflow_bytes_max as u64, ..Options::default() };
        let mut page = blocked(options);
        for _ in 0..3 {
            page.track_bytes(20_000);
            page.advance(200);
        }
        assert_eq!(blocks(&page).len(), expected, "{overflow_bytes_max}");
        let overflow = page.full_stats()["overflow"].clone();
        assert_eq!(overflow["events"], expected);
        assert_eq!(overflow["bytes"], expected * block_bytes);
        assert_eq!(page.counters().queued, 3);
    }
}

#[test]
fn other_pages_blocks_count() {
    let other = BlockName { producer: Producer::from_bits(9), number: 1, events: 1, bytes: 50_000 };
    for (overflow_bytes_max, expected) in [(109_999, 0), (110_000, 1)] {
        let mut page = blocked(Options { overflow_bytes_max, ..Options::default() });
        page.site.borrow_mut().live.push(other.producer);
        page.site.borrow_mut().blocks.insert(other.write(), "1 {}\n".into());
        page.advance(1_500);
        page.track(1);
        page.advance(300);
        let own = page.site.borrow().blocks.len() - 1;
        assert_eq!(own, expected);
        assert_eq!(page.full_stats()["foreign"], 1);
    }
}

#[test]
fn events_are_gathered_for_fifty_milliseconds() {
    let mut page = blocked(Options::default());
    page.advance(10);
    page.track(1);
    page.advance(49);
    page.track(1);
    assert_eq!(times(&page, "write"), [] as [u64; 0]);
    page.advance(1);
    assert_eq!(times(&page, "write"), [1_060]);
    assert_eq!(blocks(&page)[0].0, 2);
}

#[test]
fn the_overflow_is_listed_a_second_after_the_start_and_then_every_five_minutes() {
    let mut page = FullPage::open(&site(), Options::default());
    page.advance(700_000);
    assert_eq!(times(&page, "list"), [2_000, 302_000, 602_000]);
    assert_eq!(kinds(&page).len(), 3, "a page that never overflows only lists");
}

#[test]
fn where_storage_is_blocked_the_overflow_is_listed_every_thirty_seconds() {
    let mut page = blocked(Options::default());
    page.advance(100_000);
    page.track(1);
    page.advance(100_000);
    let lists = times(&page, "list");
    assert_eq!(lists, [2_000, 131_000, 161_000, 191_000]);
}

#[test]
fn a_live_page_s_blocks_are_confirmed_and_then_listed_every_thirty_seconds() {
    let mut page = FullPage::open(&site(), Options::default());
    let other = BlockName { producer: Producer::from_bits(9), number: 1, events: 1, bytes: 5 };
    page.site.borrow_mut().live.push(other.producer);
    page.site.borrow_mut().blocks.insert(other.write(), "1 {}\n".into());
    page.advance(100_000);
    assert_eq!(times(&page, "list"), [2_000, 7_000, 37_000, 67_000, 97_000]);
    assert!(page.sent().is_empty());
}

#[test]
fn a_failing_database_is_tried_again_after_growing_pauses() {
    let mut page = blocked(Options { memory_bytes_max: 1_000_000, ..Options::default() });
    page.database = false;
    page.track(1);
    let mut at_ms = Vec::new();
    for _ in 0..12 {
        let before = page.operations().len();
        while page.operations().len() == before {
            let ms = page.wakes_in_ms().unwrap();
            page.advance(ms);
        }
        at_ms.push(page.now_ms());
        page.fail_operation();
    }
    let pauses: Vec<u64> = at_ms.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // Twice as long each time, up to five minutes.
    let expected =
        [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300].map(|seconds: u64| seconds * 1_000);
    assert_eq!(pauses, expected);
    assert_eq!(page.counters().queued, 1);
    // A success ends that.
    page.database = true;
    page.advance(300_000);
    assert_eq!(blocks(&page), [(1, blocks(&page)[0].1)]);
    page.database = false;
    page.track(1);
    page.advance(60);
    page.fail_operation();
    let before = page.operations().len();
    page.advance(1_999);
    assert_eq!(page.operations().len(), before);
    page.advance(1);
    assert_eq!(page.operations().len(), before + 1);
}

#[test]
fn an_operation_without_a_result_fails_after_fifteen_seconds() {
    let mut page = blocked(Options::default());
    page.database = false;
    page.track(1);
    page.advance(50);
    assert_eq!(times(&page, "write"), [1_050]);
    page.advance(15_000 + 2_000 - 1);
    assert_eq!(kinds(&page).len(), 1);
    page.advance(1);
    assert_eq!(kinds(&page).len(), 2);
    assert_eq!(times(&page, "write"), [1_050, 18_050]);
    // The result of the first comes too late to count.
    let (_, id, _) = page.log.borrow().operations[0].clone();
    page.client.overflow_done(id, Some(""));
    assert_eq!(page.full_stats()["overflow"]["events"], 0);
}

#[test]
fn a_page_with_blocks_says_so_in_its_heartbeat_at_once() {
    let mut page = FullPage::open(&site(), Options::default());
    page.server = Some(status(500));
    page.site.borrow_mut().refuses = Some(StorageError::QuotaExceeded);
    page.track(1);
    page.site.borrow_mut().refuses = None;
    page.site.borrow_mut().quota = 0;
    page.advance(40);
    page.site.borrow_mut().quota = 1_000_000;
    page.advance(10);
    assert_eq!(page.site.borrow().blocks.len(), 1);
    assert!(page.heartbeat().unwrap().ends_with(":2:b"), "{:?}", page.heartbeat());
    page.server = Some(ok());
    page.advance(120_000);
    assert!(page.site.borrow().blocks.is_empty());
    assert_eq!(page.heartbeat(), None);
}

#[test]
fn long_backlogs_are_unloaded_and_read_back_one_block_at_a_time() {
    let mut page = blocked(Options::default());
    for _ in 0..20 {
        page.track_bytes(12_000);
        page.track_bytes(12_000);
        page.advance(100);
    }
    assert_eq!(page.full_stats()["overflow"]["events"], 40);
    assert_eq!(page.counters().queued, 40);
    // Memory has the texts of one block's bytes at most.
    assert!(page.counters().queued_bytes <= 60_000, "{}", page.counters().queued_bytes);
    assert!(page.client.is_queued(40) && page.client.is_queued(1));
    assert_eq!(times(&page, "read"), [] as [u64; 0], "nothing is read while the server fails");
    page.server = Some(ok());
    page.advance(1_000_000);
    assert_eq!((page.counters().sent, page.counters().queued), (40, 0));
    let order: Vec<u64> = page.sent().iter().flat_map(Sent::events).map(|(_, seq)| seq).collect();
    let first_ok = order.iter().rposition(|seq| *seq == 1).unwrap();
    assert_eq!(order[first_ok..], (1..=40).collect::<Vec<u64>>(), "the oldest come first");
    assert!(page.site.borrow().blocks.is_empty());
    assert_eq!(page.full_stats()["overflow"]["events"], 0);
}

#[test]
fn the_block_that_is_being_written_is_sent_when_the_page_closes() {
    let mut page = blocked(Options::default());
    page.server = None;
    page.database = false;
    page.site.borrow_mut().fixed_random = Some(1);
    page.track(1);
    page.run();
    page.answer_all(&status(500));
    page.track(1);
    page.advance(50);
    assert_eq!(times(&page, "write").len(), 1);
    page.take_sent();
    page.event(PageEvent::Hidden);
    let sent = page.sent();
    assert_eq!((sent.len(), sent[0].events().len()), (1, 2));
    // The block is committed meanwhile; its events are answered and it is erased.
    page.database = true;
    page.settle();
    page.answer_all(&ok());
    page.advance(1_000);
    assert_eq!((page.counters().queued, page.site.borrow().blocks.len()), (0, 0));
    assert_eq!(page.counters().sent, 2);
}

#[test]
fn two_pages_without_storage_send_each_other_s_blocks() {
    let site = site();
    site.borrow_mut().refuses = Some(StorageError::Blocked);
    let mut gone = FullPage::open(&site, Options::default());
    gone.server = Some(status(500));
    for _ in 0..5 {
        gone.track(1);
    }
    gone.advance(200);
    assert_eq!(site.borrow().blocks.len(), 1);
    gone.kill();
    let mut page = FullPage::open(&site, Options::default());
    page.server = Some(ok());
    page.advance(120_000);
    assert!(site.borrow().blocks.is_empty());
    assert_eq!(page.full_stats()["adopted"], 5);
}

#[test]
fn events_of_a_failed_request_move_into_the_overflow_at_once() {
    let mut page = FullPage::open(&site(), Options::default());
    page.site.borrow_mut().refuses = Some(StorageError::Blocked);
    page.track(1);
    page.advance(200);
    assert!(blocks(&page).is_empty(), "a request has the event");
    page.answer_all(&status(500));
    page.run();
    assert_eq!(blocks(&page).len(), 1);
}

#[test]
fn a_page_with_events_in_storage_only_writes_no_block() {
    let mut page = FullPage::open(&site(), Options::default());
    page.track(1);
    page.advance(200);
    page.answer_all(&status(500));
    page.advance(900);
    assert_eq!(times(&page, "write"), [] as [u64; 0]);
}

#[test]
fn no_block_is_read_back_while_memory_has_half_a_block() {
    let mut page = blocked(Options::default());
    for _ in 0..10 {
        page.track_bytes(25_000);
        page.track_bytes(25_000);
        page.advance(100);
    }
    // Requests stay unanswered for long.
    page.server = None;
    for _ in 0..1_000 {
        page.advance(1_000);
        let bytes = page.counters().queued_bytes;
        assert!(bytes <= 90_000, "{bytes} bytes are in memory again");
    }
    assert_eq!(page.counters().queued, 20);
}
