//! `GET /metrics`: its numbers, its forms, who may read it, and what is written about it.

mod answers;
mod guide;
mod rig;
mod story;
