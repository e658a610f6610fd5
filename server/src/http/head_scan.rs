//! Finds out whether the head of a request states the length of its body in two ways.
//!
//! Such a request may be an attempt at request smuggling and ought to be handled as an error
//! (RFC 9112, section 6.3). hyper takes `Content-Length` away from it, so only the bytes show it.

/// What is known of the form of a head.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum HeadForm {
    /// Nothing, because it arrived together with the end of the request before it.
    #[default]
    Unseen,
    /// It states the length of its body at most once.
    Clear,
    /// It has both `Content-Length` and `Transfer-Encoding`.
    TwoLengths,
}

/// Longest beginning of a line that is looked at, in bytes.
const NAME_BYTES_MAX: usize = b"transfer-encoding:".len();

/// Looks at the lines of a head while they arrive.
#[derive(Debug, Default)]
pub(super) struct HeadScan {
    /// The beginning of the line that is arriving.
    line: [u8; NAME_BYTES_MAX],
    line_bytes: usize,
    has_length: bool,
    has_encoding: bool,
    place: Place,
}

/// Which line comes next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// The first one. Empty lines before it are allowed.
    #[default]
    First,
    Header,
    /// None: the head has ended.
    Ended,
}

impl HeadScan {
    /// Looks at more bytes. Those after the end of the head are ignored.
    pub(super) fn push(&mut self, bytes: &[u8]) -> HeadForm {
        let mut rest = bytes;
        while self.place != Place::Ended && !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest);
            self.extend_line(&rest[..end.unwrap_or(rest.len())]);
            let Some(end) = end else { break };
            self.end_line();
            rest = &rest[end + 1..];
        }
        if self.has_length && self.has_encoding { HeadForm::TwoLengths } else { HeadForm::Clear }
    }

    fn extend_line(&mut self, part: &[u8]) {
        let free = &mut self.line[self.line_bytes..];
        let taken = part.len().min(free.len());
        free[..taken].copy_from_slice(&part[..taken]);
        self.line_bytes += taken;
    }

    fn end_line(&mut self) {
        let line = &self.line[..self.line_bytes];
        let begins =
            |name: &[u8]| line.len() >= name.len() && line[..name.len()].eq_ignore_ascii_case(name);
        self.has_length |= begins(b"content-length:");
        self.has_encoding |= begins(b"transfer-encoding:");
        let is_empty = matches!(line, b"" | b"\r");
        self.place = match (is_empty, self.place) {
            (false, _) => Place::Header,
            (true, Place::First) => Place::First,
            (true, _) => Place::Ended,
        };
        self.line_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOTH: &str = "POST / HTTP/1.1\r\nHost: x\r\nTRANSFER-encoding:chunked\r\n\
                        content-LENGTH : 5\r\nContent-Length: 5\r\n\r\n";

    fn form(parts: &[&str]) -> HeadForm {
        let mut scan = HeadScan::default();
        parts.iter().fold(HeadForm::Unseen, |_, part| scan.push(part.as_bytes()))
    }

    #[test]
    fn two_lengths_are_found_in_a_head_and_not_in_its_body() {
        assert_eq!(form(&[BOTH]), HeadForm::TwoLengths);
        assert_eq!(form(&[&BOTH.replace("\r\n", "\n")]), HeadForm::TwoLengths, "bare line feeds");
        assert_eq!(form(&["\r\n\r\n", BOTH]), HeadForm::TwoLengths, "empty lines before it");
        for clear in [
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX-Content-Length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 45\r\n\r\nTransfer-Encoding: chunked\r\n",
            "POST / HTTP/1.1\r\nX: Content-Length:\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            assert_eq!(form(&[clear]), HeadForm::Clear, "{clear}");
        }
    }

    proptest! {
        #[test]
        fn a_head_in_any_pieces_is_seen_like_one_in_one_piece(cuts in prop::collection::vec(0..BOTH.len(), 0..9)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut parts = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([BOTH.len()]) {
                parts.push(&BOTH[from..cut]);
                from = cut;
            }
            prop_assert_eq!(form(&parts), HeadForm::TwoLengths);
        }
    }
}
