//! Looks at the frames of an HTTP/2 connection (RFC 9113, section 4.1): whether the head of a
//! request is arriving, and how many frames are none of a request.
//!
//! A client can send frames that cost the server work and begin no request, such as pings,
//! settings, priorities, empty data, or the cancellation of requests that it has just begun
//! (CVE-2019-9512 to 9518, CVE-2023-44487). Clients need few of them: some for each answer that
//! they read, which is why bytes that are written allow for more. A client that sends many more is
//! cut off.

use std::time::Duration;

use tokio::time::Instant;

/// How every connection of HTTP/2 begins.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How many frames that are none of a request a client may send at once.
pub(super) const FRAMES_MAX: u32 = 1_000;
/// After this time, another one is allowed.
const FRAME_EVERY: Duration = Duration::from_millis(10);
/// After this many bytes of answers, another one is allowed. It is more than the server writes in
/// reply to such a frame, so replies earn none.
const FRAME_BYTES: usize = 64;
/// What the cancellation of a request counts for: the request has cost something.
pub(super) const RESET_COST: u32 = 5;
/// Data of fewer bytes counts, unless it ends a body.
const SMALL_DATA_BYTES: usize = 64;

const HEADER_BYTES: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// The client has sent too many frames that are none of a request.
#[derive(Debug, thiserror::Error)]
#[error("the client sent too many frames that are none of a request")]
pub(super) struct TooManyFrames;

/// Looks at frames while they arrive.
#[derive(Debug)]
pub(super) struct FrameScan {
    header: [u8; HEADER_BYTES],
    header_bytes: usize,
    payload_left: usize,
    /// Whether the head of a request ends with the frame that is arriving.
    ends_head: bool,
    is_head_open: bool,
    heads_ended: u64,
    frames_left: u32,
    refilled: Instant,
    /// Written bytes that have allowed for no frame yet.
    written_bytes: usize,
}

impl Default for FrameScan {
    fn default() -> Self {
        Self {
            header: [0; HEADER_BYTES],
            header_bytes: 0,
            payload_left: 0,
            ends_head: false,
            is_head_open: false,
            heads_ended: 0,
            frames_left: FRAMES_MAX,
            refilled: Instant::now(),
            written_bytes: 0,
        }
    }
}

impl FrameScan {
    /// Whether a part of a head has arrived, and its end has not.
    pub(super) fn is_head_open(&self) -> bool {
        self.is_head_open
    }

    /// How many heads have arrived.
    pub(super) fn heads_ended(&self) -> u64 {
        self.heads_ended
    }

