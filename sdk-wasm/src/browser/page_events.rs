//! What happens to the page.
//!
//! `unload` and `beforeunload` would keep the page out of the back/forward cache.

use js_sys::Function;
use wasm_bindgen::prelude::*;
use web_sys::{Event, EventTarget};

use super::{clients, global};
use crate::client::Client;
use crate::ports::PageEvent;

const OF_WINDOW: [&str; 3] = ["pagehide", "pageshow", "online"];
const OF_DOCUMENT: [&str; 3] = ["visibilitychange", "freeze", "resume"];

/// Adds or removes a listener.
type ChangeListener = fn(&EventTarget, &str, &Function) -> Result<(), JsValue>;

/// Passes page events to a client as long as this value lives.
#[derive(Debug)]
pub(super) struct PageEvents {
    handler: Closure<dyn FnMut(Event)>,
}

impl PageEvents {
    pub(super) fn listen(client: u32) -> Self {
        let handler = Closure::new(move |event: Event| {
            let event = page_event(&event);
            clients::with_caught(client, |client| client.page_event(event));
        });
        let events = Self { handler };
        events.change_listeners(EventTarget::add_event_listener_with_callback);
        events
    }

    fn change_listeners(&self, change: ChangeListener) {
        let handler = self.handler.as_ref().unchecked_ref();
        global::with(|global| {
            for name in OF_WINDOW {
                let _ = change(global, name, handler);
            }
            if let Some(document) = global.document() {
                for name in OF_DOCUMENT {
                    let _ = change(&document, name, handler);
                }
            }
        });
    }
}

impl Drop for PageEvents {
    fn drop(&mut self) {
        self.change_listeners(EventTarget::remove_event_listener_with_callback);
    }
}

fn page_event(event: &Event) -> PageEvent {
    match event.type_().as_str() {
        "pagehide" => PageEvent::Left,
        "freeze" => PageEvent::Frozen,
        // At the start of its life too, where it changes nothing.
        "pageshow" | "resume" => PageEvent::Back,
        "online" => PageEvent::Online,
        _ => {
            let is_hidden = global::with(|global| global.document().is_some_and(|it| it.hidden()));
            if is_hidden { PageEvent::Hidden } else { PageEvent::Visible }
        }
    }
}
