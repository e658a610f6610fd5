//! The console, as a browser sees it.

mod signing_in;
mod sources;
mod visitor;
