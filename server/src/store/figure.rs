//! The figures that the server keeps about itself.

/// How a figure is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureKind {
    /// A count that is stored, so that a restart continues it.
    Stored,
    /// A count of one process, which begins at 0.
    OfProcess,
    /// A level, such as the length of a queue.
    Level,
}

macro_rules! figures {
    ($($(#[doc = $doc:literal])+ $figure:ident = $name:literal, $kind:ident;)+) => {
        /// A figure that the server keeps about itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Figure {
            $($(#[doc = $doc])+ $figure,)+
        }

        impl Figure {
            /// Every figure.
            pub const ALL: &'static [Self] = &[$(Self::$figure),+];

            /// The name in the API and in databases. It never changes.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$figure => $name,)+ }
            }

            /// How it is measured.
            pub const fn kind(self) -> FigureKind {
                match self { $(Self::$figure => FigureKind::$kind,)+ }
            }
        }
    };
}

figures! {
    /// Payloads that were accepted.
    Payloads = "payloads", OfProcess;
    /// Bytes of payloads that were accepted, as received.
    PayloadBytes = "payload_bytes", OfProcess;
    /// Arrivals of events.
    Received = "received", Stored;
    /// Events that were stored.
    Stored = "stored", Stored;
    /// Arrivals of events that had arrived before.
    Duplicates = "duplicates", Stored;
    /// Events that cannot be stored.
    Invalid = "invalid", Stored;
    /// Events that were made and will not arrive. A count that falls, because some arrived after
    /// all, is no count of fewer losses.
    Lost = "lost", Stored;
    /// Requests to intake that were refused.
    Refused = "refused", OfProcess;
    /// Deliveries that sinks confirmed.
    Sent = "sent", Stored;
    /// Deliveries that were given up.
    Dead = "dead", Stored;
    /// Payloads that wait to be written to disk.
    IntakeDepth = "intake_depth", Level;
    /// How long the oldest of them has waited, in milliseconds.
    IntakeLagMs = "intake_lag_ms", Level;
    /// Payloads that wait to be processed.
    ProcessDepth = "process_depth", Level;
    /// How long the oldest of them has waited, in milliseconds.
    ProcessLagMs = "process_lag_ms", Level;
    /// Deliveries that wait, of all sinks.
    DeliverDepth = "deliver_depth", Level;
    /// How long the oldest of them has waited, in milliseconds.
    DeliverLagMs = "deliver_lag_ms", Level;
    /// Payloads that failed too often and wait for an operator.
    SetAside = "set_aside", Level;
    /// Commits of payloads, each with one sync.
    Syncs = "syncs", OfProcess;
    /// How long those syncs took, added up, in microseconds.
    SyncUs = "sync_us", OfProcess;
    /// Memory of the process, in bytes.
    MemoryBytes = "memory_bytes", Level;
    /// Free bytes on the disk of the data directory.
    DiskFreeBytes = "disk_free_bytes", Level;
    /// Bytes of the data directory's files.
    DataBytes = "data_bytes", Level;
    /// Bytes of the files of events among them, which retention deletes.
    EventsBytes = "events_bytes", Level;
    /// Bytes of the files of events for each event in them.
    BytesPerEvent = "bytes_per_event", Level;
}

impl Figure {
    /// The figure with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|figure| figure.name() == name)
    }
}
