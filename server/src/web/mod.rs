//! What browsers load from the server: the SDK as a script, the landing page and the demo page.

pub mod demo;
pub mod landing;
pub mod script;
