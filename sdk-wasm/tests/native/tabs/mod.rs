mod heartbeat;
mod lease;
mod lock_interleavings;
mod lock_late_writes;
mod one_tab_retries;
mod unreadable_keys;
