//! Sending the blocks of pages that are gone.

use lamplight_sdk::keys::StorageKeys;
use lamplight_sdk::notes::Note;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::OverflowOperation;
use lamplight_sdk::queue::block::{self, BlockName};
use lamplight_wire::Producer;

use crate::page::orphans::{
    ADOPT_AFTER_MS, ADOPTED_WITHIN_MS, GONE, LOCK_MS, SCAN_MS, event_text, leave, sizes,
};
use crate::page::{FullPage, numbers, ok, site};

fn opened() -> FullPage {
    FullPage::open(&site(), Options::default())
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
fn a_block_that_another_page_has_sent_meanwhile_is_read_once() {
    let mut page = opened();
    page.server = Some(ok());
    let [(gone, text), (left, more)] = [block_of(GONE[0], 1..=4), block_of(GONE[1], 1..=4)];
    page.site.borrow_mut().blocks.insert(gone.write(), text);
    page.site.borrow_mut().blocks.insert(left.write(), more);
    page.advance(1_000 + ADOPT_AFTER_MS);
    page.site.borrow_mut().blocks.insert(gone.write(), String::new());
    page.advance(20_000);
    assert_eq!(sizes(&page).iter().sum::<usize>(), 4);
    let reads = |name: BlockName| {
        let is_it =
            |operation: &OverflowOperation| *operation == OverflowOperation::Read(name.write());
        page.operations().iter().filter(|(_, operation)| is_it(operation)).count()
    };
    assert_eq!((reads(gone), reads(left)), (1, 1));
    assert!(page.site.borrow().blocks.is_empty());
}
