//! How a request body becomes events, whichever client wrote it.

pub mod decompress;
