//! The server over HTTP: every status of the wire contract, and the forms of all answers.

mod access;
mod answers;
mod clock;
mod corrected;
mod counting;
mod cross_origin;
mod demo;
mod demo_data;
mod dialects;
mod faults;
mod golden;
mod happened;
mod limits;
mod live;
mod logging;
mod odd_json;
mod panics;
mod proxied;
mod reading;
mod refusals;
mod replaying;
mod set_aside;
mod starting;
mod statements;
mod times;
mod validating;
