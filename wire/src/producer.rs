//! A producer: one page load, named by 128 bits.

/// The name of one page load, spelled as 26 characters of Crockford base32.
///
/// The pair (producer, seq) permanently has exactly one writer: a producer is created in memory
/// when a page starts and is never restored. The alphabet is Crockford's
/// (<https://www.crockford.com/base32.html>): digits and capital letters without I, L, O and U.
/// Only this canonical spelling is read; the lenient forms of that page (lower case, hyphens,
/// look-alikes) would give one producer several names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Producer(u128);

/// The length of a producer's name: 26 characters of five bits hold 128 bits, the first one being
/// at most `7`.
pub const PRODUCER_CHARS: usize = 26;

/// How many characters of five bits fit into 64 bits.
pub const WORD_CHARS: u32 = 12;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// How many of a new producer's bits are random. The others are the time.
const RANDOM_BITS: u32 = 80;

impl Producer {
    /// The producer of a page that starts at `wall_ms`, in milliseconds since 1970, with the lowest
    /// 80 bits of `random`. So the bits are those of a [ULID](https://github.com/ulid/spec).
    ///
    /// Names that begin with the time lie next to each other in an index, as the pages that send
    /// now do. Random ones cost a page of the index each. No reader may rely on the time: clocks
    /// are wrong, and other producers may choose any 128 bits.
    pub const fn begun_at(wall_ms: u64, random: u128) -> Self {
        let random_max = (1 << RANDOM_BITS) - 1;
        Self((wall_ms as u128) << RANDOM_BITS | random & random_max)
    }

    /// The producer with these 128 bits.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// Its 128 bits.
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// Appends the producer's name to `out`.
    pub fn push_to(self, out: &mut String) {
        // Only the lowest bits of each word are used, so no shift is wider than a machine word.
        #[allow(clippy::cast_possible_truncation)]
        {
            push_digits(out, (self.0 >> 120) as u64, 2);
            push_digits(out, (self.0 >> 60) as u64, WORD_CHARS);
            push_digits(out, self.0 as u64, WORD_CHARS);
        }
    }

    /// Parses a name. `None` unless it has exactly the canonical spelling.
    pub fn parse(name: &str) -> Option<Self> {
        let bytes = name.as_bytes();
        if bytes.len() != PRODUCER_CHARS || bytes[0] > b'7' {
            return None;
        }
        let mut bits = 0u128;
        for byte in bytes {
            let digit = ALPHABET.iter().position(|letter| letter == byte)?;
            bits = (bits << 5) | digit as u128;
        }
        Some(Self(bits))
    }
}

/// Appends the lowest bits of `word` in `chars` characters of five bits each; at most
/// [`WORD_CHARS`].
pub fn push_digits(out: &mut String, word: u64, chars: u32) {
    let mut at = 5 * chars;
    while at > 0 {
        at -= 5;
        // Masked to the 32 letters.
        #[allow(clippy::cast_possible_truncation)]
        let digit = (word >> at) as usize & 31;
        out.push(char::from(ALPHABET[digit]));
    }
}

impl std::fmt::Display for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut name = String::with_capacity(PRODUCER_CHARS);
        self.push_to(&mut name);
        f.write_str(&name)
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}
