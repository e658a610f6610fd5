//! Sinks against fakes that behave as the real APIs are documented, with real sockets and a real
//! database.

mod api;
mod backfill;
mod datadog;
mod dead_sink;
mod encoders;
mod file;
mod hostile;
mod kill;
mod mixpanel;
mod mixpanel_api;
mod mixpanel_faults;
mod rig;
mod tls;
mod webhook;
