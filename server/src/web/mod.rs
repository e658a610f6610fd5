//! What browsers are served: the SDK as a script, and the demo page.

pub mod demo;
pub mod script;
