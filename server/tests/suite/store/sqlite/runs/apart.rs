//! What the schema itself enforces: no number is in two runs.

use std::ops::RangeInclusive;

use proptest::prelude::*;
use rusqlite::{Connection, ErrorCode, params};

const SCHEMA: [&str; 4] = [
    include_str!("../../../../../migrations/sqlite/week/V1__events.sql"),
    include_str!("../../../../../migrations/sqlite/week/V2__runs.sql"),
    include_str!("../../../../../migrations/sqlite/week/V3__profile_versions.sql"),
    include_str!("../../../../../migrations/sqlite/week/V4__scopes.sql"),
];

/// Numbers of one of two producers in one of two scopes.
fn span() -> impl Strategy<Value = (u8, RangeInclusive<u64>)> {
    (0u8..4, 1u64..40, 0u64..6).prop_map(|(producer, first, more)| (producer, first..=first + more))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_is_accepted_only_if_it_shares_no_number_with_another(
        spans in prop::collection::vec(span(), 1..40),
    ) {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(&SCHEMA.concat()).unwrap();
        let mut taken: Vec<(u8, RangeInclusive<u64>)> = Vec::new();
        for (producer, span) in spans {
            let is_free = !taken.iter().any(|(other, theirs)| {
                *other == producer && theirs.start() <= span.end() && span.start() <= theirs.end()
            });
            let written = connection.execute(
                "INSERT INTO runs (producer, scope, first, last, first_id) VALUES (?1, ?2, ?3, ?4, x'00')",
                params![[producer / 2; 16], ["", "web"][usize::from(producer % 2)], span.start(), span.end()],
            );
            match written {
                Ok(_) => assert!(is_free, "{span:?} beside {taken:?}"),
                Err(error) => {
                    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::ConstraintViolation));
                    assert!(!is_free, "{span:?} beside {taken:?}");
                }
            }
            if is_free {
                taken.push((producer, span));
            }
        }
    }
}
