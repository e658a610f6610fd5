//! The arguments of `lamplight shards`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ShardsError;
use crate::config::{text_in_file, texts_in_file};
use crate::store::postgres::DatabaseUrl;
use crate::system::secret::{Secret, read_file};

const EXAMPLES: &str = "\
Examples:
  Show which database has what:
    lamplight shards status
  Divide what one database has between two. The second one must be empty:
    lamplight shards plan --database-url postgres://lamp@pg1/lamp --database-url postgres://lamp@pg2/lamp
    lamplight shards move --database-url postgres://lamp@pg1/lamp --database-url postgres://lamp@pg2/lamp
  Move everything away from shard 3:
    lamplight shards move --drain 3
  Remove shard 3, which is drained:
    lamplight shards remove 3";

/// What to do with shards.
#[derive(Debug, Clone, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum ShardsCommand {
    /// Show what `move` would move, and about how much that is; changes nothing
    #[command(after_help = "Examples:\n  lamplight shards plan --drain 3")]
    Plan(ShardPlanArgs),
    /// Move buckets, so that every database has about as many
    ///
    /// Databases of the URLs that are new must be empty, and are added. Servers may run, and take
    /// events all the time: those of the buckets that are just moving wait in the queue. Ctrl-C
    /// finishes what is moving, and a second one stops at once. Nothing is lost either way: run the
    /// command again, and it goes on. If it does not finish what is moving, events of these buckets
    /// wait until it is run again.
    #[command(after_help = "Examples:\n  lamplight shards move\n  lamplight shards move --drain 3")]
    Move(ShardMoveArgs),
    /// Remove a shard that has no buckets any more, so that servers need its URL no longer
    ///
    /// Drain it first, with `move --drain`. What it has counted, such as deliveries that were sent,
    /// is counted in the first shard from then on.
    #[command(after_help = "Examples:\n  lamplight shards remove 3")]
    Remove(ShardRemoveArgs),
    /// Show all shards: what each has, and whether something is moving
    ///
    /// Exits with 1 if something needs attention, and says what to do.
    #[command(after_help = "Examples:\n  lamplight shards status --json")]
    Status(ShardStatusArgs),
}

/// Which databases.
#[derive(Debug, Clone, Args)]
pub struct ShardUrlArgs {
    /// URL of a database; give it once for each [default: those of the configuration file]
    #[arg(long, env = "LAMPLIGHT_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Vec<Secret>,
    /// File that holds the URLs of the databases, one in each line
    #[arg(long, env = "LAMPLIGHT_DATABASE_URL_FILE", hide_env_values = true, value_name = "FILE")]
    pub database_url_file: Option<PathBuf>,
    /// Configuration file that may name the databases [default: ./lamplight.toml, if it exists]
    #[arg(long, env = "LAMPLIGHT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What to plan.
#[derive(Debug, Clone, Args)]
pub struct ShardPlanArgs {
    /// Number of a shard that is to have no buckets
    #[arg(long, value_name = "SHARD")]
    pub drain: Vec<u16>,
    /// Number of a shard that was drained and is to have buckets again
    #[arg(long, value_name = "SHARD")]
    pub fill: Vec<u16>,
    /// Print the plan as JSON
    #[arg(long)]
    pub json: bool,
    /// Which databases.
    #[command(flatten)]
    pub urls: ShardUrlArgs,
}

/// What to move.
#[derive(Debug, Clone, Args)]
pub struct ShardMoveArgs {
    /// Number of a shard that is to have no buckets; it stays so until --fill
    #[arg(long, value_name = "SHARD")]
    pub drain: Vec<u16>,
    /// Number of a shard that was drained and is to have buckets again
    #[arg(long, value_name = "SHARD")]
    pub fill: Vec<u16>,
    /// How many of the 1,024 buckets move at a time [default: those of about 500,000 events]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub at_once: Option<u16>,
    /// Print what was moved as JSON
    #[arg(long)]
    pub json: bool,
    /// Which databases.
    #[command(flatten)]
    pub urls: ShardUrlArgs,
}

/// What to remove.
#[derive(Debug, Clone, Args)]
pub struct ShardRemoveArgs {
    /// Number of the shard
    #[arg(value_name = "SHARD")]
    pub shard: u16,
    /// Leave the bodies of payloads behind that it has for replays
    #[arg(long)]
    pub without_payloads: bool,
    /// Which databases, that of this shard included.
    #[command(flatten)]
    pub urls: ShardUrlArgs,
}

/// How to show the shards.
#[derive(Debug, Clone, Args)]
pub struct ShardStatusArgs {
    /// Print the shards as JSON
    #[arg(long)]
    pub json: bool,
    /// Which databases.
    #[command(flatten)]
    pub urls: ShardUrlArgs,
}

impl ShardUrlArgs {
    /// The URLs.
    pub(super) fn urls(&self) -> Result<Vec<DatabaseUrl>, ShardsError> {
        let mut given: Vec<String> =
            self.database_url.iter().map(|url| url.reveal().to_owned()).collect();
        let mut file = self.database_url_file.clone();
        if given.is_empty() && file.is_none() {
            let config = self.config.as_deref();
            given.extend(texts_in_file(config, "database_url")?);
            file = text_in_file(config, "database_url_file")?.map(PathBuf::from);
        }
        if let Some(file) = file {
            let text = read_file(&file)
                .map_err(|error| ShardsError::Url(format!("read {}: {error}", file.display())))?;
            given.push(text);
        }
        let urls = given.iter().flat_map(|text| text.split_whitespace());
        let urls: Result<Vec<DatabaseUrl>, _> = urls.map(str::parse).collect();
        let urls = urls.map_err(|error| ShardsError::Url(error.to_string()))?;
        if urls.is_empty() {
            return Err(ShardsError::Url(
                "there is none: give --database-url once for each database".to_owned(),
            ));
        }
        Ok(urls)
    }
}
