//! The console, as a browser sees it.

mod pages;
mod signing_in;
mod visitor;
