//! The `lamplight` binary: reads the command line and runs the command.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use lamplight_server::cli::backup::backup;
use lamplight_server::cli::replay::replay;
use lamplight_server::cli::restore::restore;
use lamplight_server::cli::serve::{Mode, serve, stop_signal};
use lamplight_server::cli::verify::{Verdict, verify};
use lamplight_server::cli::{Command, config};
use lamplight_server::config::unknown_variables;
use lamplight_server::store::sqlite::sql_worker;
use lamplight_server::system::clock::{Clock as _, SystemClock};
use lamplight_server::system::{logging, private_file};

/// The allocator of musl serializes threads.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    private_file::make_process_private();
    let command = match Command::load() {
        Ok(command) => command,
        Err(error) => return fail("", &error),
    };
    if matches!(command, Command::SqlWorker) {
        // Without threads, and before anything else takes memory.
        return match sql_worker::run(std::io::stdin(), std::io::stdout()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail("run a statement", &error),
        };
    }
    if let Some(config) = command.config() {
        logging::start(&config.logging);
        for exposed in &config.exposed_secrets {
            tracing::warn!("{exposed}");
        }
        // Names alone, because a value may be a secret.
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        for unknown in unknown_variables(&config.sinks, names) {
            tracing::warn!("{unknown}");
        }
    }
    // These work on files, on a single thread.
    let (out, now_ms) = (&mut std::io::stdout(), SystemClock.now_ms());
    let on_files: Option<Result<Verdict, Box<dyn Error>>> = match &command {
        Command::Backup(args) => Some(match backup(args, now_ms, out) {
            Ok(()) => Ok(Verdict::Healthy),
            Err(error) => Err(error.into()),
        }),
        Command::Restore(args) => Some(match restore(args, now_ms, out) {
            Ok(()) => Ok(Verdict::Healthy),
            Err(error) => Err(error.into()),
        }),
        Command::Verify(args) => Some(verify(args, out).map_err(Into::into)),
        _ => None,
    };
    match on_files {
        Some(Ok(Verdict::Healthy)) => return ExitCode::SUCCESS,
        Some(Ok(Verdict::Violated)) => return ExitCode::FAILURE,
        Some(Err(error)) => return fail("", &*error),
        None => {}
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail("start threads", &error),
    };
    let ran: Result<(), Box<dyn Error>> = runtime.block_on(async {
        match command {
            Command::Serve(config) => serve(&config, Mode::Serve, stop_signal()).await?,
            Command::Demo(config) => serve(&config, Mode::Demo, stop_signal()).await?,
            Command::Replay(args) => replay(&args, &mut std::io::stdout()).await?,
            Command::Config(command) => config::show(&command, &mut std::io::stdout())?,
            // Done above.
            Command::Backup(_) | Command::Restore(_) | Command::Verify(_) | Command::SqlWorker => {}
        }
        Ok(())
    });
    // A read that is still running must not hold up the end.
    runtime.shutdown_background();
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail("", &*error),
    }
}

/// Says what failed and why. Errors complete "failed to …".
fn fail(doing: &str, error: &dyn Error) -> ExitCode {
    let separator = if doing.is_empty() { "" } else { ": " };
    let mut text = format!("error: failed to {doing}{separator}{error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}\n  because: {error}");
        cause = error.source();
    }
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::FAILURE
}
