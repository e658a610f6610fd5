//! The `lamplight` binary: reads the command line and runs the command.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use lamplight_server::cli::backup::backup;
use lamplight_server::cli::chaos::chaos;
use lamplight_server::cli::completions::completions;
use lamplight_server::cli::export::export;
use lamplight_server::cli::forget::forget;
use lamplight_server::cli::gaps::gaps;
use lamplight_server::cli::healthcheck::healthcheck;
use lamplight_server::cli::keys::keys;
use lamplight_server::cli::man::man;
use lamplight_server::cli::migrate::migrate;
use lamplight_server::cli::query::query;
use lamplight_server::cli::replay::replay;
use lamplight_server::cli::restore::restore;
use lamplight_server::cli::retry::retry;
use lamplight_server::cli::serve::{Mode, serve, stop_signal};
use lamplight_server::cli::shards::shards;
use lamplight_server::cli::sinks::sinks;
use lamplight_server::cli::tail::tail;
use lamplight_server::cli::token::token;
use lamplight_server::cli::top::top;
use lamplight_server::cli::verify::verify;
use lamplight_server::cli::{Command, Outcome, config};
use lamplight_server::config::{LogFormat, LogSettings, unknown_variables};
use lamplight_server::store::sqlite::sql_worker;
use lamplight_server::system::clock::{Clock as _, SystemClock};
use lamplight_server::system::{logging, private_file};
use lamplight_server::terminal::{Output, console, is_closed_pipe};

/// The system's allocators are slower, above all that of musl, which serializes threads.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    private_file::make_process_private();
    console::show_styles();
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
    } else {
        // What a command does with a data directory is not worth a line, but what goes wrong is.
        logging::start(&LogSettings { log: "warn".into(), log_format: LogFormat::Human });
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail("start threads", &error),
    };
    let ran = runtime.block_on(run(command));
    // A read that is still running must not hold up the end.
    runtime.shutdown_background();
    match ran {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::FAILURE,
        // As after `| head -1`: nobody wants more.
        Err(error) if is_closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => fail("", &*error),
    }
}

async fn run(command: Command) -> Result<Outcome, Box<dyn Error>> {
    let (out, now_ms) = (&mut Output::stdout(), SystemClock.now_ms());
    match command {
        Command::Serve(config) => serve(&config, Mode::Serve, stop_signal()).await?,
        Command::Demo(demo) if demo.chaos.chaos => return Ok(chaos(&demo.chaos, out).await?),
        Command::Demo(demo) => serve(&demo.config, Mode::Demo, stop_signal()).await?,
        Command::Config(command) => config::show(&command, out)?,
        Command::Completions(args) => completions(&args, out)?,
        Command::Man(args) => man(&args, out)?,
        Command::Replay(args) => return Ok(replay(&args, out).await?),
        Command::Tail(args) => return Ok(tail(&args, out).await?),
        Command::Top(args) => return Ok(top(&args, out).await?),
        Command::Gaps(args) => return Ok(gaps(&args, out).await?),
        Command::Query(args) => return Ok(query(&args, out).await?),
        Command::Export(args) => return Ok(export(&args, out).await?),
        Command::Keys(command) => return Ok(keys(&command, out).await?),
        Command::Token(command) => return Ok(token(&command, out).await?),
        Command::Sinks(command) => return Ok(sinks(&command, out).await?),
        Command::Retry(args) => return Ok(retry(&args, out).await?),
        Command::Forget(args) => return Ok(forget(&args, out).await?),
        Command::Healthcheck(args) => return Ok(healthcheck(&args).await?),
        Command::Backup(args) => backup(&args, now_ms, out)?,
        Command::Restore(args) => restore(&args, now_ms, out)?,
        Command::Migrate(args) => migrate(&args, now_ms, out).await?,
        Command::Shards(command) => return Ok(shards(&command, now_ms, out).await?),
        Command::Verify(args) => return Ok(verify(&args, out).await?),
        // Done before there are threads.
        Command::SqlWorker => {}
    }
    out.flush()?;
    Ok(Outcome::Done)
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
