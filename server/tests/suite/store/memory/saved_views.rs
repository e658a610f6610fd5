//! Saved views.

use lamplight_server::store::saved_views::SAVED_VIEWS_MAX;
use lamplight_server::store::{Answer, SavedView, SavedViews};

use super::events::MemoryEvents;
use super::tables::answer;

impl SavedViews for MemoryEvents {
    fn list(&self, page: String) -> Answer<'_, Vec<SavedView>> {
        answer(self.tables.read(|tables| {
            let views = tables.saved_views.values().filter(|view| view.page == page);
            views.cloned().collect::<Vec<_>>()
        }))
    }

    fn save(&self, view: SavedView) -> Answer<'_, bool> {
        answer(self.tables.write(|tables| {
            let is_other = |it: &&SavedView| it.page == view.page && it.name != view.name;
            let others = tables.saved_views.values().filter(is_other).count();
            let has_room = others < SAVED_VIEWS_MAX as usize;
            if has_room {
                tables.saved_views.insert((view.page.clone(), view.name.clone()), view);
            }
            Ok(has_room)
        }))
    }

    fn delete(&self, page: String, name: String) -> Answer<'_, bool> {
        answer(self.tables.write(|tables| Ok(tables.saved_views.remove(&(page, name)).is_some())))
    }
}
