//! The console, as a browser sees it.

mod events;
mod live;
mod pages;
mod signing_in;
mod visitor;
