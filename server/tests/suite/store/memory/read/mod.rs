//! The answers to every question about events, each from one look at the tables.

mod aggregate;
mod events;
mod filter;
mod live;
mod producers;
mod refused;
mod trace;
