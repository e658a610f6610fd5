mod lock_interleavings;
mod one_tab_tries;
mod unreadable_keys;
