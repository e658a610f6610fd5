//! Lamplight and the story's stack do the same job: a test that counts, and measures no time.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::contender::{Contender, Field};
use crate::load::{Load, Requests};
use crate::results::Results;

/// Requests per second, so that the test does not depend on how fast this machine is.
const RATE: f64 = 200.0;

#[tokio::test]
async fn both_stacks_store_each_distinct_event_once_when_requests_are_sent_twice() {
    let folder = tempfile::tempdir().unwrap();
    // PostgreSQL's user must be able to enter the folder.
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o711)).unwrap();
    let mut results = Results::default();
    let field = Field::gather(&Contender::END_TO_END, folder.path(), &mut results).await.unwrap();
    assert_eq!(results.missing.len(), 0, "{:?}", results.missing);
    for contender in Contender::END_TO_END {
        let folder = folder.path().join(contender.name());
        let peer = field.start(contender, &folder).await.unwrap().with_traffic(10, true);
        let load = Load { connections: 4, turn: Duration::from_secs(1), rate: Some(RATE) };
        let outcome = load.run(&peer).await.unwrap();
        assert_eq!(outcome.refused, 0, "{}", contender.name());
        peer.finish().await.unwrap();
        let Requests::Numbered(traffic, _) = &peer.requests else { unreachable!() };
        let made = peer.requests.made();
        assert_eq!(outcome.accepted as u64, made, "{}", contender.name());
        let (distinct, stored) = (traffic.distinct_events(made), peer.stored().await.unwrap());
        assert_eq!(stored, distinct, "{} of {made} requests", contender.name());
        assert!(distinct < made * 10, "nothing was sent twice in {made} requests");
        assert!(stored > 0 && peer.kept_bytes().await.unwrap() > 0, "{}", contender.name());
    }
}
