//! Every bucket has one owner, and plans are even and move the fewest.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn sizes(map: &ShardMap, shards: &[u16]) -> Vec<usize> {
    shards.iter().map(|shard| map.owned_by(*shard).len()).collect()
}

/// Moves everything that is planned, in chunks.
fn moved(mut map: ShardMap, shards: &[u16], chunk: usize) -> ShardMap {
    for shard in shards {
        map.shards.insert(*shard);
    }
    while let Some(planned) = map.plan(shards).first() {
        map = map.leaving(&planned.chunk(chunk)).unwrap();
        map = map.arrived().unwrap().finished().unwrap();
    }
    map
}

fn is_even(map: &ShardMap, shards: &[u16]) -> bool {
    let sizes = sizes(map, shards);
    let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
    sizes.iter().sum::<usize>() == usize::from(BUCKETS) && most - least <= 1
}

fn some_map() -> impl Strategy<Value = ShardMap> {
    (proptest::collection::btree_set(1_u16..9, 1..6), any::<u64>()).prop_perturb(
        |(shards, epoch), mut random| {
            let numbers: Vec<u16> = shards.iter().copied().collect();
            let at = |bits: u32| numbers[bits as usize % numbers.len()];
            // Some have much more than others.
            let owners = std::array::from_fn(|_| at(random.next_u32() & random.next_u32()));
            let drained = shards.iter().copied().filter(|_| random.next_u32() % 4 == 0).collect();
            let epoch = epoch >> 1;
            let removed = shards.iter().map(|it| it + 20).collect();
            ShardMap { epoch, shards, drained, removed, owners, moving: None }
        },
    )
}

fn some_shards() -> impl Strategy<Value = Vec<u16>> {
    proptest::collection::btree_set(1_u16..12, 1..7).prop_map(|it| it.into_iter().collect())
}

/// How many buckets must move at least: every shard may keep what it has, up to its share, and as
/// many as possible have the larger share.
fn fewest(map: &ShardMap, shards: &[u16]) -> usize {
    let (count, all) = (shards.len(), usize::from(BUCKETS));
    let mut larger = all % count;
    let mut kept = 0;
    for size in sizes(map, shards) {
        let share = all / count;
        kept += size.min(share);
        if size > share && larger > 0 {
            (kept, larger) = (kept + 1, larger - 1);
        }
    }
    all - kept
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_plan_is_even_within_one_and_moves_the_fewest(
        map in some_map(), shards in some_shards(), chunk in 1_usize..300,
    ) {
        let planned = map.plan(&shards);
        let count: usize = planned.iter().map(|it| it.buckets.len()).sum();
        prop_assert_eq!(count, fewest(&map, &shards));
        for it in &planned {
            prop_assert!(it.from != it.to && !it.buckets.is_empty());
            prop_assert!(it.buckets.iter().all(|bucket| map.owner(bucket) == it.from));
        }
        let after = moved(map.clone(), &shards, chunk);
        prop_assert!(is_even(&after, &shards), "{:?}", sizes(&after, &shards));
        prop_assert_eq!(after.plan(&shards), Vec::new());
        // In chunks, no bucket moves that the whole plan leaves where it is.
        let changed = (0..BUCKETS).filter(|it| map.owner(*it) != after.owner(*it)).count();
        prop_assert_eq!(changed, count);
    }

    #[test]
    fn text_and_bytes_are_read_as_they_were_written(map in some_map(), chunk in 1_usize..200) {
        prop_assert_eq!(&map.to_string().parse::<ShardMap>().unwrap(), &map);
        let mut wider = map.clone();
        wider.shards.insert(77);
        if let Some(planned) = wider.plan(&[77]).first() {
            let leaving = wider.leaving(&planned.chunk(chunk)).unwrap();
            let arrived = leaving.arrived().unwrap();
            for map in [leaving, arrived] {
                prop_assert_eq!(map.to_string().parse::<ShardMap>().unwrap(), map.clone());
                let set = map.writable_by(77);
                prop_assert_eq!(BucketSet::from_bytes(&set.to_bytes()).unwrap(), set.clone());
                prop_assert_eq!(set.to_string().parse::<BucketSet>().unwrap(), set);
            }
        }
    }

    #[test]
    fn a_bucket_is_shown_from_one_shard_and_written_in_one_at_most(
        map in some_map(), to in 1_u16..12, chunk in 1_usize..1_000,
    ) {
        let mut map = map;
        map.shards.insert(to);
        let Some(planned) = map.plan(&[to]).into_iter().next() else { return Ok(()) };
        let leaving = map.leaving(&planned.chunk(chunk)).unwrap();
        let arrived = leaving.arrived().unwrap();
        let finished = arrived.finished().unwrap();
        prop_assert_eq!(finished.epoch, map.epoch + 3);
        for map in [&map, &leaving, &arrived, &finished] {
            let writable: Vec<_> = map.shards.iter().map(|it| map.writable_by(*it)).collect();
            for bucket in 0..BUCKETS {
                let shown = map.shards.iter().filter(|it| map.shows(**it, bucket)).count();
                let written = writable.iter().filter(|it| it.contains(bucket)).count();
                prop_assert_eq!((shown, written), (1, usize::from(!map.is_leaving(bucket))));
                prop_assert!(map.may_be_twice(bucket) || !map.is_leaving(bucket));
            }
        }
    }
}

