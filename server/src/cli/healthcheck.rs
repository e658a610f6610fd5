//! `lamplight healthcheck`: whether the server accepts events, for containers and supervisors.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::outcome::{CommandError, Outcome};
use crate::client::{PlaceArgs, RemoteArgs, ServerAddress, settings, unreachable, without_secrets};
use crate::terminal::Output;

const EXAMPLES: &str = "\
Examples:
  Check the server of this machine, at its configured address:
    lamplight healthcheck
  Check only that the process answers, also while its disk is nearly full:
    lamplight healthcheck --alive

In a Dockerfile: HEALTHCHECK CMD [\"/lamplight\", \"healthcheck\"]";

/// What to check.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct HealthcheckArgs {
    /// Check only that the server answers, not that it accepts events
    #[arg(long)]
    pub alive: bool,
    /// Seconds to wait for the answer
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub timeout: u64,
    /// Address of the server [default: the one that it is configured to listen on]
    #[arg(long, env = "LAMPLIGHT_URL", hide_env_values = true, value_name = "URL")]
    pub url: Option<String>,
    /// File of certificate authorities (PEM) to trust beside Mozilla's roots, for a server with TLS
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Configuration file of the server [default: ./lamplight.toml, if it exists]
    #[arg(long, env = "LAMPLIGHT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Asks the server whether it is well. It needs no token.
///
/// # Errors
/// [`CommandError`], when it does not answer, or is not well.
pub async fn healthcheck(args: &HealthcheckArgs) -> Result<Outcome, CommandError> {
    let address = match &args.url {
        Some(url) => ServerAddress::parse(url)?,
        None => configured(args)?,
    };
    let timeout = Duration::from_secs(args.timeout);
    let client = without_secrets(&address, args.ca_file.as_deref(), timeout)?;
    let path = if args.alive { "/healthz" } else { "/readyz" };
    let asked = async {
        let sent = client.get(address.join(path)).send().await;
        let response = sent.map_err(|error| unreachable(&error, &address))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| unreachable(&error, &address))?;
        Ok::<_, CommandError>((status, text))
    };
    let (status, text) = tokio::time::timeout(timeout, asked).await.map_err(|_| {
        let seconds = args.timeout;
        CommandError::Failed(format!("check {address}: no answer within {seconds} s"))
    })??;
    let wanted = if args.alive { "ok" } else { "ready" };
    if status.is_success() && text.trim() == wanted {
        return Ok(Outcome::Done);
    }
    let problem: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let why = match problem["detail"].as_str() {
        Some(detail) => detail.to_owned(),
        None => format!("what answered is not a Lamplight server (HTTP {})", status.as_u16()),
    };
    Output::note(&format!("not well: {why}"));
    Ok(Outcome::Found)
}

fn configured(args: &HealthcheckArgs) -> Result<ServerAddress, CommandError> {
    let remote = RemoteArgs::default();
    let config = settings(&PlaceArgs { remote, data: None, config: args.config.clone() })?;
    ServerAddress::configured(&config).ok_or_else(|| {
        CommandError::Failed(format!(
            "find the server: it is configured to listen on {}, whose port the system chooses. \
             Name its address with --url",
            config.listen
        ))
    })
}
