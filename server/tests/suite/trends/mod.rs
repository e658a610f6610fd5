//! Trends: what is counted is exact whenever the server crashes, and what the API says of it.

mod api;
mod crashes;
