//! Request bodies. No route reads one in another way: [`hold`] keeps it from the handlers, and
//! [`Receiver`] gives it out, after the credentials were checked and within limits.

mod budget;
mod held;
mod receive;
#[cfg(test)]
mod tests;

pub use held::hold;
pub use receive::Receiver;
pub(crate) use receive::{BodyLimits, Credentials, ReceiveError, ReceivedBody};
