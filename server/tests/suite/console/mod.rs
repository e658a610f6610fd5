//! The console, as a browser sees it.

mod producers;
mod queues;
mod signing_in;
mod visitor;
