//! What this process uses of the machine.

/// What this process uses of the machine. What the system does not tell is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ProcessUsage {
    /// Memory that is in use and not swapped out, in bytes.
    pub resident_bytes: Option<u64>,
    /// Processor time of all threads, in seconds.
    pub cpu_s: Option<f64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open files and connections.
    pub open_files: Option<u64>,
    /// How many may be open.
    pub open_files_max: Option<u64>,
}

impl ProcessUsage {
    /// Asks the system. On Windows, threads and files are not counted.
    #[cfg(windows)]
    pub fn measure() -> Self {
        let usage = lamplight_windows::Usage::measure().ok();
        Self {
            resident_bytes: usage.map(|usage| usage.resident_bytes),
            cpu_s: usage.map(|usage| usage.cpu_s),
            ..Self::default()
        }
    }

    /// Asks the system. On systems other than Linux, little is known.
    #[cfg(unix)]
    pub fn measure() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        Self {
            resident_bytes: status_number(&status, "VmRSS:").map(|kib| kib * 1_024),
            cpu_s: cpu_s(&stat),
            threads: status_number(&status, "Threads:"),
            // One of them is the directory that is read.
            open_files: std::fs::read_dir("/proc/self/fd")
                .ok()
                .map(|files| (files.count() as u64).saturating_sub(1)),
            open_files_max: open_files_max(),
        }
    }
}

/// A number in `/proc/self/status`.
#[cfg(unix)]
fn status_number(status: &str, field: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    value.split_whitespace().next()?.parse().ok()
}

/// The user and system time in `/proc/self/stat`. Linux gives programs hundredths of a second,
/// whatever its own ticks are.
#[cfg(unix)]
fn cpu_s(stat: &str) -> Option<f64> {
    // The name of the program is in parentheses, and may itself contain spaces and parentheses.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).map(str::parse::<u32>);
    let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
    Some((f64::from(user) + f64::from(system)) / 100.0)
}

#[cfg(unix)]
fn open_files_max() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use super::*;

    // Only the process information of Unix is a text.
    #[cfg(unix)]
    #[test]
    fn numbers_of_linux_are_understood() {
        let status = "Name:\tlamplight\nVmRSS:\t   12345 kB\nThreads:\t17\n";
        assert_eq!(status_number(status, "VmRSS:"), Some(12_345));
        assert_eq!(status_number(status, "Threads:"), Some(17));
        assert_eq!(status_number(status, "Missing:"), None);
        let stat = "7 (a ) (b) S 1 7 7 0 -1 4194560 100 0 0 0 150 25 0 0 20 0 17 0 1 2 3";
        assert_eq!(cpu_s(stat), Some(1.75));
        assert_eq!(cpu_s(""), None);
    }

    #[cfg(windows)]
    #[test]
    fn this_process_uses_memory_and_time() {
        let usage = ProcessUsage::measure();
        assert!(
            usage.resident_bytes.unwrap() > 100_000 && usage.cpu_s.unwrap() >= 0.0,
            "{usage:?}"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_something() {
        let usage = ProcessUsage::measure();
        assert!(usage.resident_bytes.unwrap() > 1024 * 1024, "{usage:?}");
        assert!(usage.threads.unwrap() >= 1 && usage.cpu_s.unwrap() >= 0.0, "{usage:?}");
        assert!((3..=usage.open_files_max.unwrap()).contains(&usage.open_files.unwrap()));
    }
}
