//! The methods that both clients have.

use lamplight_sdk::client::{NewEvent, Tracked};
use lamplight_sdk::notes::Note;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{PageEvent, Response};
use lamplight_wire::Producer;

use super::PagePorts;
use crate::clients::{FirstClient, FullClient};

pub(crate) trait PageClient: Sized {
    fn start(ports: PagePorts, options: Options) -> Self;
    fn producer(&self) -> Producer;
    fn track(&mut self, event: &NewEvent<'_>) -> Tracked;
    fn page_event(&mut self, event: PageEvent);
    fn answered(&mut self, id: u32, response: &Response);
    fn timer_fired(&mut self);
    fn next_wake_ms(&mut self) -> Option<u64>;
    fn take_notes(&mut self) -> Vec<Note>;
    fn counters(&self) -> [u64; 13];
    fn stats(&self) -> String;
    fn is_queued(&self, seq: u64) -> bool;
    fn flush(&mut self);
    fn close(&mut self);
    fn identify(&mut self, id: Option<&str>);
    fn set_context(&mut self, context_json: &str);
    fn withdraw(&mut self, forgets: bool);
    fn is_withdrawn(&self) -> bool;
    /// Only the full client uses the overflow and works for other pages.
    fn overflow_done(&mut self, _id: u32, _result: Option<&str>) {}
    fn set_live_producers(&mut self, _alive: &[Producer]) {}
}

macro_rules! forward {
    ($client:ident { $($more:item)* }) => {
        impl PageClient for $client<PagePorts> {
            fn start(ports: PagePorts, options: Options) -> Self {
                $client::new(ports, options)
            }
            fn producer(&self) -> Producer {
                self.producer()
            }
            fn track(&mut self, event: &NewEvent<'_>) -> Tracked {
                self.track(event)
            }
            fn page_event(&mut self, event: PageEvent) {
                self.page_event(event);
            }
            fn answered(&mut self, id: u32, response: &Response) {
                self.answered(id, response);
            }
            fn timer_fired(&mut self) {
                self.timer_fired();
            }
            fn next_wake_ms(&mut self) -> Option<u64> {
                self.next_wake_ms()
            }
            fn take_notes(&mut self) -> Vec<Note> {
                self.take_notes()
            }
            fn counters(&self) -> [u64; 13] {
                self.counters()
            }
            fn stats(&self) -> String {
                self.stats()
            }
            fn is_queued(&self, seq: u64) -> bool {
                self.is_queued(seq)
            }
            fn flush(&mut self) {
                self.flush();
            }
            fn close(&mut self) {
                self.close();
            }
            fn identify(&mut self, id: Option<&str>) {
                self.identify(id);
            }
            fn set_context(&mut self, context_json: &str) {
                self.set_context(context_json);
            }
            fn withdraw(&mut self, forgets: bool) {
                self.withdraw(forgets);
            }
            fn is_withdrawn(&self) -> bool {
                self.is_withdrawn()
            }
            $($more)*
        }
    };
}

forward!(FirstClient {});
forward!(FullClient {
    fn overflow_done(&mut self, id: u32, result: Option<&str>) {
        self.overflow_done(id, result);
    }
    fn set_live_producers(&mut self, alive: &[Producer]) {
        self.set_live_producers(alive);
    }
});
