//! `lamplight completions`: what a shell needs to complete commands and options.

use std::io::{self, Write};

use clap::Args;
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  Install them for the current user:
    lamplight completions bash > lamplight.bash
    lamplight completions zsh > _lamplight
    lamplight completions fish > lamplight.fish

bash reads ~/.local/share/bash-completion/completions/lamplight, fish reads
~/.config/fish/completions/lamplight.fish, and zsh reads _lamplight in a directory of its $fpath.";

/// For which shell.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

/// Writes the completions to `out`.
///
/// # Errors
/// When `out` cannot be written to.
pub fn completions(args: &CompletionsArgs, out: &mut impl Write) -> io::Result<()> {
    // It panics when it cannot write, so it writes to memory.
    let mut text = Vec::new();
    let all = super::command_line();
    // What the server starts by itself is hidden, also here.
    let visible = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let mut program = clap::Command::new("lamplight")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .subcommands(visible);
    clap_complete::generate(args.shell, &mut program, "lamplight", &mut text);
    out.write_all(&text)?;
    out.flush()
}
