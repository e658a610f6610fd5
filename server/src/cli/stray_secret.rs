//! Errors about the command line quote what they do not understand, and that may be a secret: the
//! value of a flag that was mistyped, or that stands apart from it.

use clap::Args;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::config::Config;
use crate::system::secret::Secret;

/// Stands for an argument that is not shown.
const HIDDEN: &str = "(hidden, because it may be a secret)";
/// The longest name of a flag that is shown although there is no such flag.
const FLAG_BYTES_MAX: usize = 32;

/// The same error without what may be a secret.
pub(super) fn hide(mut error: clap::Error) -> clap::Error {
    let kind = match error.kind() {
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        // What is nearly the name of a command is a mistyped command.
        ErrorKind::InvalidSubcommand if error.get(ContextKind::SuggestedSubcommand).is_none() => {
            ContextKind::InvalidSubcommand
        }
        _ => return error,
    };
    let Some(ContextValue::String(argument)) = error.get(kind) else { return error };
    if !is_flag(argument) {
        error.insert(kind, ContextValue::String(HIDDEN.into()));
        // It repeats the argument, too.
        error.remove(ContextKind::Suggested);
    }
    error
}

/// Whether an argument is certainly the name of a flag and nothing else.
fn is_flag(argument: &str) -> bool {
    let is_letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'-' | b'_');
    let is_name = argument.starts_with('-')
        && argument.len() <= FLAG_BYTES_MAX
        && argument.bytes().all(is_letter);
    // `--admin-tokensecret` lacks a space.
    let settings = Config::augment_args(clap::Command::new("settings"));
    let is_joined = settings.get_arguments().any(|setting| {
        let is_secret = setting.get_value_parser().type_id() == std::any::TypeId::of::<Secret>();
        let long = setting.get_long().filter(|_| is_secret);
        let joined = long.and_then(|long| argument.trim_start_matches('-').strip_prefix(long));
        joined.is_some_and(|joined| !"-file".starts_with(joined))
    });
    is_name && !is_joined
}
