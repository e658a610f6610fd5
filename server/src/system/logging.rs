//! The server's own log, on standard error. It never holds payloads, properties or secrets.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::{LogFormat, LogSettings};

/// The levels, from silent to most talkative.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// Most letters by which a misspelled level differs from the right one.
const WRONG_LETTERS_MAX: usize = 2;

/// Starts logging. A second call in one process does nothing.
pub fn start(settings: &LogSettings) {
    let filter = parse(&settings.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    let is_human = match settings.log_format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    // Fails only if logging was started before, in which case it works already.
    let _ = if is_human {
        log.compact().with_ansi(std::io::stderr().is_terminal()).try_init()
    } else {
        log.json().flatten_event(true).try_init()
    };
}

fn parse(filter: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(filter)
}

/// Gives `filter` back if it is one.
///
/// # Errors
/// What is wrong with it. A misspelled level counts as wrong, although it could be a target: the
/// log would be silent without saying why.
pub fn check_filter(filter: &str) -> Result<String, String> {
    for directive in filter.split(',').map(str::trim) {
        let level = directive.rsplit('=').next().unwrap_or_default().to_lowercase();
        let wrong_letters = |name: &&str| strsim::osa_distance(&level, name);
        let near = LEVELS.into_iter().min_by_key(wrong_letters);
        let near = near.filter(|near| (1..=WRONG_LETTERS_MAX).contains(&wrong_letters(near)));
        if let Some(near) = near {
            return Err(format!("`{level}` is not a level; did you mean `{near}`?"));
        }
    }
    let example =
        "write a level, or levels by target, such as warn,lamplight_server::deliver=debug";
    parse(filter).map(|_| filter.to_owned()).map_err(|error| format!("{error}; {example}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_targets_are_accepted() {
        for filter in [
            "info",
            "DEBUG",
            "off",
            "warn,lamplight_server::deliver=debug",
            "lamplight_server",
            "hyper,tower,h2,ring,axum,mio,rustls",
            "info,hyper=off",
        ] {
            assert_eq!(check_filter(filter).as_deref(), Ok(filter));
        }
    }

    #[test]
    fn a_misspelled_level_is_an_error_that_names_the_right_one() {
        let error = check_filter("degub").unwrap_err();
        assert_eq!(error, "`degub` is not a level; did you mean `debug`?");
        assert!(check_filter("info,hyper=wran").unwrap_err().contains("`warn`"));
        assert!(check_filter("info,hyper=very").unwrap_err().contains("such as warn,"));
    }
}
