//! Profiles of earlier versions, which knew only when the newest word about a user was said.

use lamplight_server::store::sqlite::{self, WriterLimits};
use lamplight_server::store::{EventFilter, EventQuery, Plan, PlannedOutcome, Storage};

use super::older::{by_hand, events_files, leave};
use crate::store::sample::{NOW, good_with, number, plan, plan_at, shared};

fn identify(time_ms: i64, traits: &str) -> PlannedOutcome {
    good_with("identify", |event| {
        event.user_id = Some("ann".into());
        event.time_ms = time_ms;
        event.properties_json = Some(traits.into());
    })
}

/// Applies a plan, and gives the profile that its event was stored with.
async fn apply(storage: &Storage, plan: Plan) -> Option<String> {
    storage.events.apply(shared([plan]), NOW).await.unwrap();
    let query = EventQuery { filter: EventFilter::default(), after: None, limit: 1 };
    storage.reader.events(query).await.unwrap().events.remove(0).profile_json
}

#[tokio::test]
async fn a_profile_of_an_earlier_version_is_kept_and_takes_later_words() {
    let (today, older) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = |folder: &std::path::Path| {
        let (intake, store) = (folder.join("intake.db"), folder.join("store.db"));
        sqlite::open(&intake, &store, WriterLimits::default(), Vec::new()).unwrap()
    };
    let storage = open(today.path());
    let first = vec![(number(1, 1), identify(NOW, r#"{"plan":"paid","team":"a"}"#))];
    apply(&storage, plan(1, first)).await;
    storage.close().await.unwrap();
    leave("store", 5, &today.path().join("store.db"), &older.path().join("store.db"));
    leave("intake", 3, &today.path().join("intake.db"), &older.path().join("intake.db"));
    for path in events_files(today.path()) {
        leave("week", 2, &path, &older.path().join(path.file_name().unwrap()));
    }
    // A client whose clock was ahead had the last word until the year 3000.
    let ahead = "UPDATE profiles SET said_ms = 32503680000000";
    by_hand(&older.path().join("store.db"), ahead);
    let storage = open(older.path());
    let second = vec![(number(1, 2), identify(NOW - 9, r#"{"plan":"free","city":"Bern"}"#))];
    let known = apply(&storage, plan(2, second)).await;
    let want = r#"{"traits":{"city":"Bern","plan":"paid","team":"a"}}"#;
    assert_eq!(known.as_deref(), Some(want), "an older word, and one about another trait");
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let later = vec![(number(1, 3), identify(now_ms + 1_000, r#"{"team":"b"}"#))];
    let known = apply(&storage, plan_at(now_ms + 1_000, 3, later)).await;
    let want = r#"{"traits":{"city":"Bern","plan":"paid","team":"b"}}"#;
    assert_eq!(known.as_deref(), Some(want), "nobody has the last word until the year 3000");
}
