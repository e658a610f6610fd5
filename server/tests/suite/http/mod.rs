//! The server over real HTTP: every status of the wire contract, and the shapes of all answers.

mod access;
mod answers;
mod counting;
mod demo;
mod faults;
mod golden;
mod limits;
mod live;
mod proxied;
mod reading;
mod refusals;
mod replaying;
mod starting;
