//! What a console must be told before styles are written to it.

/// Lets the console understand the escape sequences of styles. Called once, before anything is
/// written.
#[cfg(windows)]
pub fn show_styles() {
    lamplight_windows::show_escapes();
}

/// Terminals of Unix understand them by themselves.
#[cfg(unix)]
pub fn show_styles() {}
