//! The end of a file that lines are appended to: the next line must begin on a line of its own.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// How much is read at a time to find the beginning of the last line.
const STEP_BYTES: u64 = 64 * 1024;
/// No line of this sink is longer: a request has at most 8 MiB.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How every line of this sink begins: `{"id":"` and a UUID.
const LINE_START: &str = "{\"id\":\"00000000-0000-0000-0000-000000000000\",\"event_id\":";

/// What was done so that the next line begins on a line of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TailRepair {
    /// Nothing: the file is empty, or its last line is complete.
    None,
    /// An incomplete line of this sink, which a crash left, was removed. Its event was not
    /// acknowledged, so it is written again.
    Removed,
    /// A line break was added to an incomplete line of another program.
    Ended,
}

/// Makes sure that the next line begins on a line of its own. `file` is open for appending.
pub(super) fn repair(file: &mut File) -> io::Result<TailRepair> {
    let length = file.seek(SeekFrom::End(0))?;
    let start = last_line_start(file, length)?;
    if start == Some(length) {
        return Ok(TailRepair::None);
    }
    if let Some(start) = start
        && is_own(&head(file, start)?)
    {
        cut(file, start)?;
        return Ok(TailRepair::Removed);
    }
    file.write_all(b"\n")?;
    Ok(TailRepair::Ended)
}

/// Shortens a file that is open for appending.
#[cfg(unix)]
pub(super) fn cut(file: &File, bytes: u64) -> io::Result<()> {
    file.set_len(bytes)
}

#[cfg(windows)]
pub(super) fn cut(file: &File, bytes: u64) -> io::Result<()> {
    lamplight_windows::truncate(file, bytes)
}

/// Where the last line begins, or `None` if it is longer than any of this sink.
fn last_line_start(file: &mut File, length: u64) -> io::Result<Option<u64>> {
    let mut end = length;
    let mut buffer = Vec::new();
    while end > 0 {
        if length - end > LINE_BYTES_MAX {
            return Ok(None);
        }
        let start = end.saturating_sub(STEP_BYTES);
        file.seek(SeekFrom::Start(start))?;
        buffer.clear();
        Read::by_ref(file).take(end - start).read_to_end(&mut buffer)?;
        if let Some(at) = buffer.iter().rposition(|byte| *byte == b'\n') {
            return Ok(Some(start + at as u64 + 1));
        }
        end = start;
    }
    Ok(Some(0))
}

/// The beginning of the line at `start`, as far as it shows who wrote it.
fn head(file: &mut File, start: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut head = Vec::new();
    Read::by_ref(file).take(LINE_START.len() as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Whether a line that begins with `head` was written by this sink. It may end anywhere.
fn is_own(head: &[u8]) -> bool {
    let is_like = |(byte, pattern): (&u8, u8)| match pattern {
        b'0' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        pattern => *byte == pattern,
    };
    head.iter().zip(LINE_START.bytes()).all(is_like)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str =
        "{\"id\":\"0192d7a8-3b1c-7def-8123-456789abcdef\",\"event_id\":\"p-1\",\"name\":\"n\"}";

    /// What a file with `before` in it holds after a repair.
    fn repaired(before: &[u8]) -> (TailRepair, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, before).unwrap();
        let mut file = File::options().read(true).append(true).open(&path).unwrap();
        let repair = repair(&mut file).unwrap();
        (repair, std::fs::read(&path).unwrap())
    }

    #[test]
    fn a_line_of_this_sink_is_removed_wherever_a_crash_cut_it() {
        for kept in ["", "first\n", "a program's\n\n"] {
            for length in 1..=LINE.len() {
                let before = format!("{kept}{}", &LINE[..length]);
                let (repair, after) = repaired(before.as_bytes());
                assert_eq!((repair, after), (TailRepair::Removed, kept.into()), "{before}");
            }
        }
        let long = format!("{kept}{LINE}{}", "x".repeat(300_000), kept = "first\n");
        assert_eq!(repaired(long.as_bytes()).1, b"first\n");
    }

    #[test]
    fn a_line_of_another_program_is_kept_and_ended() {
        for tail in [
            "x",
            "2026-01-31 started",
            "{\"ID\"",
            "{\"id\":1",
            "{\"id\":\"0192d7a8-3b1c-7def-8123-456789abcdef\"}",
            "{\"id\":\"not-a-uuid\",\"event_id\":\"",
            "{\"level\":\"info\"",
            "[",
            " ",
        ] {
            for kept in ["", "first\n"] {
                let before = format!("{kept}{tail}");
                let expected = format!("{before}\n").into_bytes();
                assert_eq!(repaired(before.as_bytes()), (TailRepair::Ended, expected));
            }
        }
    }

    proptest! {
        /// Nothing is removed but a beginning of a line of this sink.
        #[test]
        fn what_others_wrote_stays_whatever_it_is(before: Vec<u8>, own in 0..LINE.len()) {
            let before = [before.as_slice(), b"\n", &LINE.as_bytes()[..own]].concat();
            let (_, after) = repaired(&before);
            prop_assert_eq!(&after, &before[..before.len() - own]);
        }

        #[test]
        fn the_next_line_begins_on_a_line_of_its_own(before: Vec<u8>) {
            let (_, after) = repaired(&before);
            prop_assert!(after.is_empty() || after.ends_with(b"\n"));
        }
    }
}
