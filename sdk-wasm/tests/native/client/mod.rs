mod memory_limit;
mod storage_share;
mod withdrawal;
