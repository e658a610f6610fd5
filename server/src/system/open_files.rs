//! How many files and connections the process may have open.

/// What databases, logs and sinks may need beside connections.
const RESERVED: u64 = 256;
/// Fewest connections that are served, whatever the system allows.
const CONNECTIONS_MIN: u64 = 64;

/// How many connections may be open at a time: `connections_max`, or as many as the system allows once the process has
/// asked it for enough.
///
/// The usual limit of 1,024 is there for programs that use `select`, which none here does
/// (systemd.exec(5), "LimitNOFILE="); a process may raise its own up to the hard limit.
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
            "the system allows fewer open files than connections are wanted; raise its limit"
        );
    }
    connections
}

/// How many connections may be open at a time: `connections_max`.
#[cfg(not(unix))]
pub(crate) fn connections(connections_max: u64) -> u64 {
    let _ = (RESERVED, CONNECTIONS_MIN);
    connections_max
}

#[cfg(all(test, unix))]
mod tests {
    #[test]
    fn the_limit_is_raised_as_far_as_it_may_be() {
        let connections = super::connections(8_192);
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let allowed = limit.current.unwrap_or(u64::MAX);
        assert!(
            connections <= 8_192 && (connections + super::RESERVED <= allowed || connections == 64)
        );
    }
}
