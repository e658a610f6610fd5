//! `docs/commands.md`: every command, as a page of Markdown.

use std::fmt::Write;

use clap::{Arg, Args, Command};

use super::examples::{Example, of, remark};
use super::help::in_order;
use crate::client::PlaceArgs;
use crate::config::Config;

/// The longest line of prose.
const COLUMNS: usize = 118;

const HEAD: &str = r"# Commands

<!-- `lamplight man --markdown` prints this page. Do not edit it. -->

`lamplight` is the server, and the commands to operate one. Results go to standard output, and everything else to
standard error. The exit status is 0 if all is done, 1 if something failed or was found wrong, and 2 if the command
line is wrong. `lamplight completions` and `lamplight man` print completions for your shell and manual pages.

## Where a command works

A command works at a running server, or on the data directory of a server that is not running. It says on standard
error which of the two it uses:

1. `--data DIR` names a directory, and `--url URL` (or `LAMPLIGHT_URL`) a server.
2. Without both, it is the data directory of the configuration, if it holds data and no server uses it.
3. Otherwise it is the server at the configured address, if a token is given.

A server wants a token: an admin token, or for commands that only read a viewer token. Put it into the environment
variable `LAMPLIGHT_ADMIN_TOKEN`, or into a file that `--token-file` or `LAMPLIGHT_ADMIN_TOKEN_FILE` names. There is no
option for the token itself, because every user of a machine can read the arguments of a process. The token goes to
this server only: redirects and proxies are not followed. A data directory needs no token. So if you have lost the
admin token, stop the server, run `lamplight token create admin --data DIR`, and start the server again.

Commands that only read change nothing in a data directory. They refuse one that an earlier version wrote, because
only a start of the server brings it up to date. While a command uses a directory, no server can start on it.

";

const SAFETY: &str = r"## What clients cannot do to your terminal

Everybody who has a write key can choose the text of an event. In tables and lines, control characters, characters
that change the direction of writing, and invisible ones are shown as escapes such as `\u{1b}`. JSON and CSV have every
text as it is. In CSV, a text that a spreadsheet would run as a formula (it begins with `=`, `+`, `-`, `@`, a tab or a
line break) gets a `'` before it, unless you use `--exact`.

Colours are used on a terminal only, and not if `NO_COLOR` is set.
";

/// The text of the page.
pub fn reference() -> String {
    let mut all = super::command_line();
    all.build();
    let mut text = HEAD.to_owned();
    text += TABLE;
    for arg in PlaceArgs::augment_args(Command::new("place")).get_arguments() {
        text += &row(arg);
    }
    text += "\n";
    for command in in_order(&all) {
        add(&mut text, command, 2);
    }
    text += SAFETY;
    text
}

const TABLE: &str = "| option | meaning |\n|---|---|\n";

