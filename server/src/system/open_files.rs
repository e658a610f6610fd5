//! How many files and connections the process may have open at a time.

/// Open files reserved for databases, logs and sinks.
#[cfg(unix)]
const RESERVED: u64 = 256;
/// Fewest connections to serve, whatever the system allows.
#[cfg(unix)]
const CONNECTIONS_MIN: u64 = 64;

/// How many connections may be open at a time: `connections_max`, or as many as the system allows
/// after the process has raised its own limit.
///
/// The usual limit of 1,024 protects programs that use `select`, which the server does not
/// (systemd.exec(5), "LimitNOFILE="). A process may raise its own limit up to the hard limit.
#[cfg(unix)]
pub(crate) fn connections(connections_max: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let wanted = connections_max + RESERVED;
    let limit = getrlimit(Resource::Nofile);
    let Some(current) = limit.current.filter(|current| *current < wanted) else {
        return connections_max;
    };
    let raised = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted)).max(current);
    let limit = Rlimit { current: Some(raised), ..limit };
    let allowed = if setrlimit(Resource::Nofile, limit).is_ok() { raised } else { current };
    let connections = allowed.saturating_sub(RESERVED).clamp(CONNECTIONS_MIN, connections_max);
    if connections < connections_max {
        tracing::warn!(
            connections,
            open_files = allowed,
            "the limit on open files is too low for all connections; raise it with `ulimit -n`"
        );
    }
    connections
}

/// How many connections may be open at a time: `connections_max`. Windows has no such limit.
#[cfg(windows)]
pub(crate) fn connections(connections_max: u64) -> u64 {
    connections_max
}

#[cfg(all(test, unix))]
mod tests {
    #[test]
    fn the_limit_is_raised_up_to_the_hard_limit() {
        let connections = super::connections(8_192);
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let allowed = limit.current.unwrap_or(u64::MAX);
        assert!(
            connections <= 8_192 && (connections + super::RESERVED <= allowed || connections == 64)
        );
    }
}
