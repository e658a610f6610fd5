//! `lamplight token`: the tokens that read and operate a server.

use clap::{Args, Subcommand};
use serde_json::json;

use super::credentials::{Half, create, list, set_revoked};
use super::keys::{IdArgs, ListArgs};
use super::outcome::{CommandError, Outcome, at_place};
use crate::client::{Api, Need, PlaceArgs};
use crate::terminal::Output;

const EXAMPLES: &str = "\
Examples:
  Create a token that can only read, for a dashboard:
    lamplight token create viewer --source grafana
  Replace a lost admin token: stop the server, then work on its data directory:
    lamplight token create admin --source ops --data lamplight-data > admin.token
  Give a token to other commands without an argument that other users could read:
    lamplight token list --token-file admin.token";

const CREATE_EXAMPLES: &str = "\
Examples:
  lamplight token create viewer --source grafana
  lamplight token create admin --source ops --data lamplight-data";

const REVOKE_EXAMPLES: &str = "\
Examples:
  lamplight token revoke at_0123456789ab";

const ENABLE_EXAMPLES: &str = "\
Examples:
  lamplight token enable at_0123456789ab";

/// What to do with tokens.
#[derive(Debug, Clone, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum TokenCommand {
    /// List the admin and viewer tokens
    #[command(after_help = "Examples:\n  lamplight token list --json")]
    List(ListArgs),
    /// Create a token, and print it once
    ///
    /// Only its hash is stored. If all admin tokens are lost, stop the server, and create one on
    /// its data directory.
    #[command(after_help = CREATE_EXAMPLES)]
    Create(CreateTokenArgs),
    /// Refuse a token from now on
    #[command(after_help = REVOKE_EXAMPLES)]
    Revoke(IdArgs),
    /// Accept a revoked token again
    #[command(after_help = ENABLE_EXAMPLES)]
    Enable(IdArgs),
}

/// Which token to create.
#[derive(Debug, Clone, Args)]
pub struct CreateTokenArgs {
    /// `viewer` can only read; `admin` can read and change everything
    #[arg(value_name = "KIND", value_parser = ["admin", "viewer"])]
    pub kind: String,
    /// Who or what uses it
    #[arg(long, value_name = "NAME", default_value = "console")]
    pub source: String,
    /// Print it as JSON, with its id
    #[arg(long)]
    pub json: bool,
    /// Where to work.
    #[command(flatten)]
    pub place: PlaceArgs,
}

impl TokenCommand {
    /// Where to work.
    pub(super) fn place_mut(&mut self) -> &mut PlaceArgs {
        match self {
            Self::List(args) => &mut args.place,
            Self::Create(args) => &mut args.place,
            Self::Revoke(args) | Self::Enable(args) => &mut args.place,
        }
    }
}

/// Lists, creates or revokes tokens.
///
/// # Errors
/// [`CommandError`].
pub async fn token(command: &TokenCommand, out: &mut Output) -> Result<Outcome, CommandError> {
    match command {
        TokenCommand::List(args) => {
            at_place(&args.place, None, Need::Read, async |api: &Api| {
                list(api, Half::Tokens, args.json, out).await
            })
            .await
        }
        TokenCommand::Create(args) => {
            let new = json!({ "kind": args.kind, "source": args.source });
            at_place(&args.place, None, Need::Change, async |api: &Api| {
                create(api, &new, args.json, out).await
            })
            .await
        }
        TokenCommand::Revoke(args) | TokenCommand::Enable(args) => {
            let is_revoked = matches!(command, TokenCommand::Revoke(_));
            at_place(&args.place, None, Need::Change, async |api: &Api| {
                set_revoked(api, Half::Tokens, &args.id, is_revoked).await
            })
            .await
        }
    }
}
