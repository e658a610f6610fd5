//! The examples in the help of commands, which a test runs.

use clap::Command;

use super::help::in_order;

/// An example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// What it does. Empty if the command line says it.
    pub what: String,
    /// The command line.
    pub line: String,
}

/// The examples in the help of `command`: lines that begin with its program, each after what it
/// does.
pub(super) fn of(command: &Command) -> Vec<Example> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (mut examples, mut what) = (Vec::new(), String::new());
    for line in help.lines() {
        let text = line.trim();
        if line.starts_with("  ") && text.starts_with("lamplight ") {
            examples.push(Example { what: std::mem::take(&mut what), line: text.to_owned() });
        } else if line.starts_with("  ") {
            text.trim_end_matches(':').clone_into(&mut what);
        }
    }
    examples
}

/// What the help of `command` says after its examples.
pub(super) fn remark(command: &Command) -> String {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let rest = help.split_once("\n\n").map(|(_, rest)| rest).unwrap_or_default();
    rest.replace('\n', " ")
}

/// All examples, by the path of their command.
pub fn examples() -> Vec<(String, Vec<Example>)> {
    let mut all = super::command_line();
    all.build();
    let (mut found, mut commands) = (Vec::new(), vec![&all]);
    while let Some(command) = commands.pop() {
        let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
        found.push((name.to_owned(), of(command)));
        commands.extend(in_order(command));
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}
