//! Mutations: making one input from another.

/// Fragments that mean something to the parsers.
const PIECES: [&[u8]; 28] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xf0\x9f\x98\x80",
    b"null",
    b"1e999",
    b"-0",
    b"18446744073709551616",
    b"4294967296",
    b"\"events\":",
    b"\"producers\":{",
    b"\"name\":\"\"",
    b"\"seq\":0",
    b"\"producer\":\"7ZZZZZZZZZZZZZZZZZZZZZZZZZ\"",
    b"\"monitor\":{}",
    b"\"ts\":\"2026-02-30T00:00:00Z\"",
    b"\x1f\x8b\x08\x00",
    b"\x28\xb5\x2f\xfd",
    b"\x00\x00\x00\x00",
    b"\xff\xff\xff\xff",
];
/// The longest input, in bytes.
const BYTES_MAX: usize = 64 * 1024;

/// Makes inputs. The same seed makes the same ones.
pub(crate) struct Mutator(u64);

impl Mutator {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end as u64).max(1)).unwrap()
    }

    /// One of `seeds`, changed in one to eight places.
    pub(crate) fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let at = self.below(seeds.len());
        let mut input = seeds[at].clone();
        for _ in 0..=self.below(8) {
            self.change(&mut input, seeds);
        }
        input.truncate(BYTES_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = at + self.below((input.len() - at).min(64) + 1);
        match self.below(8) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = u8::try_from(self.below(256)).unwrap(),
            2 => drop(input.drain(at..end)),
            3 => input.truncate(at),
            4 => {
                let span = input[at..end].repeat(1 + self.below(16));
                input.splice(at..at, span);
            }
            5 => {
                let other = self.below(seeds.len());
                let other = seeds[other].clone();
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend(&other[from..]);
            }
            _ => {
                let piece = PIECES[self.below(PIECES.len())];
                let times = if self.below(50) == 0 { 200 } else { 1 };
                input.splice(at..at, piece.repeat(times));
            }
        }
    }
}
