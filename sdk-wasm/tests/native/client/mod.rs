mod handover;
mod keepalive;
mod memory_limit;
mod signals;
mod storage_share;
mod withdrawal;
