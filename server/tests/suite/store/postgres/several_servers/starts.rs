//! Servers that start at the same time on a new database.

use std::time::Duration;

use crate::harness::postgres::TestDatabase;
use crate::harness::{Server, command};

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_at_the_same_time_make_one_set_of_keys() {
    let database = TestDatabase::create_empty().await;
    let starts: Vec<_> = (0..3)
        .map(|_| {
            let url = database.url.clone();
            std::thread::spawn(move || {
                let folder = tempfile::tempdir().unwrap();
                let mut command = command("serve", folder.path());
                for setting in ["WRITE_KEY", "SECRET_KEY", "ADMIN_TOKEN"] {
                    command.env_remove(format!("LAMPLIGHT_{setting}"));
                }
                command.env("LAMPLIGHT_DATABASE_URL", url);
                Server::start(command)
            })
        })
        .collect();
    let servers: Vec<Server> = starts.into_iter().map(|start| start.join().unwrap()).collect();
    let client = database.client().await;
    let kinds = "SELECT string_agg(kind, ' ' ORDER BY kind) FROM keys";
    let kinds: String = client.query_one(kinds, &[]).await.unwrap().get(0);
    assert_eq!(kinds, "admin secret write");
    let shown = |prefix: &str| servers.iter().filter(|it| it.output.contains(prefix)).count();
    assert_eq!(shown("at_"), 1, "who made the keys shows them");
    let printed = servers.iter().find(|it| it.output.contains("at_")).unwrap();
    let token = printed.output.split_whitespace().find(|it| it.starts_with("at_")).unwrap();
    let bearer = format!("Bearer {token}");
    for server in &servers {
        let begun = crate::harness::now();
        while server.get("/api/totals", &[("authorization", &bearer)]).status != 200 {
            assert!(begun.elapsed() < Duration::from_secs(7), "{token} is unknown");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
