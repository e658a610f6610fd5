//! What commands show on a terminal or in a pipe.
//!
//! Events come from anybody who has a public key. So no text of an event reaches a terminal as it
//! is: [`escape`] makes it harmless and gives each character a known width.

pub mod console;
pub mod csv;
pub mod escape;
mod event_line;
mod layout;
mod output;
mod progress;
mod table;

pub use event_line::event_line;
pub use layout::{Paint, Style, clip, is_terminal_plain, local_time, pad, width};
pub use output::{Output, is_closed_pipe, pipe_closed};
pub use progress::{Progress, Unit};
pub use table::{Column, Table};
