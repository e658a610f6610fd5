//! Background tasks and threads, watched: the first that ends unexpectedly stops the server.

use std::any::Any;

/// The message of a panic, as given to `panic!`.
pub fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Runs `work` on a thread that may block. A panic there goes on here, so that no task survives it.
pub async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only the shutdown of the runtime cancels it, which drops this future, too.
            Err(_) => std::future::pending().await,
        },
    }
}
