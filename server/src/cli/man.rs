//! `lamplight man`: manual pages, and the page of all commands in the documentation.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man;

use super::reference::reference;

const EXAMPLES: &str = "\
Examples:
  Write the page of the whole program to a file, and read it with `man ./lamplight.1`:
    lamplight man > lamplight.1
  Install the pages of all commands:
    lamplight man --dir man1";

/// Which pages, and where to.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct ManArgs {
    /// Directory to write all pages to, such as lamplight-tail.1; created if it does not exist
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print docs/commands.md instead: all commands on one page of Markdown
    #[arg(long, conflicts_with = "dir")]
    pub markdown: bool,
}

/// Writes the page of the program to `out`, or all pages to files.
///
/// # Errors
/// When something cannot be written.
pub fn man(args: &ManArgs, out: &mut impl Write) -> io::Result<()> {
    if args.markdown {
        out.write_all(reference().as_bytes())?;
        return out.flush();
    }
    // It has no page of its own.
    let mut all = super::command_line().disable_help_subcommand(true);
    all.build();
    match &args.dir {
        None => out.write_all(&page(&all)?)?,
        Some(dir) => {
            std::fs::create_dir_all(dir)?;
            let mut commands = vec![&all];
            while let Some(command) = commands.pop() {
                let name = command.get_display_name().unwrap_or_else(|| command.get_name());
                std::fs::write(dir.join(format!("{name}.1")), page(command)?)?;
                commands.extend(command.get_subcommands().filter(|it| !it.is_hide_set()));
            }
        }
    }
    out.flush()
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}