fn add(text: &mut String, command: &Command, level: usize) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let _ = write!(text, "{} {name}\n\n", "#".repeat(level));
    let about = command.get_long_about().or(command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    for (at, paragraph) in about.split("\n\n").enumerate() {
        let mut paragraph = paragraph.replace('\n', " ");
        if at == 0 && !paragraph.ends_with('.') {
            paragraph.push('.');
        }
        text.push_str(&wrapped(&paragraph));
        text.push('\n');
    }
    let (mut others, mut has_place, mut has_settings) = (Vec::new(), false, false);
    let places = PlaceArgs::augment_args(Command::new("place"));
    let settings = Config::augment_args(Command::new("settings"));
    let is_of =
        |args: &Command, arg: &Arg| args.get_arguments().any(|it| it.get_id() == arg.get_id());
    // `backup`, `restore` and `verify` work on files alone, and have such options of their own.
    let takes_place = command.get_arguments().any(|arg| arg.get_id() == "token_file");
    let takes_settings = command.get_arguments().any(|arg| arg.get_id() == "keep_payload_days");
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        if matches!(arg.get_id().as_str(), "help" | "version") {
        } else if takes_settings && is_of(&settings, arg) {
            has_settings = true;
        } else if takes_place && is_of(&places, arg) {
            has_place = true;
        } else {
            others.push(arg);
        }
    }
    if !others.is_empty() {
        text.push_str(TABLE);
        for arg in others {
            text.push_str(&row(arg));
        }
        text.push('\n');
    }
    if has_settings {
        text.push_str("It takes every [setting](configuration.md) as an option.\n");
        text.push_str(if has_place { "\n" } else { "" });
    }
    if has_place {
        text.push_str("It also takes the options of [where it works](#where-a-command-works).\n");
    }
    if has_place || has_settings {
        text.push('\n');
    }
    let examples = of(command);
    if !examples.is_empty() {
        for Example { what, line } in examples {
            text.push_str(&item(&what, &line));
        }
        text.push('\n');
    }
    let remark = remark(command);
    if !remark.is_empty() {
        text.push_str(&wrapped(&remark));
        text.push('\n');
    }
    for inner in in_order(command) {
        add(text, inner, level + 1);
    }
}

fn row(arg: &Arg) -> String {
    let value = arg.get_value_names().map(|names| names.join(" ")).unwrap_or_default();
    let takes_value = arg.get_action().takes_values();
    let mut name = match (arg.get_long(), arg.get_short()) {
        (Some(long), Some(short)) => format!("-{short}, --{long}"),
        (Some(long), None) => format!("--{long}"),
        _ => String::new(),
    };
    if takes_value {
        let separator = if name.is_empty() { "" } else { " " };
        name = format!("{name}{separator}{value}");
    }
    let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let choices: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|_| takes_value)
        .map(|choice| match choice.get_help() {
            Some(help) => format!("`{}`: {help}", choice.get_name()),
            None => format!("`{}`", choice.get_name()),
        })
        .collect();
    if (1..8).contains(&choices.len()) {
        let _ = write!(help, ": {}", choices.join("; "));
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(help, " (`{}`)", variable.to_string_lossy());
    }
    let default: Vec<_> = arg.get_default_values().iter().map(|it| it.to_string_lossy()).collect();
    if takes_value && !default.is_empty() {
        let _ = write!(help, ". Default: `{}`", default.join(","));
    }
    format!("| `{name}` | {} |\n", help.replace('|', "\\|"))
}

/// An example as an item of a list, on two lines if one is too narrow.
fn item(what: &str, line: &str) -> String {
    let separator = match what.chars().count() + line.chars().count() + 6 {
        _ if what.is_empty() => "",
        0..=COLUMNS => ": ",
        _ => ":\n  ",
    };
    format!("- {what}{separator}`{line}`\n")
}

/// A paragraph in lines.
fn wrapped(text: &str) -> String {
    let (mut lines, mut line) = (String::new(), String::new());
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            lines.push_str(&line);
            lines.push('\n');
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_commands_is_up_to_date() {
        let page = include_str!("../../../docs/commands.md");
        assert!(
            page == reference(),
            "docs/commands.md is stale; rewrite it with: \
             cargo run -p lamplight-server -- man --markdown > docs/commands.md"
        );
    }

    #[test]
    fn a_command_has_the_options_of_where_it_works_only_if_it_takes_them() {
        let page = reference();
        for section in page.split("\n## ").skip(2) {
            let (name, text) = section.split_once('\n').unwrap();
            let on_files = ["lamplight backup", "lamplight restore", "lamplight verify"];
            if on_files.contains(&name) {
                assert!(!text.contains("#where-a-command-works"), "{section}");
                assert!(text.contains("| `--data DIR` |"), "{section}");
            }
        }
    }

    #[test]
    fn every_command_has_examples() {
        for (name, examples) in super::super::examples::examples() {
            assert!(name == "lamplight" || !examples.is_empty(), "{name} has no example");
        }
    }
}
