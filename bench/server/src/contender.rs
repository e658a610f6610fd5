//! The servers that are measured beside each other, and what each of them needs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::peer::{Peer, influx_program, nats_program};
use crate::postgres::Postgres;
use crate::results::Results;

/// Lamplight, or what people would use instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    /// A bare hello, which stores nothing.
    Hello,
    Lamplight,
    /// Node and PostgreSQL with one INSERT for each request.
    Node,
    Influx,
    JetStream,
    /// Node and PostgreSQL with a worker that makes rows.
    Story,
}

impl Contender {
    /// Those that take requests.
    pub(crate) const INTAKE: [Self; 5] =
        [Self::Hello, Self::Lamplight, Self::Node, Self::Influx, Self::JetStream];
    /// Those that make rows of what they took.
    pub(crate) const END_TO_END: [Self; 2] = [Self::Lamplight, Self::Story];

    /// What people would use instead.
    pub(crate) const DURABLE: [Self; 4] = [Self::Node, Self::Influx, Self::JetStream, Self::Story];

    /// What people read.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hello => "bare hello",
            Self::Lamplight => "Lamplight",
            Self::Node => "Node + PostgreSQL",
            Self::Influx => "InfluxDB",
            Self::JetStream => "JetStream",
            Self::Story => "story's stack",
        }
    }
}

/// The peers that can be started here.
pub(crate) struct Field {
    contenders: Vec<Contender>,
    /// The cluster that some of them share.
    cluster: Option<Postgres>,
    /// For their data.
    pub(crate) folder: PathBuf,
}

impl Field {
    /// Finds the programs of all peers. Those whose programs are not installed are left out.
    pub(crate) async fn gather(
        all: &[Contender],
        folder: &Path,
        results: &mut Results,
    ) -> Result<Self> {
        let mut field = Self { contenders: Vec::new(), cluster: None, folder: folder.to_owned() };
        for &contender in all {
            match field.prepare(contender).await {
                Ok(()) => {
                    results.missing.remove(contender.name());
                    field.contenders.push(contender);
                }
                Err(error) => {
                    println!("without {}: {error:#}", contender.name());
                    results.missing.insert(contender.name().into(), format!("{error:#}"));
                }
            }
        }
        Ok(field)
    }

    async fn prepare(&mut self, contender: Contender) -> Result<()> {
        match contender {
            Contender::Hello | Contender::Lamplight => {}
            Contender::Influx => drop(influx_program()?),
            Contender::JetStream => drop(nats_program()?),
            Contender::Node | Contender::Story => {
                if self.cluster.is_none() {
                    self.cluster = Some(Postgres::start(&self.folder.join("postgres"))?);
                }
                // Starting it once shows whether Node and its packages are there.
                drop(self.start(contender, &self.folder).await?);
            }
        }
        Ok(())
    }

    /// The peers in the order of a round: each begins in turn.
    pub(crate) fn in_order(&self, round: usize) -> Vec<Contender> {
        let mut order = self.contenders.clone();
        let count = order.len().max(1);
        order.rotate_left(round % count);
        order
    }

    /// Starts a peer with nothing stored.
    pub(crate) async fn start(&self, contender: Contender, folder: &Path) -> Result<Peer> {
        let cluster = || self.cluster.as_ref().context("PostgreSQL is not running");
        match contender {
            Contender::Hello => Peer::hello().await,
            Contender::Lamplight => Peer::lamplight(folder, None).await,
            Contender::Node => {
                let peer = Peer::node_pg(cluster()?).await?;
                self.sql("TRUNCATE payloads; CHECKPOINT").await?;
                Ok(peer)
            }
            Contender::Influx => Peer::influx(&folder.join("influxdb")).await,
            Contender::JetStream => Peer::jetstream(&folder.join("nats")).await,
            Contender::Story => {
                let peer = Peer::story(cluster()?).await?;
                self.sql("CHECKPOINT").await?;
                Ok(peer)
            }
        }
    }

    async fn sql(&self, sql: &str) -> Result<()> {
        let Some(cluster) = &self.cluster else { bail!("PostgreSQL is not running") };
        Ok(cluster.client(crate::peer::DATABASE).await?.batch_execute(sql).await?)
    }
}
