//! `lamplight config`: what can be set, and what is set.

use std::io::{self, Write};

use clap::Subcommand;

use crate::config::{self, Config};
use crate::router;

/// What to show of the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show the effective configuration: each value and where it came from
    ///
    /// Takes the flags of `serve`, reads the same variables and the same file, and starts nothing.
    /// Secrets are shown as "(hidden)".
    #[command(after_help = "Examples:\n  lamplight config print")]
    Print(Box<Config>),
    /// Print an example of lamplight.toml with every setting
    ///
    /// Start your own file with: lamplight config example > lamplight.toml
    #[command(after_help = "Examples:\n  lamplight config example > lamplight.toml")]
    Example,
    /// Print the reference of all settings, as Markdown
    #[command(after_help = "Examples:\n  lamplight config reference > configuration.md")]
    Reference,
    /// Print the OpenAPI document of this version's HTTP API
    #[command(hide = true)]
    Openapi,
}

/// Writes what `command` asks for to `out`.
///
/// # Errors
/// When `out` cannot be written to.
pub fn show(command: &ConfigCommand, out: &mut impl Write) -> io::Result<()> {
    match command {
        ConfigCommand::Print(config) => config::print(&config.effective, out),
        ConfigCommand::Example => out.write_all(config::example().as_bytes()),
        ConfigCommand::Reference => out.write_all(config::reference().as_bytes()),
        ConfigCommand::Openapi => writeln!(out, "{:#}", router::openapi()),
    }
}
