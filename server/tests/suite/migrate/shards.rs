//! Several databases: an installation comes to them and leaves them by way of one.

use super::{Watched, command, copied, database, directory, moved, said};
use crate::harness::postgres::TestDatabase;
use crate::store::postgres::shards::{drained, moved as divided, removed};
use crate::store::sqlite::upgrade::fill;
use crate::store::sqlite::upgrade::server::Server;
use lamplight_server::migrate::Place;

/// Why a database is not moved.
async fn refusal(from: Place, to: Place) -> String {
    moved(from, to, &mut Watched::default()).await.unwrap_err().to_string()
}

#[tokio::test]
async fn an_installation_comes_to_several_databases_and_back_by_way_of_one() {
    let root = tempfile::tempdir().unwrap();
    let (data, back) = (root.path().join("data"), root.path().join("back"));
    std::fs::create_dir(&data).unwrap();
    fill(&data).await;
    let before = copied(&data, &root.path().join("before"));
    let server = Server::open(&before).unwrap();
    let read = server.read_store(3).await;
    server.close().await;

    let (one, two) = (TestDatabase::create().await, TestDatabase::create().await);
    let all = [&one, &two];
    moved(directory(&data), database(&one.url), &mut Watched::default()).await.unwrap();
    divided(&all, 1_024).await;
    for (number, shard) in [(1, &one), (2, &two)] {
        let error = refusal(database(&shard.url), directory(&back)).await;
        let says = format!("it is shard {number} of 2, and `lamplight migrate` moves one database");
        assert!(error.contains(&says) && error.contains("lamplight shards remove"), "{error}");
        let error = refusal(directory(&before), database(&shard.url)).await;
        assert!(error.contains("start the servers with the URLs of all"), "{error}");
    }
    drained(&all, &[2]).await;
    removed::remove(&all, 2, true).await.unwrap();
    moved(database(&one.url), directory(&back), &mut Watched::default()).await.unwrap();
    let server = Server::open(&back).unwrap();
    assert_eq!(server.read_store(3).await, read);
    server.close().await;
}

#[test]
fn several_urls_are_refused_and_the_error_says_what_to_do() {
    let several = "postgres://a@127.0.0.1:1/a postgres://a@127.0.0.1:1/b";
    for (from, to, says) in [
        (several, "./nowhere", "give the URL of the one that is left"),
        ("./nowhere", several, "divide the data with `lamplight shards move`"),
    ] {
        let (code, said) = said(command(from, to));
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("it names several databases") && said.contains(says), "{said}");
    }
}
