mod adoption;
mod handover;
mod keepalive;
mod memory_limit;
mod overflow;
mod signals;
mod storage_share;
mod withdrawal;
