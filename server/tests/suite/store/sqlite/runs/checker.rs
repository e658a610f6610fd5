//! Compares the runs and the versions of profiles in files of events with the rows.

use std::path::{Path, PathBuf};

use lamplight_server::store::Week;
use rusqlite::{Connection, OpenFlags};

/// A producer, a number, and the row that it is in.
type Number = ([u8; 16], u64, u128);

/// A producer, its scope, its first and last number, and the row of the first.
type Run = ([u8; 16], String, u64, u64, u128);

/// What is wrong in the files of events in `folder`: rows in no run, numbers of a run without their
/// row, runs that should be one, versions of profiles that are not there or not referred to, and
/// versions that store.db knows nothing of.
pub(crate) fn faults(folder: &Path) -> Vec<String> {
    let files = files(folder);
    let runs = files.iter().flat_map(|path| faults_in(path));
    runs.chain(files.iter().flat_map(|path| version_faults(folder, path))).collect()
}

fn version_faults(folder: &Path, path: &Path) -> Vec<String> {
    let connection = open(path);
    let store = folder.join("store.db");
    connection.execute("ATTACH ?1 AS store", [store.to_str().unwrap()]).unwrap();
    let key = "iif(user_id IS NULL, 'anonymous:' || anonymous_id, 'user:' || user_id)";
    let faults = [
        (
            "a row whose version is not there",
            format!(
                "SELECT hex(id) FROM events WHERE profile_revision IS NOT NULL AND NOT EXISTS \
                 (SELECT 1 FROM profile_versions WHERE key = {key} AND revision = profile_revision)"
            ),
        ),
        (
            "a version that no row refers to",
            format!(
                "SELECT key || ' ' || revision FROM profile_versions AS v WHERE NOT EXISTS \
                 (SELECT 1 FROM events WHERE {key} = v.key AND profile_revision = v.revision)"
            ),
        ),
        (
            "a change without its whole version",
            "SELECT key || ' ' || revision FROM profile_versions AS v WHERE NOT EXISTS \
             (SELECT 1 FROM profile_versions AS w WHERE w.key = v.key AND w.revision = v.base \
             AND w.base = w.revision)"
                .to_owned(),
        ),
        (
            "a version that its profile does not know",
            "SELECT key || ' ' || revision FROM profile_versions AS v WHERE NOT EXISTS \
             (SELECT 1 FROM store.profile_states AS s WHERE s.key = v.key \
             AND s.revision >= v.revision)"
                .to_owned(),
        ),
    ];
    let found = faults.iter().flat_map(|(fault, sql)| {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(|row| format!("{}: {fault}: {}", path.display(), row.unwrap())).collect::<Vec<_>>()
    });
    found.collect()
}

/// How many runs there are in all files of events in `folder`.
pub(crate) fn count(folder: &Path) -> usize {
    files(folder).iter().map(|path| runs(&open(path)).len()).sum()
}

/// The files in use. The others are left from a crash or were removed.
fn files(folder: &Path) -> Vec<PathBuf> {
    let store = open(&folder.join("store.db"));
    let mut statement = store.prepare("SELECT week FROM weeks WHERE state <> 'removed'").unwrap();
    let weeks = statement.query_map([], |row| row.get(0)).unwrap();
    let path = |week: u32| folder.join(format!("events-{}.db", Week::from_number(week)));
    weeks.map(|week| path(week.unwrap())).filter(|path| path.exists()).collect()
}

fn open(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn runs(connection: &Connection) -> Vec<Run> {
    let sql =
        "SELECT producer, scope, first, last, first_id FROM runs ORDER BY producer, scope, first";
    let mut statement = connection.prepare(sql).unwrap();
    let read = |row: &rusqlite::Row<'_>| {
        let id = u128::from_be_bytes(row.get(4)?);
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, id))
    };
    statement.query_map([], read).unwrap().map(Result::unwrap).collect()
}

fn faults_in(path: &Path) -> Vec<String> {
    let connection = open(path);
    // One transaction, so that rows and runs are of the same commit.
    connection.execute_batch("BEGIN").unwrap();
    let sql =
        "SELECT producer, seq, id FROM events WHERE producer IS NOT NULL ORDER BY producer, seq";
    let mut statement = connection.prepare(sql).unwrap();
    let read =
        |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, u128::from_be_bytes(row.get(2)?)));
    let rows: Vec<Number> = statement.query_map([], read).unwrap().map(Result::unwrap).collect();
    let runs = runs(&connection);
    let told: Vec<Number> = runs
        .iter()
        .flat_map(|(producer, _, first, last, id)| {
            (*first..=*last).map(|seq| (*producer, seq, *id + u128::from(seq - *first)))
        })
        .collect();
    let named = |fault: &str, number: &Number| {
        format!("{}: {fault}: number {} in row {:032x}", path.display(), number.1, number.2)
    };
    let mut faults = Vec::new();
    faults.extend(rows.iter().filter(|it| !told.contains(it)).map(|it| named("no run", it)));
    faults.extend(told.iter().filter(|it| !rows.contains(it)).map(|it| named("no row", it)));
    for two in runs.windows(2) {
        let ((producer, scope, first, last, id), next) = (&two[0], &two[1]);
        if (producer, scope) != (&next.0, &next.1) {
            continue;
        }
        if next.2 <= *last {
            faults.push(named("in two runs", &(*producer, next.2, next.4)));
        }
        let follows = (*producer, last + 1, *id + u128::from(last + 1 - first));
        if follows == (next.0, next.2, next.4) {
            faults.push(named("two runs that are one", &follows));
        }
    }
    faults
}
