//! Formats: how a request body becomes events. There is one file for each kind of client.

pub mod decompress;
pub mod lamplight;
pub mod validation;
