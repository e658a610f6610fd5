//! `lamplight --help`: the commands in groups, by what people want to do.

use std::fmt::Write;

use clap::Command;

/// The groups, and the commands of each. A command that is in none is listed under the last title.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Run a server", &["init", "serve", "demo", "healthcheck"]),
    ("Look at events", &["tail", "top", "gaps", "query", "export"]),
    (
        "Operate a server",
        &["keys", "token", "sinks", "retry", "replay", "forget", "backup", "restore", "verify"],
    ),
    ("Set up", &["config", "completions", "man"]),
];
const OTHERS: &str = "More commands";

/// Adds the help of the whole program to `command`.
pub(super) fn with_groups(command: Command) -> Command {
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}Options:\n{{options}}{{after-help}}",
        groups(&command)
    );
    command.help_template(template).after_help(
        "`lamplight help COMMAND` shows the options of a command, with examples. All commands on \
         one page: docs/commands.md",
    )
}

fn groups(command: &Command) -> String {
    let visible: Vec<&Command> =
        command.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    let widest = visible.iter().map(|command| command.get_name().len()).max().unwrap_or(0);
    let line = |command: &Command| {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        format!("  {:widest$}  {about}\n", command.get_name())
    };
    let mut text = String::new();
    for (title, names) in GROUPS {
        let found =
            names.iter().filter_map(|name| visible.iter().find(|it| it.get_name() == *name));
        let lines: String = found.map(|command| line(command)).collect();
        if !lines.is_empty() {
            let _ = writeln!(text, "{title}:\n{lines}");
        }
    }
    let is_grouped = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let others = visible.iter().filter(|command| !is_grouped(command.get_name()));
    let others: String = others.map(|command| line(command)).collect();
    if !others.is_empty() {
        let _ = writeln!(text, "{OTHERS}:\n{others}");
    }
    text
}

/// The commands in the order of the help, without `help` itself.
pub(super) fn in_order(command: &Command) -> Vec<&Command> {
    let place = |name: &str| {
        let all = GROUPS.iter().flat_map(|(_, names)| names.iter());
        all.clone().position(|it| *it == name).unwrap_or(usize::MAX)
    };
    let mut commands: Vec<&Command> = command
        .get_subcommands()
        .filter(|it| !it.is_hide_set() && it.get_name() != "help")
        .collect();
    commands.sort_by_key(|command| place(command.get_name()));
    commands
}

#[cfg(test)]
mod tests {
    use super::super::command_line;

    #[test]
    fn the_help_of_the_program_lists_each_command_once_in_80_columns() {
        let help = command_line().render_help().to_string();
        for command in command_line().get_subcommands().filter(|it| !it.is_hide_set()) {
            let begins = format!("  {} ", command.get_name());
            let lines = help.lines().filter(|line| line.starts_with(&begins)).count();
            assert_eq!(lines, 1, "{}:\n{help}", command.get_name());
        }
        assert!(!help.contains("sql-worker"));
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}
