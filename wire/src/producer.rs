//! A producer: one page load, named by 128 random bits.

/// The name of one page load, spelled as 26 characters of Crockford base32.
///
/// The pair (producer, seq) has exactly one writer for ever: a producer is minted in memory when a page
/// starts and never restored. The alphabet is Crockford's (<https://www.crockford.com/base32.html>):
/// digits and capital letters without I, L, O and U. Only this canonical spelling is read; the lenient
/// forms of that page (lower case, hyphens, look-alikes) would give one producer several names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Producer(u128);

/// How many characters a producer's name has: 26 of five bits hold 128 bits, the first one at most `7`.
pub const PRODUCER_CHARS: usize = 26;

/// As many characters of five bits as 64 bits hold.
const WORD_CHARS: usize = 12;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Producer {
    /// The producer with these 128 bits.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// Its 128 bits.
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// Its name, as ASCII bytes.
    fn spell(self) -> [u8; PRODUCER_CHARS] {
        let mut name = [b'0'; PRODUCER_CHARS];
        let mut rest = self.0;
        // By words of twelve characters: nothing is shifted by more than a machine can at once.
        for word in name.rchunks_mut(WORD_CHARS) {
            // Only the lowest are looked at.
            #[allow(clippy::cast_possible_truncation)]
            let mut digits = rest as u64;
            for place in word.iter_mut().rev() {
                *place = ALPHABET[(digits & 31) as usize];
                digits >>= 5;
            }
            rest >>= 5 * WORD_CHARS;
        }
        name
    }

    /// Appends its name to `out`.
    pub fn push_to(self, out: &mut String) {
        for byte in self.spell() {
            out.push(char::from(byte));
        }
    }

    /// Reads a name. `None` unless it is exactly the canonical spelling.
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

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_name_reads_back_as_the_producer_it_names(bits: u128) {
            let producer = Producer::from_bits(bits);
            proptest::prop_assert_eq!(Producer::parse(&producer.to_string()), Some(producer));
        }

        #[test]
        fn any_text_is_either_the_canonical_name_or_refused(text in "[0-9A-Za-z\u{e9}-]{24,28}") {
            if let Some(producer) = Producer::parse(&text) {
                proptest::prop_assert_eq!(producer.to_string(), text);
            }
        }
    }
}