    /// `bytes` were written to the client.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written_bytes += bytes;
        let earned = self.written_bytes / FRAME_BYTES;
        self.written_bytes %= FRAME_BYTES;
        self.allow(earned as u64);
    }

    fn allow(&mut self, frames: u64) {
        let left = u64::from(self.frames_left) + frames;
        self.frames_left = u32::try_from(left).unwrap_or(u32::MAX).min(FRAMES_MAX);
    }

    fn pay(&mut self, cost: u32) -> Result<(), TooManyFrames> {
        if self.frames_left < cost {
            let earned = self.refilled.elapsed().as_millis() / FRAME_EVERY.as_millis();
            self.refilled = Instant::now();
            self.allow(u64::try_from(earned).unwrap_or(u64::MAX).min(FRAMES_MAX.into()));
        }
        self.frames_left = self.frames_left.checked_sub(cost).ok_or(TooManyFrames)?;
        Ok(())
    }

    /// Looks at more bytes, after the preface.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), TooManyFrames> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.payload_left > 0 {
                let taken = self.payload_left.min(rest.len());
                self.payload_left -= taken;
                rest = &rest[taken..];
            } else {
                let taken = (HEADER_BYTES - self.header_bytes).min(rest.len());
                let part = &mut self.header[self.header_bytes..][..taken];
                part.copy_from_slice(&rest[..taken]);
                self.header_bytes += taken;
                rest = &rest[taken..];
                if self.header_bytes < HEADER_BYTES {
                    continue;
                }
                self.header_bytes = 0;
                self.begin_frame()?;
            }
            if self.payload_left == 0 && self.ends_head {
                (self.ends_head, self.is_head_open) = (false, false);
                self.heads_ended += 1;
            }
        }
        Ok(())
    }

    fn begin_frame(&mut self) -> Result<(), TooManyFrames> {
        let [high, middle, low, kind, flags, ..] = self.header;
        self.payload_left = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let cost = match kind {
            HEADERS => 0,
            DATA if self.payload_left >= SMALL_DATA_BYTES || flags & END_STREAM != 0 => 0,
            RESET => RESET_COST,
            _ => 1,
        };
        if matches!(kind, HEADERS | CONTINUATION) {
            self.is_head_open = true;
            self.ends_head = flags & END_HEADERS != 0;
        }
        self.pay(cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PING: u8 = 6;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let header = [length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        [&header[..], &vec![0; payload]].concat()
    }

    /// How many of these frames are accepted at once.
    fn accepted(kind: u8, flags: u8, payload: usize) -> usize {
        let mut scan = FrameScan::default();
        let frame = frame(kind, flags, payload);
        (0..3_000).take_while(|_| scan.push(&frame).is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_are_none_of_a_request_are_counted() {
        let all = FRAMES_MAX as usize;
        for kind in [2, 4, 5, PING, 7, 8, CONTINUATION, 10, 255] {
            assert_eq!(accepted(kind, 0, 8), all, "{kind}");
        }
        assert_eq!(accepted(RESET, 0, 4), all / RESET_COST as usize);
        assert_eq!(accepted(DATA, 0, 0), all, "empty data");
        assert_eq!(accepted(DATA, 0, 1), all, "data in single bytes");
        for (kind, flags, payload) in [(HEADERS, END_HEADERS, 30), (DATA, 0, 64), (DATA, 1, 0)] {
            assert_eq!(accepted(kind, flags, payload), 3_000, "part of a request");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_and_answers_allow_for_more_frames() {
        let mut scan = FrameScan::default();
        let accepted =
            |scan: &mut FrameScan| (0..3_000).take_while(|_| scan.pay(1).is_ok()).count();
        assert_eq!(accepted(&mut scan), 1_000);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(accepted(&mut scan), 100);
        scan.wrote(6_400 + 63);
        assert_eq!(accepted(&mut scan), 100);
        scan.wrote(1);
        assert_eq!(accepted(&mut scan), 1);
        tokio::time::sleep(Duration::from_hours(1)).await;
        assert_eq!(accepted(&mut scan), 1_000, "it does not grow");
        // The replies to pings.
        (0..100).for_each(|_| scan.wrote(17));
        assert!(accepted(&mut scan) < 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_is_open_until_its_last_byte() {
        let mut scan = FrameScan::default();
        scan.push(&frame(4, 0, 6)).unwrap();
        assert!(!scan.is_head_open());
        let head = [frame(HEADERS, 0, 5), frame(CONTINUATION, END_HEADERS, 3)].concat();
        for byte in &head[..head.len() - 1] {
            scan.push(std::slice::from_ref(byte)).unwrap();
        }
        assert!(scan.is_head_open() && scan.heads_ended() == 0);
        scan.push(&head[head.len() - 1..]).unwrap();
        assert!(!scan.is_head_open() && scan.heads_ended() == 1);
        scan.push(&frame(HEADERS, END_HEADERS, 0)).unwrap();
        assert!(!scan.is_head_open() && scan.heads_ended() == 2);
    }

    proptest! {
        #[test]
        fn frames_in_any_pieces_are_seen_like_those_in_one_piece(
            frames in prop::collection::vec((0..12_u8, any::<u8>(), 0..200_usize), 1..20),
            pieces in prop::collection::vec(1..50_usize, 1..40),
        ) {
            let bytes: Vec<u8> =
                frames.iter().flat_map(|(kind, flags, payload)| frame(*kind, *flags, *payload)).collect();
            let mut whole = FrameScan::default();
            whole.push(&bytes).unwrap();
            let mut scan = FrameScan::default();
            let (mut rest, mut pieces) = (&bytes[..], pieces.iter().cycle());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.len().min(*pieces.next().unwrap()));
                scan.push(piece).unwrap();
                rest = after;
            }
            prop_assert_eq!(scan.heads_ended(), whole.heads_ended());
            prop_assert_eq!(scan.is_head_open(), whole.is_head_open());
            prop_assert_eq!(scan.frames_left, whole.frames_left);
        }
    }
}
