//! `docs/configuration.md`: every setting, as a page of Markdown.

use std::fmt::Write;

use clap::{Args, Command};

use super::setting::{Setting, Shape};
use super::{Config, sinks};
use crate::alerts::config::KINDS;

const HEAD: &str = r#"# Configuration

<!-- `lamplight config reference` prints this page. Do not edit it. -->

Each setting has one name. `keep_days`, for example, is

- the flag `--keep-days 90`,
- the environment variable `LAMPLIGHT_KEEP_DAYS=90`,
- the key `keep_days = 90` in `lamplight.toml`.

A flag takes precedence over a variable, a variable over the file, and the file over the default.
The server reads `lamplight.toml` in the directory where you start it, or the file that
`--config` or `LAMPLIGHT_CONFIG` names. `serve`, `demo` and `replay` read the same configuration.
By default, `demo` keeps its data in `./lamplight-demo-data`, and it refuses a `data` directory of `serve`.

```toml
keep_days = 90
trusted_proxies = ["127.0.0.1"]
add_properties = { environment = "production" }

[sinks.archive]
kind = "file"
path = "./events.ndjson"
```

In a flag or a variable, separate the items of a list with commas:
`LAMPLIGHT_ADD_PROPERTIES=environment=production,release=7`. An unknown key is an error, which
names the nearest setting. In the file, settings stand above the first `[table]`.

- `lamplight config print` shows each value and where it came from. It hides secrets.
- `lamplight config example` prints a file with every setting and its default; it is also
  [server/lamplight.example.toml](../server/lamplight.example.toml).

## Secrets and files on a shared machine

Give secrets in variables or in files: `LAMPLIGHT_ADMIN_TOKEN`, or `LAMPLIGHT_ADMIN_TOKEN_FILE` with
the path of a file. Every user of a machine can see the arguments of a process, so the server warns
about a secret in a flag. It also warns about a `lamplight.toml` that holds secrets and that everybody
may read. Errors and the log never show a secret, nor what may be one by mistake.

| what the server creates | mode |
|---|---|
| the data directory, and those above it that do not exist | 0700 |
| files in it: `intake.db`, `store.db`, `events-<week>.db`, each with `-wal` and `-shm`, `clock`, `lock` | 0600 |
| the file of a file sink, and its directory if it does not exist | 0600 and 0700 |

The umask changes none of this. What exists keeps its mode, and `-wal` and `-shm` get the mode of their
database. The server warns if other users can open the data directory, or if it belongs to another
user. Run backups as the user of the server, or as root.

Windows has access lists instead of modes. What the server creates there is for its user, SYSTEM and
Administrators. What exists keeps its list, and `-wal` and `-shm` get the list of their directory. The
server warns about the same things.

The data directory may be a symbolic link. The files in it must not be links. To keep the data on
another disk, move the whole directory there. One process uses a data directory at a time. The lock is
on the directory itself, so a second server does not start if somebody deletes the file `lock`. The
demo and a server never use the same directory, nor one inside a directory of the other.

"#;

const SINKS: &str = r"## Sinks

Each table `[sinks.<name>]` is a sink: a service that the server delivers events to. You choose the
name, and `kind` says which service it is. A sink gets the events that match its route at the moment
they are stored.

A setting of a sink can also come from the environment variable `LAMPLIGHT_SINK_<NAME>_<KEY>`, in
upper case and with `_` for `-` and `.`: `LAMPLIGHT_SINK_CRM_RETRY_CAP_MS`. A secret can also come
from the file that this variable with `_FILE` at its end names: `LAMPLIGHT_SINK_CRM_SECRET_FILE`.
Secrets are never printed.
";

const RULES: &str = r"## Rules of alerts

Every server has one rule of each kind, named like its kind, except for `event_stopped`, which needs
names of events. A table `[alerts.<name>]` changes the rule with that name. With another name and a
`kind`, it adds a rule: `[alerts.checkout]` with `kind = 'event_stopped'`. See
[trends-and-alerts.md](trends-and-alerts.md).
";

/// The text of the page.
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    let mut heading = Some("Server".to_owned());
    text += "## Server\n\n";
    text += TABLE;
    for setting in Setting::all(&Config::augment_args(Command::new("settings"))) {
        let own = setting.heading().map(str::to_owned);
        if own.is_some() && own != heading {
            let title = own.as_deref().unwrap_or_default();
            let (title, note) = title.split_once(" (").unwrap_or((title, ""));
            let _ = write!(text, "\n## {title}\n\n");
            if !note.is_empty() {
                let _ = write!(text, "{}.\n\n", capitalised(note.trim_end_matches(')')));
            }
            text += TABLE;
            heading = own;
        }
        text += &row(&setting);
    }
    text += "\n";
    text += RULES;
    for rule_kind in KINDS {
        let kind = rule_kind.command();
        let about = kind.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = write!(text, "\n### kind = \"{}\"\n\n{about}.\n\n{TABLE}", kind.get_name());
        for setting in Setting::all(&kind) {
            text += &row(&setting);
        }
    }
    text += "\n";
    text += SINKS;
    for kind in sinks::kinds() {
        let about = kind.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = write!(text, "\n### kind = \"{}\"\n\n{about}.\n\n{TABLE}", kind.get_name());
        for setting in Setting::all(&kind) {
            text += &row(&setting);
        }
    }
    text
}

const TABLE: &str = "| setting | default | what it does |\n|---|---|---|\n";

fn row(setting: &Setting) -> String {
    let mut notes = vec![format!("{}.", setting.help())];
    let choices: Vec<String> = setting
        .choices()
        .iter()
        .map(|choice| match choice.get_help() {
            Some(help) => format!("`{}`: {help}", choice.get_name()),
            None => format!("`{}`", choice.get_name()),
        })
        .collect();
    if !choices.is_empty() {
        notes.push(format!("{}.", choices.join("; ")));
    }
    match setting.shape() {
        _ if setting.is_secret() => notes.push("Hidden when printed.".into()),
        Shape::List => notes.push("A list.".into()),
        Shape::Table => notes.push("A table of names and values.".into()),
        Shape::Text | Shape::Number | Shape::TextOrList => {}
    }
    let default = match (setting.default_in_words(), setting.toml(&setting.default_texts())) {
        (Some(words), _) => words,
        (None, Some(value)) => format!("`{value}`"),
        (None, None) if setting.is_required() => "required".into(),
        (None, None) => "not set".into(),
    };
    let help = notes.join(" ").replace('|', "\\|");
    format!("| `{}` | {default} | {help} |\n", setting.key())
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
