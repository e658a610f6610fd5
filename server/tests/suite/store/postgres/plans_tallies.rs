//! What statements about tallies read, as PostgreSQL counts it, with values known to the planner
//! and without.

use std::time::Duration;

use lamplight_server::store::{
    CatalogueCursor, CatalogueQuery, ErrorQuery, EventIdentity, Resolution, TrafficQuery,
};
use tokio_postgres::Client;

use super::fleet::Servers;
use crate::store::sample::{NOW, bad, good, plan_at, shared};

/// 20 sources with 1,000 names each, and what is known of them.
const FILLED: &str = "\
     INSERT INTO tallies (kind, owner, label, counts) \
     SELECT 1, convert_to('s' || s, 'UTF8'), convert_to('name ' || n, 'UTF8'), \
     (SELECT counts FROM tallies WHERE kind = 1 LIMIT 1) \
     FROM generate_series(1, 20) AS s, generate_series(1, 1000) AS n; \
     INSERT INTO tally_details SELECT id, NULL, (SELECT json FROM tally_details LIMIT 1) FROM tallies \
     WHERE kind = 1 AND label LIKE 'name %'; \
     ANALYZE";

/// Rows that were read of these tables by scans of all of them, and by way of an index.
async fn rows_read(client: &Client) -> (i64, i64) {
    // A server reports what it has read a second after it, or when its connections end.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let sql = "SELECT sum(seq_tup_read)::bigint, sum(idx_tup_fetch)::bigint FROM pg_stat_user_tables \
         WHERE relname IN ('tallies', 'tally_details')";
    let row = client.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

async fn use_them(servers: &Servers, begin: u128) {
    let storage = &servers.storages[0];
    for payload in 0..8 {
        let named = [good("name 7"), good("new"), bad()].map(|it| (EventIdentity::Anonymous, it));
        let mut plan = plan_at(NOW, begin + payload, named.into());
        plan.source = "s7".into();
        storage.events.apply(shared([plan]), NOW).await.unwrap();
        let after = CatalogueCursor { source: "s9".into(), name: "name 5".into() };
        let all = CatalogueQuery { limit: 5, ..CatalogueQuery::default() };
        for query in [
            CatalogueQuery { source: Some("s7".into()), ..all.clone() },
            CatalogueQuery { source: Some("s7".into()), name: Some("new".into()), ..all.clone() },
            CatalogueQuery { after: Some(after), ..all.clone() },
            all,
        ] {
            let page = storage.tallies.names(query).await.unwrap();
            assert!(!page.names.is_empty());
        }
        storage.tallies.properties("s7".into(), "name 7".into()).await.unwrap().unwrap();
        let traffic =
            TrafficQuery { source: None, resolution: Resolution::Hour, from_ms: 0, to_ms: 1 };
        storage.tallies.traffic(traffic).await.unwrap();
        let errors = ErrorQuery { stage: None, source: None, sink: None, after: None, limit: 5 };
        storage.tallies.errors(errors).await.unwrap();
        storage.tallies.record(Vec::new()).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_scans_all_tallies_and_pages_read_few_of_them() {
    let servers = Servers::start(1).await;
    let client = servers.database.client().await;
    let plan = plan_at(NOW, 1, vec![(EventIdentity::Anonymous, good("first"))]);
    servers.storages[0].events.apply(shared([plan]), NOW).await.unwrap();
    servers.storages[0].close().await.unwrap();
    client.batch_execute(FILLED).await.unwrap();
    for (begin, mode) in (1..).zip(["force_custom_plan", "force_generic_plan"]) {
        let name = client.query_one("SELECT current_database()", &[]).await.unwrap();
        let name: String = name.get(0);
        let set = format!("ALTER DATABASE {name} SET plan_cache_mode = {mode}");
        client.batch_execute(&set).await.unwrap();
        let again = servers.more(1).await;
        let before = rows_read(&client).await;
        use_them(&again, begin * 1_000).await;
        again.storages[0].close().await.unwrap();
        let after = rows_read(&client).await;
        assert_eq!(after.0 - before.0, 0, "{mode}: rows of scans");
        // The 1,000 names of the source: once to remember them, and in each read until the first of
        // a new name is added to them. Then a few for each of about 70 reads.
        let read = after.1 - before.1;
        assert!(read < 10_000, "{mode}: {read} rows");
    }
}
