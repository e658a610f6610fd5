//! How much is measured: a few minutes by default, everything with `--full`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::{end_to_end, intake, seconds};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Durable answers beside peers, while nothing is processed
    Intake,
    /// Raw requests into deduplicated, enriched rows, beside the story's stack
    EndToEnd,
    /// Processing beside a bare loop of prepared inserts, and what deduplication costs
    Process,
    /// Processing in a store that holds many events, beside an empty one
    Growth,
    /// The time until the first answer, and memory
    Footprint,
    /// Delivery of a backlog to a sink
    Sinks,
    /// The cost of deduplication in the writer thread's CPU time and in bytes written. Runs only if
    /// asked for
    Dedup,
    /// Nothing: only writes the tables again. Use it with `--keep`
    Report,
    /// Three nodes of NATS, and two databases. Runs only if asked for, as do its parts
    Cluster,
    /// Durable intake on three nodes of NATS, on one `PostgreSQL`, and embedded
    ClusterIntake,
    /// Events from the request to the row, with one database and with two
    ClusterShards,
    /// What the lock costs that keeps writers from buckets that move
    ClusterGate,
}

impl Part {
    /// Whether it is about clusters.
    pub(crate) const fn is_of_cluster(self) -> bool {
        matches!(
            self,
            Self::Cluster | Self::ClusterIntake | Self::ClusterShards | Self::ClusterGate
        )
    }

    pub(crate) const fn heading(self) -> &'static str {
        match self {
            Self::Intake => "durable intake, beside peers in turn",
            Self::EndToEnd => "end to end: the highest rate at which the backlog does not grow",
            Self::Process => "processing",
            Self::Growth => "processing among many events",
            Self::Footprint => "footprint",
            Self::Sinks => "delivery of a backlog",
            Self::Dedup => "what deduplication costs",
            Self::Report => "tables",
            Self::Cluster => "clusters",
            Self::ClusterIntake => "durable intake of a cluster",
            Self::ClusterShards => "one database and two",
            Self::ClusterGate => "the gate",
        }
    }
}

/// What to measure, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Extent {
    /// Measure only this (repeatable)
    #[arg(long, value_enum)]
    pub(crate) only: Vec<Part>,
    /// Measure every combination of connections and events, for longer. This takes hours
    #[arg(long)]
    full: bool,
    /// Numbers of connections
    #[arg(long, value_delimiter = ',')]
    connections: Vec<usize>,
    /// Numbers of events in a request
    #[arg(long, value_delimiter = ',', value_parser = events)]
    events: Vec<usize>,
    /// Turns of each peer
    #[arg(long)]
    rounds: Option<usize>,
    /// How long one turn of one peer takes in intake, in seconds: four at most, because processing
    /// cannot be held for longer
    #[arg(long, value_name = "SECONDS", value_parser = turn)]
    turn_s: Option<Duration>,
    /// For how long a rate must be sustained end to end, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    sustained_s: Option<Duration>,
    /// How many events a store holds to which others are added, such as 1000000,10000000,50000000.
    /// Fifty million take 30 GB of disk
    #[arg(long, value_delimiter = ',')]
    rows: Vec<u64>,
}

impl Extent {
    /// Whether a part is measured.
    pub(crate) fn does(&self, part: Part) -> bool {
        if self.only.is_empty() {
            return !matches!(part, Part::Dedup | Part::Report) && !part.is_of_cluster();
        }
        let is_in_all = part.is_of_cluster() && self.only.contains(&Part::Cluster);
        is_in_all || self.only.contains(&part)
    }

    /// How long a turn of intake takes, if nothing else was asked for.
    pub(crate) fn turn_or(&self, default_s: u64) -> Duration {
        self.turn_s.unwrap_or(Duration::from_secs(default_s))
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(3).max(1)
    }

    /// How many events the stores of the growth part hold.
    pub(crate) fn rows(&self) -> Vec<u64> {
        let default: &[u64] = if self.full { &[1_000_000, 10_000_000] } else { &[1_000_000] };
        given(&self.rows, default)
    }

    pub(crate) fn intake(&self) -> intake::Plan {
        let all: (&[usize], &[usize]) =
            if self.full { (&[1, 16, 64, 256], &[1, 10, 100]) } else { (&[16, 64, 256], &[10]) };
        intake::Plan {
            connections: given(&self.connections, all.0),
            events: given(&self.events, all.1),
            turn: self.turn_or(if self.full { 3 } else { 1 }),
            rounds: self.rounds(),
        }
    }

    pub(crate) fn end_to_end(&self) -> end_to_end::Plan {
        let (connections, events): (&[usize], &[usize]) =
            if self.full { (&[1, 16, 64, 256], &[1, 10, 100]) } else { (&[64], &[10]) };
        let (trial_s, sustained_s) = if self.full { (8, 60) } else { (5, 12) };
        end_to_end::Plan {
            connections: given(&self.connections, connections),
            events: given(&self.events, events),
            trial: Duration::from_secs(trial_s),
            sustained: self.sustained_s.unwrap_or(Duration::from_secs(sustained_s)),
            rounds: self.rounds.unwrap_or(if self.full { 3 } else { 1 }).max(1),
        }
    }
}

fn given<T: Copy>(asked: &[T], default: &[T]) -> Vec<T> {
    if asked.is_empty() { default.to_vec() } else { asked.to_vec() }
}

fn turn(text: &str) -> Result<Duration, String> {
    let turn = seconds(text)?;
    if turn > intake::TURN_MAX {
        return Err(format!("at most {} s", intake::TURN_MAX.as_secs()));
    }
    Ok(turn)
}

/// A page sends its hundred events in whole requests.
fn events(text: &str) -> Result<usize, String> {
    let events: usize = text.parse().map_err(|_| "a number is expected".to_owned())?;
    if events == 0 || events > 1_000 || (events < 100 && 100 % events != 0) {
        return Err("a divisor of 100, or 100 to 1,000".into());
    }
    Ok(events)
}
