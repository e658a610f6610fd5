mod heartbeat;
mod lease;
mod lock_interleavings;
mod lock_late_writes;
mod one_tab_retries;
mod room_for_new_events;
mod unreadable_keys;
