//! The lease of a page whose storage takes no lease.

use lamplight_sdk::client::Client;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::StorageError;

use crate::page::{Driven, FullPage, retry_after, site};

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
