//! The names by which the tests know the two clients.

use lamplight_sdk::client::Client;

/// The small client that a page starts with.
pub(crate) type FirstClient<P> = Client<P, false>;
/// The client with everything.
pub(crate) type FullClient<P> = Client<P>;
