//! The real command is killed while it moves, and run again.

use std::process::Stdio;
use std::time::Duration;

use super::dump::assert_same;
use super::{command, copied, rich, said};
use crate::harness::postgres::TestDatabase;

#[tokio::test]
async fn a_migration_that_is_killed_goes_on_and_says_what_it_does() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    std::fs::create_dir(&data).unwrap();
    rich::make(&data).await;
    let before = copied(&data, &root.path().join("before"));
    let (back, target) = (root.path().join("back"), TestDatabase::create().await);
    let (from, back_to) = (data.to_str().unwrap(), back.to_str().unwrap());
    for (from, to) in [(from, target.url.as_str()), (target.url.as_str(), back_to)] {
        for wait_ms in [150, 400, 700, 1_000] {
            let mut child =
                command(from, to).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(wait_ms));
            // It may have ended.
            let _ = child.kill();
            child.wait().unwrap();
        }
        // Once more, because a killed one may have been about to say that it ended.
        for _ in 0..2 {
            let (code, err) = said(command(from, to));
            assert_eq!(code, Some(0), "{err}");
            assert!(err.contains("moved everything from"), "{err}");
        }
    }
    assert_same(&before, &back);
}

#[tokio::test]
async fn progress_is_lines_where_there_is_no_terminal() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    std::fs::create_dir(&data).unwrap();
    rich::make(&data).await;
    let target = TestDatabase::create().await;
    let (code, err) = said(command(data.to_str().unwrap(), &target.url));
    assert_eq!(code, Some(0), "{err}");
    for line in [
        "the database takes events from now on",
        "rows; comparing both sides",
        "are the same on both sides",
    ] {
        assert!(err.contains(line), "{err}");
    }
    assert!(!err.contains('\u{1b}') && !err.contains('\r'), "{err:?}");
}
