//! The file of an export: complete, or not there.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{CommandError, Event, Format};
use crate::system::private_file;
use crate::terminal::csv::RecordEnds;

/// A file that is being written, under another name until it is complete.
pub(super) struct PartialFile {
    writer: BufWriter<File>,
    part: PathBuf,
    path: PathBuf,
    found: Found,
}

/// What an interrupted export has left.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// Whole records, with the names of columns.
    records: u64,
    /// Their bytes.
    bytes: u64,
    /// The id and the number of the last event.
    last: Option<(String, String)>,
    has_head: bool,
}

impl PartialFile {
    /// Opens the file for an export to `path`. With `resume`, what is in it stays, except for a
    /// record that was cut.
    pub(super) fn open(path: &Path, format: Format, resume: bool) -> Result<Self, CommandError> {
        let mut name = path.to_owned().into_os_string();
        name.push(".part");
        let part = PathBuf::from(name);
        let failed = |doing: &str, error: io::Error| {
            CommandError::Failed(format!("{doing} {}: {error}", part.display()))
        };
        if resume && !part.exists() {
            return Err(CommandError::Failed(format!(
                "continue the export: there is no {}. Export without --resume",
                part.display()
            )));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let mut file = private_file::open_or_create(&mut options, &part)
            .map_err(|error| failed("create", error))?;
        if file.try_lock().is_err() {
            let part = part.display();
            return Err(CommandError::Failed(format!(
                "write {part}: another export is writing it"
            )));
        }
        let found = if resume {
            scan(&file, format).map_err(|error| failed("read", error))?
        } else {
            Found::default()
        };
        let placed = file.set_len(found.bytes).and_then(|()| file.seek(SeekFrom::End(0)));
        placed.map_err(|error| failed("write", error))?;
        Ok(Self { writer: BufWriter::new(file), part, path: path.to_owned(), found })
    }

    /// How many events are in it already.
    pub(super) fn records(&self) -> u64 {
        self.found.records
    }

    /// Whether the names of its columns are in it.
    pub(super) fn is_begun(&self) -> bool {
        self.found.has_head
    }

    /// The cursor after the last event in it.
    pub(super) fn cursor(&self, by_producer: bool) -> Option<String> {
        let (id, seq) = self.found.last.as_ref()?;
        Some(if by_producer { format!("seq{seq}-{id}") } else { id.clone() })
    }

    /// Its name until it is complete.
    pub(super) fn part_path(&self) -> &Path {
        &self.part
    }

    /// It is complete: it gets its name once all of it is on disk.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.writer.flush()?;
        self.writer.get_ref().sync_all()?;
        std::fs::rename(&self.part, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // Not every system can sync a directory. The name is then there a little later.
        if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Finds the whole records, in bounded memory.
fn scan(file: impl Read, format: Format) -> io::Result<Found> {
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let (mut found, mut ends) = (Found::default(), RecordEnds::default());
    let (mut record, mut read) = (Vec::new(), 0_u64);
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(found);
        }
        for byte in chunk {
            read += 1;
            record.push(*byte);
            let is_end = match format {
                Format::Ndjson => *byte == b'\n',
                Format::Csv => ends.ends_with(*byte),
            };
            if is_end {
                if !take(&mut found, &record, format) {
                    let text = "it holds something else than events";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
                found.bytes = read;
                record.clear();
            }
        }
        let length = chunk.len();
        reader.consume(length);
    }
}

/// Counts a record. Whether it is one.
fn take(found: &mut Found, record: &[u8], format: Format) -> bool {
    let Ok(text) = std::str::from_utf8(record) else { return false };
    match format {
        Format::Csv if !found.has_head => {
            found.has_head = text.starts_with("id,seq,");
            return found.has_head;
        }
        Format::Csv => {
            let mut cells = text.split(',');
            let (Some(id), Some(seq)) = (cells.next(), cells.next()) else { return false };
            found.last = Some((id.to_owned(), seq.to_owned()));
        }
        Format::Ndjson => {
            let Ok(event) = serde_json::from_str::<Event<'_>>(text) else { return false };
            let seq = event.seq.map(|seq| seq.to_string()).unwrap_or_default();
            found.last = Some((event.id.into_owned(), seq));
        }
    }
    found.records += 1;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_was_cut_does_not_count() {
        let head = crate::export::CSV_HEAD;
        let whole = format!("{head}a,1,\"x\ny\",z\nb,2,\"\"\"\n\"\"\",z\n");
        for rest in ["", "c", "c,3,\"d\ne,4,5\n"] {
            let found = scan(format!("{whole}{rest}").as_bytes(), Format::Csv).unwrap();
            assert_eq!((found.records, found.bytes), (2, whole.len() as u64), "{rest}");
            assert_eq!(found.last, Some(("b".into(), "2".into())));
        }
        let cut = scan(&head.as_bytes()[..10], Format::Csv).unwrap();
        assert_eq!(cut, Found::default());
    }

    #[test]
    fn a_file_with_something_else_is_not_continued() {
        for text in ["hello\n", "{\"a\":1}\n", "\u{1}\n"] {
            assert!(scan(text.as_bytes(), Format::Ndjson).is_err(), "{text}");
            assert!(scan(text.as_bytes(), Format::Csv).is_err(), "{text}");
        }
    }
}
