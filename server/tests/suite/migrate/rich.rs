//! A data directory with everything that one can hold, and with texts that are hard to keep.

use std::path::Path;

use lamplight_server::store::sqlite::moving::Directory;
use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    Encoding, Key, KeyKind, NewPayload, PayloadId, PayloadMetadata, SavedView,
};
use uuid::Uuid;

use super::{Watched, moved};
use crate::harness::postgres::TestDatabase;
use crate::store::sqlite::upgrade::older::by_hand;
use crate::store::sqlite::upgrade::server::{NOW, Server};
use crate::store::sqlite::upgrade::{fill, fill_weeks};

/// Texts that PostgreSQL cannot keep as they are, or that look like what is kept instead of them.
const HOSTILE: [&str; 6] =
    ["a\u{0}b", "\u{10FFFF}", "\u{10FFFF}0", "\u{10FFFF}1\u{0}", "'\\\"; --", "\u{0}"];

/// More rows than one batch has.
const TRENDS: u32 = 4_100;

/// A database with all of that, moved there.
pub(crate) async fn database() -> TestDatabase {
    let data = tempfile::tempdir().unwrap();
    make(data.path()).await;
    let target = TestDatabase::create().await;
    let (from, to) = (super::directory(data.path()), super::database(&target.url));
    moved(from, to, &mut Watched::default()).await.unwrap();
    target
}

/// Fills a directory. No server runs on it at the end.
pub(super) async fn make(folder: &Path) {
    fill_weeks(folder).await;
    fill(folder).await;
    let server = Server::open(folder).unwrap();
    for (at, text) in HOSTILE.into_iter().enumerate() {
        let at = i64::try_from(at).unwrap();
        stage(&server, at, text).await;
        let view = SavedView {
            page: "events".into(),
            name: text.into(),
            query: format!("name={text}"),
            made_ms: NOW + at,
        };
        server.storage.saved_views.save(view).await.unwrap();
        let key = Key::new(KeyKind::Write, text, &format!("wk_{text}"), NOW + at);
        server.storage.keys.add(vec![key]).await.unwrap();
    }
    server.process(NOW + 9 * WEEK_MS).await;
    server.deliver(NOW + 9 * WEEK_MS, 60, false).await;
    // What waits: never tried, and too large for one batch.
    for at in 100..104 {
        stage(&server, at, &"x".repeat(900_000)).await;
    }
    server.close().await;
    let trends: Vec<String> =
        (0..TRENDS).map(|at| format!("(0, {}, '{{}}')", at * 60_000)).collect();
    by_hand(
        &folder.join("store.db"),
        &format!(
            "INSERT INTO trends (resolution, begin_ms, figures_json) VALUES {}; \
             INSERT INTO alert_notices (notice_json, due_ms, attempts, ended_ms, delivery, error) \
             VALUES ('{{}}', NULL, 3, 5, 'failed', 'it said' || char(0))",
            trends.join(", ")
        ),
    );
    settle(folder).await;
}

/// Brings a directory into the form in which it is moved: what was counted since the counts were
/// last written is in them, and so on.
pub(super) async fn settle(folder: &Path) {
    let (intake, store) = (folder.join("intake.db"), folder.join("store.db"));
    drop(Directory::open_source(&intake, &store, folder).await.unwrap());
}

/// Stages a payload in the ninth week whose events have a text wherever a client can put one.
async fn stage(server: &Server, at: i64, text: &str) {
    let json = serde_json::Value::from(text).to_string();
    let body = format!(
        r#"[{{"name":{json},"id":{json},"properties":{{"p":{json},"n":1.0e2,"n":1}}}},
            {{"name":"e","user_id":{json},"anonymous_id":{json},"session":{json}}},
            {{"name":"identify","user_id":{json},"properties":{{{json}:{json}}}}},
            {{"name":{json},"id":{json}}},
            {{"name":7,"id":{json},"properties":{{"q":{json}}}}}]"#
    );
    let received_ms = NOW + 8 * WEEK_MS + at * 1_000;
    let id = u128::try_from(received_ms).unwrap() << 80 | u128::try_from(at).unwrap();
    let metadata = PayloadMetadata {
        id: PayloadId(Uuid::from_u128(id)),
        received_ms,
        key_id: text.chars().take(20).collect(),
        source: text.chars().take(20).collect(),
        encoding: Encoding::Identity,
        events: 5,
        unpacked_bytes: u32::try_from(body.len()).unwrap(),
        user_agent: Some(text.chars().take(20).collect()),
        origin: Some(text.chars().take(20).collect()),
        client: None,
    };
    server
        .storage
        .payload_queue
        .stage(NewPayload { metadata, body: body.into(), home: None })
        .await
        .unwrap();
}
