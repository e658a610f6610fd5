//! Times as clients send them: the time of an event, and the time at which a batch was sent.
//!
//! A number is in the unit that its size shows, and text is RFC 3339. What is certain to be no time
//! is not read. Whether a time is believed is the server's decision.

/// The years 1 to 9999, so that every time that is stored can be shown.
const TIME_MS: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

/// Numbers from here on are seconds: as such they begin in March 1973. Smaller ones are
/// milliseconds of 1970, from a clock that was never set.
const SECONDS_FROM: u128 = 100_000_000;
/// Numbers from here on are milliseconds. As seconds they would be after the year 2286.
const MILLISECONDS_FROM: u128 = 10_000_000_000;
/// Numbers from here on are microseconds. As milliseconds they would be after the year 5138.
const MICROSECONDS_FROM: u128 = 100_000_000_000_000;
/// Numbers from here on are nanoseconds.
const NANOSECONDS_FROM: u128 = 100_000_000_000_000_000;
/// Numbers from here on are no time.
const NUMBERS_TO: u128 = 100_000_000_000_000_000_000;

/// A time by a client's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientTime {
    /// Milliseconds since 1970, within the years 1 to 9999.
    pub ms: i64,
    /// What had to be guessed to read it.
    pub guess: Option<TimeGuess>,
}

/// What was guessed about a time that is in another form than the documented ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeGuess {
    /// A number of this size counts seconds.
    Seconds,
    /// A number of this size counts microseconds.
    Microseconds,
    /// A number of this size counts nanoseconds.
    Nanoseconds,
    /// Text without a time zone is UTC.
    Utc,
}

impl TimeGuess {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
            Self::Utc => "utc",
        }
    }
}

/// When a client says that it sent a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SentAt {
    /// It does not say.
    #[default]
    Absent,
    /// What it says is no time.
    Unreadable,
    /// At this time, by its clock.
    At(ClientTime),
}

impl SentAt {
    /// Reads a JSON value.
    pub(crate) fn read(json: &str) -> Self {
        ClientTime::read(json).map_or(Self::Unreadable, Self::At)
    }

    /// Milliseconds since 1970, if there is a time.
    pub const fn ms(self) -> Option<i64> {
        match self {
            Self::At(time) => Some(time.ms),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

impl ClientTime {
    /// Reads a JSON value: a number, RFC 3339 text, or text that holds a number.
    pub fn read(json: &str) -> Option<Self> {
        let time = if json.starts_with('"') {
            let text: String = serde_json::from_str(json).ok()?;
            read_text(text.trim())
        } else {
            read_number(json)
        };
        time.filter(|time| TIME_MS.contains(&time.ms))
    }
}

fn read_text(text: &str) -> Option<ClientTime> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(ClientTime { ms: time.as_millisecond(), guess: None });
    }
    if let Ok(time) = text.parse::<jiff::civil::DateTime>() {
        let time = jiff::tz::Offset::UTC.to_timestamp(time).ok()?;
        return Some(ClientTime { ms: time.as_millisecond(), guess: Some(TimeGuess::Utc) });
    }
    read_number(text)
}

/// Parts of a millisecond are cut off.
fn read_number(text: &str) -> Option<ClientTime> {
    let float: f64 = serde_json::from_str(text).ok()?;
    // Integers are read exactly. A float would round nanoseconds.
    let whole = text.parse::<i128>().ok();
    // The size of a number decides, and it saturates: a number that is too large is no time.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let size = whole.map_or(float.abs() as u128, i128::unsigned_abs);
    // Thousandths of a second are what such a client means to send, so they are rounded.
    let (guess, whole_ms, float_ms) = match size {
        0..SECONDS_FROM | MILLISECONDS_FROM..MICROSECONDS_FROM => (None, whole, float),
        SECONDS_FROM..MILLISECONDS_FROM => {
            (Some(TimeGuess::Seconds), whole.map(|it| it * 1_000), (float * 1e3).round())
        }
        MICROSECONDS_FROM..NANOSECONDS_FROM => {
            (Some(TimeGuess::Microseconds), whole.map(|it| it / 1_000), float / 1e3)
        }
        NANOSECONDS_FROM..NUMBERS_TO => {
            (Some(TimeGuess::Nanoseconds), whole.map(|it| it / 1_000_000), float / 1e6)
        }
        NUMBERS_TO.. => return None,
    };
    // Below a hundred million million in every unit.
    #[allow(clippy::cast_possible_truncation)]
    let ms = whole_ms.map_or(float_ms as i64, |ms| ms as i64);
    Some(ClientTime { ms, guess })
}
