use std::time::Duration;

use super::*;

const QUEUED: [CostClass; 5] = [
    CostClass::Summary,
    CostClass::List,
    CostClass::Count,
    CostClass::Statement,
    CostClass::Change,
];

/// Takes places until there is none at once, and gives them.
async fn all_of(places: &Places, class: CostClass, token: &str) -> Vec<Place> {
    let mut held = Vec::new();
    while let Ok(Ok(place)) = timeout(Duration::ZERO, places.take(class, token)).await {
        held.push(place);
    }
    held
}

fn waiting(places: &Arc<Places>, class: CostClass, token: &str) -> tokio::task::JoinHandle<bool> {
    let (places, token) = (Arc::clone(places), token.to_owned());
    tokio::spawn(async move { places.take(class, &token).await.is_ok() })
}

#[tokio::test(start_paused = true)]
async fn one_token_never_takes_all_places_of_a_class() {
    let places = Places::default();
    for class in CostClass::ALL {
        let bounds = class.bounds();
        assert!(bounds.places_per_token < bounds.places);
        let many = if class == CostClass::Answer { 1024 } else { 1 };
        let mut held = Vec::new();
        while let Ok(Ok(place)) =
            timeout(Duration::ZERO, places.take_many(class, "greedy", many)).await
        {
            held.push(place);
        }
        assert_eq!(held.len(), (bounds.places_per_token / many) as usize, "{class:?}");
        assert!(places.take_many(class, "other", many).await.is_ok(), "{class:?}");
        // Other classes have places of their own.
        for other in CostClass::ALL.into_iter().filter(|other| *other != class) {
            assert!(
                places.take(other, "greedy").await.is_ok(),
                "{other:?} while {class:?} is full"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_tokens_queue_is_bounded_and_stands_in_front_of_nobody() {
    for class in QUEUED {
        let (places, bounds) = (Arc::new(Places::default()), class.bounds());
        let _held = all_of(&places, class, "greedy").await;
        let queue: Vec<_> =
            (0..bounds.waiting_per_token).map(|_| waiting(&places, class, "greedy")).collect();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let begun = Instant::now();
        let refused = places.take(class, "greedy").await.unwrap_err();
        assert_eq!((refused.code, begun.elapsed()), ("busy", Duration::ZERO), "at once");
        let mut others = all_of(&places, class, "other").await;
        assert!(!others.is_empty());
        // The next place of the class goes to the token that waits for the class.
        let next = waiting(&places, class, "other");
        tokio::task::yield_now().await;
        others.pop();
        assert!(next.await.unwrap());
        assert_eq!(begun.elapsed(), Duration::ZERO);
        // And those that wait for too long are told so.
        for waited in queue {
            assert!(!waited.await.unwrap());
        }
        assert_eq!(begun.elapsed(), bounds.wait_max);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_leaves_the_queue_leaves_its_place_in_it() {
    let places = Arc::new(Places::default());
    let held = all_of(&places, CostClass::Count, "a").await;
    for _ in 0..1_000 {
        let given_up = timeout(Duration::from_millis(1), places.take(CostClass::Count, "a")).await;
        assert!(given_up.is_err(), "it waited");
    }
    drop(held);
    assert!(places.take(CostClass::Count, "a").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_time_to_retry_follows_from_how_long_places_are_held() {
    let places = Places::default();
    let retry_after_s = async || {
        let _held = all_of(&places, CostClass::Stream, "a").await;
        places.take(CostClass::Stream, "a").await.unwrap_err().retry_after_s.unwrap()
    };
    assert_eq!(retry_after_s().await, 1);
    let mut last = 1;
    for held_s in [300, 3_000, 1_000_000] {
        let held = all_of(&places, CostClass::Stream, "a").await;
        tokio::time::advance(Duration::from_secs(held_s)).await;
        drop(held);
        let after_s = retry_after_s().await;
        assert!(after_s >= last && after_s <= RETRY_S_MAX, "{after_s} s after {last} s");
        last = after_s;
    }
    assert_eq!(last, RETRY_S_MAX);
}

#[tokio::test(start_paused = true)]
async fn tokens_that_are_gone_are_forgotten() {
    let places = Places::default();
    let kept = places.take(CostClass::List, "kept").await.unwrap();
    for token in 0..10 * IDLE_TOKENS_MAX {
        assert!(places.take(CostClass::List, &token.to_string()).await.is_ok());
    }
    let tokens = places.0[&CostClass::List].tokens.lock().unwrap();
    assert!(tokens.len() <= IDLE_TOKENS_MAX && tokens.contains_key("kept"));
    drop((tokens, kept));
}
