mod lease;
mod lock_interleavings;
mod one_tab_retries;
mod unreadable_keys;
