//! What browsers load from the server: the SDK as a script, the landing page, the API reference and
//! the demo page.

pub mod demo;
pub mod landing;
pub mod reference;
pub mod script;
