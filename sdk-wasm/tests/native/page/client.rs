//! What a page's tests need of either client.

use lamplight_sdk::client::{Client, FirstClient, FullClient};
use lamplight_sdk::options::Options;
use lamplight_wire::Producer;

use super::PagePorts;

pub(crate) trait PageClient: Client<Ports = PagePorts> {
    fn start(ports: PagePorts, options: Options) -> Self;
    /// Only the full client uses the overflow.
    fn finish_operation(&mut self, id: u32, result: Option<&str>);
    /// Only the full client works for other pages.
    fn take_live_producers(&mut self, alive: &[Producer]);
}

impl PageClient for FirstClient<PagePorts> {
    fn start(ports: PagePorts, options: Options) -> Self {
        Self::new(ports, options)
    }
    fn finish_operation(&mut self, _id: u32, _result: Option<&str>) {}
    fn take_live_producers(&mut self, _alive: &[Producer]) {}
}

impl PageClient for FullClient<PagePorts> {
    fn start(ports: PagePorts, options: Options) -> Self {
        Self::new(ports, options)
    }
    fn finish_operation(&mut self, id: u32, result: Option<&str>) {
        self.overflow_done(id, result);
    }
    fn take_live_producers(&mut self, alive: &[Producer]) {
        self.set_live_producers(alive);
    }
}
