//! `lamplight config print`: each value and where it came from.

use std::io::{self, Write};

use super::effective::EffectiveSetting;

/// Prints one setting on each line.
///
/// # Errors
/// When `out` cannot be written to.
pub fn print(settings: &[EffectiveSetting], out: &mut impl Write) -> io::Result<()> {
    for EffectiveSetting { key, value, origin } in settings {
        match value {
            Some(value) => writeln!(out, "{key} = {value}  # {origin}")?,
            None => writeln!(out, "# {key} is not set")?,
        }
    }
    Ok(())
}
