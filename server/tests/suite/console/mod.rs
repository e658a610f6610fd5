//! The console, as a browser sees it.

mod errors;
mod event;
mod events;
mod live;
mod pages;
mod producers;
mod queues;
mod receiver;
mod saved_views;
mod signing_in;
mod sources;
pub(crate) mod visitor;
