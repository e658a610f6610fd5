//! The `lamplight` binary: reads the command line and runs the server.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use lamplight_server::config::{self, Command};
use lamplight_server::server::{Mode, run, stop_signal};
use lamplight_server::telemetry;

fn main() -> ExitCode {
    let (args, mode) = match config::load() {
        Ok(Command::Serve(args)) => (args, Mode::Serve),
        Ok(Command::Demo(args)) => (args, Mode::Demo),
        Err(error) => return fail("", &error),
    };
    telemetry::start();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail("start", &error),
    };
    let ran = runtime.block_on(run(&args, mode, stop_signal()));
    // A read that is still running must not hold up the end.
    runtime.shutdown_background();
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail("", &error),
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
