//! The console, as a browser sees it.

mod errors;
mod event;
mod receiver;
mod signing_in;
mod visitor;
