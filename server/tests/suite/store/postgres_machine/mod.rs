//! A machine on which a server works with a real PostgreSQL. The server crashes, and PostgreSQL
//! goes on: all connections end at any message, and another server opens the same database.

mod network;
mod recount;
pub(crate) mod seeds;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lamplight_server::store::postgres::{self, repair};
use lamplight_server::store::{Answer, Database, Opening, Route, Storage, WriterLimits};
use lamplight_server::system::supervisor::Supervisor;
use tokio::sync::OnceCell;

use crate::harness::now;
use crate::harness::postgres::{TestDatabase, urls};
use crate::store::machine::{Crash, Doing, EventStorage, Machine};

use network::Network;

/// Sessions of servers.
const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity WHERE application_name = ANY($1)";
/// Sessions whose connections were cut end within this, or they hang.
const ENDED_MAX: Duration = Duration::from_mins(1);

/// A new machine with a database of its own. Its operations are those of [`Network`].
pub(crate) fn on_postgres() -> Box<dyn Machine> {
    Box::new(PostgresMachine::on(Arc::default()))
}

/// Two machines on one database.
pub(crate) fn two_on_postgres() -> [Box<dyn Machine>; 2] {
    let database = Arc::<OnceCell<TestDatabase>>::default();
    [(); 2].map(|()| -> Box<dyn Machine> { Box::new(PostgresMachine::on(Arc::clone(&database))) })
}

/// See [`on_postgres`].
struct PostgresMachine {
    /// It is made when a server first opens it.
    database: Arc<OnceCell<TestDatabase>>,
    /// The network of a server, and what PostgreSQL knows that server as. The next server after a
    /// crash has others.
    server: Option<(Network, String)>,
    /// Servers that are gone, although PostgreSQL may still do what they asked for.
    gone: Vec<String>,
}

impl PostgresMachine {
    fn on(database: Arc<OnceCell<TestDatabase>>) -> Self {
        Self { database, server: None, gone: Vec::new() }
    }

    fn network(&self) -> Option<&Network> {
        self.server.as_ref().map(|(network, _)| network)
    }

    async fn boot(&mut self, routes: Vec<Route>) -> Option<Storage> {
        let database = self.database.get_or_init(TestDatabase::create).await;
        let (network, name) = self.server.get_or_insert_with(|| connected(database));
        let url = database.url_over(network.port);
        let url = urls(&format!("{url}&application_name={name}"));
        let opened = loop {
            let breaks = network.breaks();
            let (limits, opening) = (WriterLimits::default(), Opening::Serve(routes.clone()));
            match postgres::open_as(&url, limits, opening, &Supervisor::default()).await {
                Ok(storage) => break Some(storage),
                Err(_) if network.is_cut() => break None,
                Err(error) => assert!(network.breaks() > breaks, "the network works: {error:?}"),
            }
        };
        // It began while they were still at work, and looks at what they left once they are done.
        let gone = std::mem::take(&mut self.gone);
        sessions_end(database, &gone).await;
        opened
    }

    fn database(&self) -> &TestDatabase {
        self.database.get().unwrap()
    }

    async fn recount(&self) -> Vec<String> {
        let mut faults = recount::faults(&mut self.database().client().await).await;
        let url = self.database().url.parse().unwrap();
        let repaired = repair(&url, &mut |_, _| {}).await.unwrap();
        if repaired.changed > 0 {
            faults.push(format!("tallies and rows: {repaired:?}"));
        }
        faults
    }
}

/// A network to a database, and the name of a server that uses it.
fn connected(database: &TestDatabase) -> (Network, String) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    (Network::start(database.port), format!("server-{number}"))
}

/// Waits until a database has noticed that servers are gone.
async fn sessions_end(database: &TestDatabase, servers: &[String]) {
    let (client, begun) = (database.client().await, now());
    while client.query_one(SESSIONS, &[&servers]).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(begun.elapsed() < ENDED_MAX, "sessions of a server that is gone hang");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

impl Machine for PostgresMachine {
    fn open(&mut self, routes: Vec<Route>) -> Doing<'_, Option<Storage>> {
        Box::pin(self.boot(routes))
    }

    fn open_events(&mut self, routes: Vec<Route>) -> Doing<'_, Option<EventStorage>> {
        Box::pin(async move {
            let storage = self.boot(routes).await?;
            Some(EventStorage {
                events: Arc::clone(&storage.events),
                delivery_queue: Arc::clone(&storage.delivery_queue),
                database: Arc::new(Whole(storage)),
            })
        })
    }

    fn fail_after(&mut self, operations: u64) {
        if let Some(network) = self.network() {
            network.cut_after(operations);
        }
    }

    fn break_after(&mut self, operations: u64) {
        if let Some(network) = self.network() {
            network.break_after(operations);
        }
    }

    fn has_failed(&self) -> bool {
        self.network().is_some_and(Network::is_cut)
    }

    fn failed(&self) -> Doing<'static, ()> {
        Box::pin(self.network().unwrap().becomes_cut())
    }

    fn crash(&mut self, _: Crash) -> Doing<'_, ()> {
        // Dropping the network cuts it.
        self.gone.extend(self.server.take().map(|(_, name)| name));
        Box::pin(async {})
    }

    fn faults(&self) -> Doing<'_, Vec<String>> {
        Box::pin(self.recount())
    }
}

/// Both halves of storage, which are closed together.
struct Whole(Storage);

impl Database for Whole {
    fn is_up(&self) -> bool {
        self.0.events_database.is_up()
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(self.0.close())
    }
}
