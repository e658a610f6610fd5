//! What happens to the page. Never `unload` or `beforeunload`: they keep a page out of the back/forward cache.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, EventTarget, PageTransitionEvent, VisibilityState, Window};

use crate::ports::Page;

/// Has `listener` hear of everything that [`read`] knows.
pub(super) fn listen(window: &Window, listener: &JsValue) {
    let hear = |target: &EventTarget, names: [&str; 3]| {
        for name in names {
            // Fails for no name and no function.
            let _ = target.add_event_listener_with_callback(name, listener.unchecked_ref());
        }
    };
    hear(window, ["pagehide", "pageshow", "online"]);
    if let Some(document) = window.document() {
        hear(&document, ["visibilitychange", "freeze", "resume"]);
    }
}

/// What an event says.
pub(super) fn read(window: &Window, event: &JsValue) -> Option<Page> {
    let event: &Event = event.unchecked_ref();
    match event.type_().as_str() {
        "visibilitychange" => Some(match window.document()?.visibility_state() {
            VisibilityState::Hidden => Page::Hidden,
            _ => Page::Visible,
        }),
        "pagehide" => Some(Page::Left),
        "freeze" => Some(Page::Frozen),
        // The first one of a page's life says nothing new.
        "pageshow" => {
            event.unchecked_ref::<PageTransitionEvent>().persisted().then_some(Page::Back)
        }
        "resume" => Some(Page::Back),
        "online" => Some(Page::Online),
        _ => None,
    }
}
