//! The server over HTTP: every status of the wire contract, and the forms of all answers.

mod access;
mod answers;
mod corrected;
mod counting;
mod demo;
mod faults;
mod golden;
mod happened;
mod limits;
mod live;
mod logging;
mod panics;
mod proxied;
mod reading;
mod refusals;
mod replaying;
mod set_aside;
mod starting;
mod times;
