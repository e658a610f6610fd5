//! Profiles of earlier versions, which knew only when the newest word about a user was said.

use lamplight_server::store::WriterLimits;
use lamplight_server::store::sqlite;
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
    let ahead = r#"INSERT INTO profiles (key, said_ms, json)
        VALUES ('user:ann', 32503680000000, '{"traits":{"plan":"paid","team":"a"}}')"#;
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

/// Rows of earlier versions have a copy of the profile, and profiles had all words in one text.
#[tokio::test]
async fn copies_of_a_profile_stay_and_its_words_go_on() {
    let (today, older) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = |folder: &std::path::Path| {
        let (intake, store) = (folder.join("intake.db"), folder.join("store.db"));
        sqlite::open(&intake, &store, WriterLimits::default(), Vec::new()).unwrap()
    };
    let storage = open(today.path());
    let copy = r#"{"traits":{"plan":"paid","team":"a"}}"#;
    let first = vec![(number(1, 1), identify(NOW, r#"{"plan":"paid","team":"a"}"#))];
    apply(&storage, plan(1, first)).await;
    storage.close().await.unwrap();
    leave("store", 7, &today.path().join("store.db"), &older.path().join("store.db"));
    leave("intake", 3, &today.path().join("intake.db"), &older.path().join("intake.db"));
    for path in events_files(today.path()) {
        let path = (path.clone(), older.path().join(path.file_name().unwrap()));
        leave("week", 2, &path.0, &path.1);
        by_hand(&path.1, &format!("UPDATE events SET profile = '{copy}'"));
    }
    let event = "00000000-0000-0000-0000-000000000001";
    let words =
        format!(r#"{{"traits":{{"plan":[5,"{event}","paid"],"team":[{NOW},"{event}","a"]}}}}"#);
    let profile = format!(
        "UPDATE weeks SET schema = 2; \
         INSERT INTO profiles (key, said_ms, json, words_json) \
         VALUES ('user:ann', {NOW}, '{copy}', '{words}')"
    );
    by_hand(&older.path().join("store.db"), &profile);
    let storage = open(older.path());
    let query = EventQuery { filter: EventFilter::default(), after: None, limit: 1 };
    let row = storage.reader.events(query).await.unwrap().events.remove(0);
    assert_eq!(row.profile_json.as_deref(), Some(copy));
    let seen = vec![(number(1, 2), good_with("seen", |event| event.user_id = Some("ann".into())))];
    assert_eq!(apply(&storage, plan(2, seen)).await.as_deref(), Some(copy));
    let second = vec![(number(1, 3), identify(NOW - 9, r#"{"plan":"free","team":"b"}"#))];
    let known = apply(&storage, plan(3, second)).await;
    assert_eq!(known.as_deref(), Some(r#"{"traits":{"plan":"free","team":"a"}}"#));
    storage.close().await.unwrap();
    let storage = open(older.path());
    let third = vec![(number(1, 4), identify(NOW + 1, r#"{"city":"Bern"}"#))];
    let known = apply(&storage, plan(4, third)).await;
    let want = r#"{"traits":{"city":"Bern","plan":"free","team":"a"}}"#;
    assert_eq!(known.as_deref(), Some(want));
}
