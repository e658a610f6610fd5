//! `lamplight demo --chaos`: the demo without a person. It kills tabs and the server, cuts the
//! network, and then checks that the demo's equation holds.

#[cfg(unix)]
mod browser;
#[cfg(unix)]
mod child;
#[cfg(unix)]
mod dashboard;
#[cfg(unix)]
mod demo_server;
#[cfg(unix)]
mod devtools;
#[cfg(unix)]
mod error;
#[cfg(unix)]
mod message;
#[cfg(unix)]
mod plan;
#[cfg(unix)]
mod program;
#[cfg(unix)]
mod reading;
#[cfg(unix)]
mod run;
#[cfg(unix)]
mod scratch;
#[cfg(unix)]
mod stop;
#[cfg(unix)]
mod tabs;

use std::path::PathBuf;

use clap::Args;

use super::outcome::{CommandError, Outcome};
use crate::terminal::Output;

/// How to run the demo headless.
#[derive(Debug, Clone, Args)]
#[command(
    next_help_heading = "Chaos (without a person: kills tabs and the server, cuts the network)"
)]
pub struct ChaosArgs {
    /// Run the demo headless, try to lose events, and exit with 1 if the equation does not hold
    #[arg(long)]
    pub chaos: bool,
    /// How long to make events and to break things, in seconds
    #[arg(long, value_name = "SECONDS", requires = "chaos", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// How many tabs make events, 50 per second each
    #[arg(long, value_name = "COUNT", requires = "chaos", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=20))]
    pub tabs: u8,
    /// Repeat the order of what an earlier run did, by the seed that it printed
    #[arg(long, value_name = "NUMBER", requires = "chaos")]
    pub seed: Option<u64>,
    /// Chromium, Chrome or Edge [default: `LAMPLIGHT_CHROMIUM`, or the first one on the PATH]
    #[arg(long, value_name = "FILE", requires = "chaos")]
    pub browser: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long, requires = "chaos")]
    pub json: bool,
}

/// Runs the demo in a browser that it starts, breaks what it can, and prints where the events are.
///
/// # Errors
/// [`CommandError`], when the server or the browser does not do what it should.
#[cfg(unix)]
pub async fn chaos(args: &ChaosArgs, out: &mut Output) -> Result<Outcome, CommandError> {
    use std::sync::Arc;

    let stop = Arc::new(stop::Stop::default());
    let (args, its_stop) = (args.clone(), Arc::clone(&stop));
    let json = args.json;
    let mut running = tokio::task::spawn_blocking(move || run::run(&args, &its_stop));
    let ended = tokio::select! {
        ended = &mut running => ended,
        () = super::outcome::interrupt() => {
            stop.set();
            // It ends the browser and the server, and removes their files.
            running.await
        }
    };
    let result = ended.map_err(|error| CommandError::Failed(format!("run chaos: {error}")))?;
    let report = result.map_err(|error| CommandError::Failed(error.to_string()))?;
    report.write(out, json)?;
    Ok(if report.holds() { Outcome::Done } else { Outcome::Found })
}

/// Says that this system cannot do it.
///
/// # Errors
/// Always.
#[cfg(not(unix))]
#[allow(clippy::unused_async, reason = "the same signature on every system")]
pub async fn chaos(_: &ChaosArgs, _: &mut Output) -> Result<Outcome, CommandError> {
    Err(CommandError::Failed(
        "run chaos: it kills processes by signals, which Windows does not have. Run it in WSL, or \
         open the page of `lamplight demo` and end tabs in the browser's task manager"
            .to_owned(),
    ))
}
