//! The end of a process's handles.

use lamplight_server::store::{Answer, Database};

use super::events::MemoryEvents;
use super::payload_queue::MemoryIntake;
use super::tables::answer;

impl Database for MemoryIntake {
    fn is_up(&self) -> bool {
        self.tables.is_open()
    }

    fn close(&self) -> Answer<'_, ()> {
        self.tables.close();
        answer(Ok(()))
    }
}

impl Database for MemoryEvents {
    fn is_up(&self) -> bool {
        self.tables.is_open()
    }

    fn close(&self) -> Answer<'_, ()> {
        self.tables.close();
        answer(Ok(()))
    }
}
