//! What browsers load from the server: the console, the SDK as a script, the API reference and the
//! demo page.

pub mod console;
pub mod demo;
pub mod reference;
pub mod script;
