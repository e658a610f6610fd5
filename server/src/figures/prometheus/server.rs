//! Metrics of the process, with the names that Prometheus' own libraries use.

use std::fmt;

use super::family::{Families, bytes, count, one, seconds, seconds_of, some};
use crate::figures::Figures;

pub(super) fn write(figures: &Figures, to: &mut Families<'_>) -> fmt::Result {
    let (server, usage) = (&figures.server, figures.server.usage);
    to.info(
        &count("lamplight_build", "The version of the server."),
        [[("version", server.version)]],
    )?;
    to.gauge(
        &count(
            "lamplight_ready",
            "1 if the server accepts and processes payloads, as /readyz says.",
        ),
        one(u32::from(server.is_ready)),
    )?;
    to.gauge(
        &count(
            "lamplight_unread_figures",
            "Readings from the databases and the disk that failed or took too long. Their metrics \
             are missing now.",
        ),
        one(figures.unread()),
    )?;
    to.gauge(
        &seconds("process_start_time", "When the process started, in seconds since 1970."),
        one(seconds_of(server.started_ms)),
    )?;
    to.counter(
        &seconds("process_cpu", "Processor time of all threads of the process."),
        some(usage.cpu_s),
    )?;
    to.gauge(
        &bytes(
            "process_resident_memory",
            "Memory of the process that is in use and not swapped out.",
        ),
        some(usage.resident_bytes),
    )?;
    to.gauge(&count("process_threads", "Threads of the process."), some(usage.threads))?;
    to.gauge(
        &count("process_open_fds", "Open files and connections of the process."),
        some(usage.open_files),
    )?;
    to.gauge(
        &count("process_max_fds", "How many files and connections the process may have open."),
        some(usage.open_files_max),
    )
}
