//! What a server does with several databases: it divides plans by the map, and reads the map again
//! when a database has another one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lamplight_server::store::postgres::shards::{ShardDatabase, ShardEpoch, split};
use lamplight_server::store::shard_map::ShardMap;
use lamplight_server::store::{Opening, Plan, Route, Storage, StoreError, WriterLimits, postgres};
use lamplight_server::system::supervisor::Supervisor;
use lamplight_wire::event::Kind;

use crate::harness::now;
use crate::harness::postgres::{TestDatabase, urls};
use crate::store::sqlite::upgrade::server::NOW;

pub(crate) fn routes() -> Vec<Route> {
    let (only, except, types) = (Vec::new(), Vec::new(), vec![Kind::Default]);
    vec![Route { sink: "archive".into(), kind: "file", types, only, except }]
}

/// A server's view of several databases.
pub(crate) struct Router {
    states: Vec<ShardDatabase>,
    pub(crate) stores: Vec<Storage>,
    epoch: ShardEpoch,
    known: Mutex<(ShardMap, BTreeMap<u16, usize>)>,
}

impl Router {
    pub(crate) async fn open(databases: &[&TestDatabase]) -> Self {
        let (epoch, mut states, mut stores) = (ShardEpoch::default(), Vec::new(), Vec::new());
        for database in databases {
            let url = database.url.parse().unwrap();
            let state = ShardDatabase::connect(&url, &Opening::Read).await.unwrap();
            epoch.set(state.state().await.unwrap().map.epoch.max(epoch.known()));
            states.push(state);
        }
        for database in databases {
            let (limits, supervisor) = (WriterLimits::default(), Supervisor::default());
            let (urls, opening) = (urls(&database.url), Opening::Serve(routes()));
            let opened = postgres::open_shard(&urls, limits, opening, &supervisor, epoch.clone());
            stores.push(opened.await.unwrap());
        }
        let known = Mutex::new((ShardMap::alone(), BTreeMap::new()));
        let router = Self { states, stores, epoch, known };
        router.read_map().await;
        router
    }

    /// Reads the newest map, and which database is which shard.
    pub(crate) async fn read_map(&self) {
        let (mut map, mut places) = (ShardMap::alone(), BTreeMap::new());
        for (at, shard) in self.states.iter().enumerate() {
            let state = shard.state().await.unwrap();
            if at == 0 || state.installation.is_some() {
                places.insert(state.number, at);
            }
            if state.map.epoch > map.epoch {
                map = state.map;
            }
        }
        self.epoch.set(map.epoch);
        *self.known.lock().unwrap() = (map, places);
    }

    /// Applies a plan once: the parts that can be. Gives whether all were.
    pub(crate) async fn try_apply(&self, plan: &Arc<Plan>) -> bool {
        let (map, places) = self.known.lock().unwrap().clone();
        let mut is_whole = true;
        for (number, part) in split(plan, &map) {
            let applied = self.stores[places[&number]].events.apply(vec![part], NOW).await;
            match applied {
                Ok(_) => {}
                Err(StoreError::OtherEpoch { .. } | StoreError::Moving { .. }) => is_whole = false,
                Err(error) => panic!("{error:?}"),
            }
        }
        if !is_whole {
            self.read_map().await;
        }
        is_whole
    }

    /// Applies a plan until all of it is applied.
    pub(crate) async fn apply(&self, plan: &Arc<Plan>) {
        let begun = now();
        while !self.try_apply(plan).await {
            assert!(begun.elapsed() < Duration::from_mins(2), "it hangs");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn close(self) {
        for store in self.stores {
            store.close().await.unwrap();
        }
        self.states.iter().for_each(ShardDatabase::close);
    }
}
