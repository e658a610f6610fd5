//! The commands beside `serve`, and what the terminal is shown.

pub mod replay;
pub mod welcome;
