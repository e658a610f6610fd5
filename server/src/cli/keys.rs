//! `lamplight keys`: the keys that send events.

use clap::{Args, Subcommand};
use serde_json::json;

use super::credentials::{Half, create, list, set_revoked};
use super::outcome::{CommandError, Outcome, at_place};
use crate::client::{Api, Need, PlaceArgs};
use crate::terminal::Output;

const EXAMPLES: &str = "\
Examples:
  List the keys, with their ids:
    lamplight keys list
  Create a key for the pages of a shop, which other sites cannot use:
    lamplight keys create write --source shop --origin https://shop.example.com
  Create a key for a backend on a stopped server's data, and put it into a file:
    lamplight keys create secret --source billing --data lamplight-data > billing.key";

const CREATE_EXAMPLES: &str = "\
Examples:
  lamplight keys create write --source shop --origin https://shop.example.com
  lamplight keys create write --source app --events-per-s 5000
  lamplight keys create secret --source billing --json";

const REVOKE_EXAMPLES: &str = "\
Examples:
  lamplight keys revoke wk_0123456789ab";

const ENABLE_EXAMPLES: &str = "\
Examples:
  lamplight keys enable wk_0123456789ab";

/// What to do with keys.
#[derive(Debug, Clone, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum KeysCommand {
    /// List the write and secret keys
    #[command(after_help = "Examples:\n  lamplight keys list --json")]
    List(ListArgs),
    /// Create a key, and print it
    ///
    /// A write key is public: it is part of web pages, and may only send events. A secret key is
    /// for backends; it is printed once, and only its hash is stored.
    #[command(after_help = CREATE_EXAMPLES)]
    Create(CreateKeyArgs),
    /// Refuse a key from now on
    ///
    /// Pages that use it keep their events and send them when they get another key of the same
    /// source. To accept it again, use `lamplight keys enable`.
    #[command(after_help = REVOKE_EXAMPLES)]
    Revoke(IdArgs),
    /// Accept a revoked key again
    #[command(after_help = ENABLE_EXAMPLES)]
    Enable(IdArgs),
}

/// How to list.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Print each as JSON on a line of its own
    #[arg(long)]
    pub json: bool,
    /// Where to work.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Which key to create.
#[derive(Debug, Clone, Args)]
pub struct CreateKeyArgs {
    /// `write` for web pages, `secret` for backends
    #[arg(value_name = "KIND", value_parser = ["write", "secret"])]
    pub kind: String,
    /// Source of all events that are sent with the key
    #[arg(long, value_name = "SOURCE")]
    pub source: String,
    #[allow(rustdoc::bare_urls, reason = "help shows the text as it is")]
    /// Accept the key from pages of this origin only, such as https://shop.example.com; may be
    /// repeated
    #[arg(long = "origin", value_name = "ORIGIN")]
    pub origins: Vec<String>,
    /// Most events that the key may send in a second
    #[arg(long, value_name = "NUMBER")]
    pub events_per_s: Option<u64>,
    /// Most bytes that the key may send in a second
    #[arg(long, value_name = "NUMBER")]
    pub bytes_per_s: Option<u64>,
    /// Print it as JSON, with its id
    #[arg(long)]
    pub json: bool,
    /// Where to work.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Which key or token.
#[derive(Debug, Clone, Args)]
pub struct IdArgs {
    /// Its id, as the command `list` shows it
    #[arg(value_name = "ID")]
    pub id: String,
    /// Where to work.
    #[command(flatten)]
    pub place: PlaceArgs,
}

impl KeysCommand {
    /// Where to work.
    pub(super) fn place_mut(&mut self) -> &mut PlaceArgs {
        match self {
            Self::List(args) => &mut args.place,
            Self::Create(args) => &mut args.place,
            Self::Revoke(args) | Self::Enable(args) => &mut args.place,
        }
    }
}

/// Lists, creates or revokes keys.
///
/// # Errors
/// [`CommandError`].
pub async fn keys(command: &KeysCommand, out: &mut Output) -> Result<Outcome, CommandError> {
    match command {
        KeysCommand::List(args) => {
            at_place(&args.place, None, Need::Read, async |api: &Api| {
                list(api, Half::Keys, args.json, out).await
            })
            .await
        }
        KeysCommand::Create(args) => {
            let new = json!({
                "kind": args.kind,
                "source": args.source,
                "origins": args.origins,
                "events_per_s": args.events_per_s,
                "bytes_per_s": args.bytes_per_s,
            });
            at_place(&args.place, None, Need::Change, async |api: &Api| {
                create(api, &new, args.json, out).await
            })
            .await
        }
        KeysCommand::Revoke(args) | KeysCommand::Enable(args) => {
            let is_revoked = matches!(command, KeysCommand::Revoke(_));
            at_place(&args.place, None, Need::Change, async |api: &Api| {
                set_revoked(api, Half::Keys, &args.id, is_revoked).await
            })
            .await
        }
    }
}