#[test]
fn a_database_alone_has_every_bucket() {
    let map = ShardMap::alone();
    assert!(map.is_alone() && map.owned_by(1) == BucketSet::all());
    assert_eq!((map.control(), map.writable_by(1).len()), (1, 1_024));
    assert_eq!(map.to_string(), r#"{"epoch":0,"shards":{"1":"0-1023"}}"#);
}

#[test]
fn shards_that_are_empty_share_evenly() {
    let map = ShardMap::even(&[1, 2, 5]);
    assert_eq!((map.epoch, map.control()), (1, 1));
    assert_eq!(sizes(&map, &[1, 2, 5]), [342, 341, 341]);
}

#[test]
fn a_second_shard_gets_half_and_draining_gives_it_back() {
    let map = ShardMap::alone().joined(2);
    let planned = map.plan(&map.filled());
    assert_eq!((planned.len(), planned[0].from, planned[0].to), (1, 1, 2));
    assert_eq!(planned[0].buckets.to_string(), "512-1023");
    let both = moved(map, &[1, 2], 100);
    let drained = both.draining([2]);
    assert_eq!(drained.filled(), [1]);
    let alone = moved(drained.clone(), &drained.filled(), 512);
    assert_eq!(alone.owned_by(1), BucketSet::all());
    assert_eq!(alone.shards, BTreeSet::from([1, 2]));
}

#[test]
fn one_chunk_moves_at_a_time_and_only_what_its_shard_owns() {
    let map = ShardMap::alone().joined(2);
    let planned = map.plan(&[2])[0].chunk(10);
    let leaving = map.leaving(&planned).unwrap();
    assert_eq!(leaving.leaving(&planned), None, "another is on its way");
    assert_eq!(leaving.finished(), None, "it has not arrived");
    assert_eq!(map.arrived(), None);
    let finished = leaving.arrived().unwrap().finished().unwrap();
    assert_eq!(finished.leaving(&planned), None, "it is there already");
    let unknown = Move { to: 9, ..planned };
    assert_eq!(map.leaving(&unknown), None);
}

#[test]
fn what_is_no_map_is_refused() {
    for text in [
        "",
        "{}",
        r#"{"epoch":1,"shards":{"1":"0-1022"}}"#,
        r#"{"epoch":1,"shards":{"1":"0-1023","2":"7"}}"#,
        r#"{"epoch":1,"shards":{"1":"0-1024"}}"#,
        r#"{"epoch":1,"shards":{"1":"0-1023"},"drained":[2]}"#,
        r#"{"epoch":1,"shards":{"1":"0-1023"},"more":1}"#,
        r#"{"epoch":1,"shards":{"1":"0-1023"},"moving":{"from":1,"to":2,"step":"leaving","begun":1,"buckets":"1"}}"#,
    ] {
        assert!(text.parse::<ShardMap>().is_err(), "{text}");
    }
}

#[test]
fn only_a_shard_without_buckets_leaves_and_its_number_is_not_given_again() {
    let map = ShardMap::even(&[1, 2, 3]);
    assert_eq!(map.without(2), None, "it has buckets");
    let mut empty = map.draining([1, 2]);
    for planned in empty.plan(&[3]) {
        empty.give(&planned.buckets, planned.to);
    }
    assert_eq!(empty.without(1), None, "it has what there is once");
    assert_eq!(empty.without(7), None, "there is none");
    let removed = empty.without(2).unwrap();
    assert_eq!((removed.epoch, removed.shards.len()), (empty.epoch + 1, 2));
    assert!(removed.removed.contains(&2) && !removed.drained.contains(&2));
    assert_eq!(removed.to_string().parse::<ShardMap>().unwrap(), removed);
    assert_eq!(removed.without(2), None, "it is gone");
    let both = removed.joined(2).to_string().parse::<ShardMap>().unwrap_err();
    assert!(both.to_string().contains("it has shard 2, and says that it was removed"), "{both}");
}
