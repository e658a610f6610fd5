//! Metrics of databases and the disk.

use std::fmt;

use super::family::{Families, Table, bytes, count, one, seconds, seconds_of, some};
use crate::figures::{DiskFigures, Figures};
use crate::system::data_files::FileBytes;

const DISK: &Table<DiskFigures> = &[
    ("lamplight_disk_free", "Free space on the data directory's disk.", |it| it.free_bytes),
    (
        "lamplight_disk_floor",
        "Space that must stay free. With less, intake refuses all payloads.",
        |it| it.floor_bytes,
    ),
    (
        "lamplight_disk_reserve",
        "With less free space than this, intake refuses sources that sent more than their share.",
        |it| it.reserve_bytes,
    ),
    (
        "lamplight_disk_expected",
        "Space that waiting payloads will take once they are processed. It counts as used.",
        |it| it.expected_bytes,
    ),
];

pub(super) fn write(figures: &Figures, to: &mut Families<'_>) -> fmt::Result {
    writers(figures, to)?;
    let files = figures.disk.files;
    let databases = |size: fn(FileBytes) -> u64| {
        files.map(|it| {
            [("payloads", it.payloads), ("store", it.store), ("events", it.events)]
                .map(|(name, bytes)| ([("files", name)], size(bytes)))
        })
    };
    to.gauge(
        &bytes("lamplight_database", "Size of the databases, without their write-ahead logs."),
        databases(|it| it.main).into_iter().flatten(),
    )?;
    to.gauge(
        &bytes("lamplight_wal", "Size of the databases' write-ahead logs."),
        databases(|it| it.log).into_iter().flatten(),
    )?;
    to.gauge(
        &bytes("lamplight_data_directory", "Size of all files in the data directory."),
        some(files.map(|it| it.total_bytes())),
    )?;
    to.gauges(bytes, DISK, Some(&figures.disk))?;
    to.gauge(
        &seconds(
            "lamplight_clock_doubt",
            "How far the clock is ahead of the time that retention believes, while that is in \
             doubt, or 0. Nothing is deleted by such a clock.",
        ),
        one(seconds_of(figures.clock_doubt_ms.unwrap_or(0))),
    )
}

/// What the writers of the databases do.
fn writers(figures: &Figures, to: &mut Families<'_>) -> fmt::Result {
    let databases = [
        ([("database", "payloads")], figures.intake_database),
        ([("database", "events")], figures.events_database),
    ];
    to.gauge(
        &count("lamplight_database_up", "1 if the database takes writes."),
        databases.map(|(database, it)| (database, u32::from(it.is_up))),
    )?;
    if !figures.shards.is_empty() {
        let shards = figures.shards.iter().map(|(number, is_up)| (number.to_string(), *is_up));
        let shards: Vec<_> = shards.collect();
        to.gauge(
            &count(
                "lamplight_shard_up",
                "1 if the database with this number takes writes, where there are several.",
            ),
            shards.iter().map(|(number, is_up)| ([("shard", number.as_str())], u32::from(*is_up))),
        )?;
    }
    to.gauge(
        &bytes("lamplight_writer_queued", "Memory of writes that wait for their commit."),
        databases.map(|(database, it)| (database, it.commits.queued_bytes)),
    )?;
    to.gauge(
        &bytes(
            "lamplight_writer_queue_limit",
            "The most memory that waiting writes may take. Further ones are refused.",
        ),
        databases.map(|(database, it)| (database, it.commits.queued_bytes_max)),
    )?;
    to.counter(
        &count("lamplight_writer_writes", "Writes that were committed. One commit takes many."),
        databases.map(|(database, it)| (database, it.commits.writes)),
    )?;
    to.counter(
        &count(
            "lamplight_writer_failures",
            "Commits that failed, after each of which the database was opened again.",
        ),
        databases.map(|(database, it)| (database, it.commits.failures)),
    )?;
    to.histogram(
        &seconds(
            "lamplight_writer_commit",
            "How long a group commit takes, from the beginning of its transaction to the end of \
             its sync.",
        ),
        databases.map(|(database, it)| (database, it.commits.group)),
    )?;
    to.histogram(
        &seconds(
            "lamplight_writer_sync",
            "How long the COMMIT of a group takes, which is the sync of the disk and little else.",
        ),
        databases.map(|(database, it)| (database, it.commits.sync)),
    )
}
