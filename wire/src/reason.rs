//! Reason codes: why a client dropped an event or the server refused it. Codes are stable; texts
//! may change.

/// Why a client dropped an event that already had a number. It is declared to the server under this
/// code. The SDK's JavaScript knows the reasons by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// Storage and memory were full.
    Quota,
    /// The server answered that it can never store this event.
    Rejected,
    /// The event is larger than [`crate::limits`] allow.
    TooLarge,
    /// The user withdrew consent while the event waited.
    OptedOut,
}

impl DropReason {
    /// Every reason, in the order in which reports list them.
    pub const ALL: [Self; 4] = [Self::Quota, Self::Rejected, Self::TooLarge, Self::OptedOut];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Rejected => "rejected",
            Self::TooLarge => "too_large",
            Self::OptedOut => "opted_out",
        }
    }

    /// The reason with this code, if there is one.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

/// Why the server could not store an event of a payload that it accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InvalidReason {
    /// A field has the wrong type.
    Malformed,
    /// `name` is missing or empty.
    NameMissing,
    /// `name` is longer than [`crate::limits::NAME_BYTES_MAX`].
    NameTooLong,
    /// `ts` cannot be read as a time in the years 1 to 9999.
    TsInvalid,
    /// `properties` is not an object.
    PropertiesInvalid,
    /// `properties` is larger than [`crate::limits::PROPERTIES_BYTES_MAX`].
    PropertiesTooLarge,
    /// `producer` is not 26 characters of Crockford base32, or `seq` is missing or out of range.
    ProducerInvalid,
    /// `id` is empty or longer than [`crate::limits::ID_BYTES_MAX`].
    IdInvalid,
    /// `type` is not a type that Lamplight knows.
    TypeUnknown,
    /// `monitor.kind` is not `increment`, `gauge` or `timer`.
    MonitorKindUnknown,
    /// A gauge or a timer has no finite `monitor.value`.
    MonitorValueMissing,
    /// Another member is larger than [`crate::limits`] allow: an id of the user, `session`,
    /// `context` or `monitor`.
    FieldTooLarge,
}

impl InvalidReason {
    /// Every reason.
    pub const ALL: [Self; 12] = [
        Self::Malformed,
        Self::NameMissing,
        Self::NameTooLong,
        Self::TsInvalid,
        Self::PropertiesInvalid,
        Self::PropertiesTooLarge,
        Self::ProducerInvalid,
        Self::IdInvalid,
        Self::TypeUnknown,
        Self::MonitorKindUnknown,
        Self::MonitorValueMissing,
        Self::FieldTooLarge,
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NameMissing => "name_missing",
            Self::NameTooLong => "name_too_long",
            Self::TsInvalid => "ts_invalid",
            Self::PropertiesInvalid => "properties_invalid",
            Self::PropertiesTooLarge => "properties_too_large",
            Self::ProducerInvalid => "producer_invalid",
            Self::IdInvalid => "id_invalid",
            Self::TypeUnknown => "type_unknown",
            Self::MonitorKindUnknown => "monitor_kind_unknown",
            Self::MonitorValueMissing => "monitor_value_missing",
            Self::FieldTooLarge => "field_too_large",
        }
    }
}
