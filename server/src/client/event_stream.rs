//! Server-sent events (HTML standard, section 9.2.6), parsed as they arrive.

/// Longest message that is kept, in bytes. Events are far smaller.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its kind: `message` if it names none.
    pub kind: String,
    /// Its data, with a line break between its lines.
    pub data: String,
    /// The last id of the stream after this message.
    pub last_id: Option<String>,
}

/// A message is larger than any that the API sends.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLarge;

/// Parses one stream. The chunks may end anywhere, also inside a character.
#[derive(Debug, Default)]
pub struct Parser {
    /// Bytes of a line that has not ended.
    line: Vec<u8>,
    /// Whether the last line ended with CR, so that an LF belongs to its end.
    ended_with_cr: bool,
    is_begun: bool,
    kind: String,
    data: String,
    has_data: bool,
    id: Option<String>,
    last_id: Option<String>,
}

impl Parser {
    /// A parser for a stream that continues after `last_id`.
    pub fn after(last_id: Option<String>) -> Self {
        Self { id: last_id.clone(), last_id, ..Self::default() }
    }

    /// The id to continue after: that of the last whole message.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// Reads a chunk, and gives the messages that it completes.
    ///
    /// # Errors
    /// [`TooLarge`], after which the stream must not be read further.
    pub fn read(&mut self, chunk: &[u8]) -> Result<Vec<Message>, TooLarge> {
        let mut messages = Vec::new();
        for byte in chunk {
            match byte {
                b'\n' if self.ended_with_cr => self.ended_with_cr = false,
                b'\n' | b'\r' => {
                    self.ended_with_cr = *byte == b'\r';
                    messages.extend(self.end_line());
                }
                _ => {
                    self.ended_with_cr = false;
                    self.line.push(*byte);
                    if self.line.len() + self.data.len() > MESSAGE_BYTES_MAX {
                        return Err(TooLarge);
                    }
                }
            }
        }
        Ok(messages)
    }

    fn end_line(&mut self) -> Option<Message> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = if self.is_begun { &line } else { line.trim_start_matches('\u{feff}') };
        self.is_begun = true;
        if line.is_empty() {
            return self.end_message();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.kind),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            _ => {}
        }
        None
    }

    fn end_message(&mut self) -> Option<Message> {
        // Also a message without data moves the position.
        self.last_id.clone_from(&self.id);
        let (kind, data) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.data));
        if !std::mem::take(&mut self.has_data) {
            return None;
        }
        let kind = if kind.is_empty() { "message".to_owned() } else { kind };
        Some(Message { kind, data, last_id: self.last_id.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> (Vec<Message>, Option<String>) {
        let mut parser = Parser::default();
        let messages = parser.read(text.as_bytes()).unwrap();
        (messages, parser.last_id().map(str::to_owned))
    }

    #[test]
    fn a_stream_of_the_server_is_read() {
        let (messages, last) = read(
            "retry: 1000\nid: 4.0\n\nid: 5.1\nevent: event\ndata: {\"a\":1}\n\nevent: gap\ndata: \
             {}\n\nid: 6.0\n\nid: 7.0\nevent: event\ndata: cut",
        );
        let kinds: Vec<&str> = messages.iter().map(|it| it.kind.as_str()).collect();
        assert_eq!(kinds, ["event", "gap"]);
        assert_eq!(messages[0].data, "{\"a\":1}");
        assert_eq!(messages[0].last_id.as_deref(), Some("5.1"));
        assert_eq!(last.as_deref(), Some("6.0"), "a message that was cut moves nothing");
    }

    #[test]
    fn odd_lines_are_read_as_the_standard_says() {
        let (messages, _) = read("\u{feff}data:a\r\ndata: b\rdata\n: comment\nunknown: x\n\n\n\n");
        assert_eq!(messages.len(), 1);
        assert_eq!((messages[0].kind.as_str(), messages[0].data.as_str()), ("message", "a\nb\n"));
        assert_eq!(read("id: 1\n\nid\n\n").1.as_deref(), Some(""));
        assert_eq!(read("id: 1\n\nid: 2\u{0}\n\n").1.as_deref(), Some("1"));
    }

    #[test]
    fn a_message_without_end_takes_no_memory_without_end() {
        let mut parser = Parser::default();
        let chunk = vec![b'x'; 1024 * 1024];
        let read = (0..100).try_for_each(|_| parser.read(&chunk).map(drop));
        assert_eq!(read, Err(TooLarge));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_chunks_end(
            lines in proptest::collection::vec("(id: [0-9]|data: [aé😀]{0,4}|event: e|:|)(\n|\r|\r\n)", 0..40),
            cuts in proptest::collection::vec(1_usize..7, 1..40),
        ) {
            let text = lines.concat();
            let whole = read(&text);
            let (mut parser, mut messages, mut rest) = (Parser::default(), Vec::new(), text.as_bytes());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (chunk, after) = rest.split_at((*cut).min(rest.len()));
                messages.extend(parser.read(chunk).unwrap());
                rest = after;
            }
            prop_assert_eq!((messages, parser.last_id().map(str::to_owned)), whole);
        }
    }
}
