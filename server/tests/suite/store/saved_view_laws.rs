//! The laws of `SavedViews`.

use lamplight_server::store::saved_views::SAVED_VIEWS_MAX;
use lamplight_server::store::{SavedView, Storage};

use crate::store::backend::Backend;
use crate::store::sample::NOW;

crate::laws!(
    views_are_listed_by_page_and_name,
    a_view_with_the_same_name_is_replaced,
    a_deleted_view_is_gone_and_others_stay,
    a_page_has_a_limited_number_of_views,
    saved_views_survive_a_restart,
);

fn view(page: &str, name: &str, query: &str) -> SavedView {
    SavedView { page: page.into(), name: name.into(), query: query.into(), made_ms: NOW }
}

async fn save(storage: &Storage, view: &SavedView) -> bool {
    storage.saved_views.save(view.clone()).await.unwrap()
}

async fn list(storage: &Storage, page: &str) -> Vec<SavedView> {
    storage.saved_views.list(page.into()).await.unwrap()
}

async fn views_are_listed_by_page_and_name(Backend { storage, .. }: Backend) {
    let views = [view("events", "a \u{202e}<b>\u{0}", ""), view("events", "b", "name=x%20y")];
    let other = view("live", "a", "type=critical");
    for view in [&views[1], &other, &views[0]] {
        assert!(save(&storage, view).await);
    }
    assert_eq!(list(&storage, "events").await, views);
    assert_eq!(list(&storage, "live").await, [other]);
    assert!(list(&storage, "errors").await.is_empty());
}

async fn a_view_with_the_same_name_is_replaced(Backend { storage, .. }: Backend) {
    let later = SavedView { made_ms: NOW + 1, ..view("events", "a", "name=y") };
    assert!(save(&storage, &view("events", "a", "name=x")).await);
    assert!(save(&storage, &later).await);
    assert_eq!(list(&storage, "events").await, [later]);
}

async fn a_deleted_view_is_gone_and_others_stay(Backend { storage, .. }: Backend) {
    let (one, other) = (view("events", "a", ""), view("events", "b", ""));
    assert!(save(&storage, &one).await && save(&storage, &other).await);
    let delete =
        |page: &str, name: &str| storage.saved_views.delete(page.to_owned(), name.to_owned());
    assert!(delete("events", "a").await.unwrap());
    assert!(!delete("events", "a").await.unwrap(), "it was gone");
    assert!(!delete("live", "b").await.unwrap(), "it is of another page");
    assert_eq!(list(&storage, "events").await, [other]);
}

async fn a_page_has_a_limited_number_of_views(Backend { storage, .. }: Backend) {
    for number in 0..SAVED_VIEWS_MAX {
        assert!(save(&storage, &view("events", &format!("{number:03}"), "")).await);
    }
    assert!(!save(&storage, &view("events", "more", "")).await);
    assert!(save(&storage, &view("events", "000", "name=x")).await, "a known name has its room");
    assert!(save(&storage, &view("live", "more", "")).await);
    let views = list(&storage, "events").await;
    assert_eq!((views.len(), views[0].query.as_str()), (SAVED_VIEWS_MAX as usize, "name=x"));
}

async fn saved_views_survive_a_restart(backend: Backend) {
    let view = view("events", "a", "name=x");
    assert!(save(&backend.storage, &view).await);
    let backend = backend.reopened().await;
    assert_eq!(list(&backend.storage, "events").await, [view]);
}
