//! Watches the raw bytes of an HTTP/1.1 connection for heads that two parsers could read in two ways.
//!
//! hyper resolves them in the way RFC 9112 allows (Transfer-Encoding wins) and does not say that it did; a gateway must refuse
//! them, or it can be used to smuggle requests past others. This scanner can only refuse: it never changes what hyper reads, and
//! when it can't follow (a body that is not well formed), hyper can't either, and the connection ends.

use crate::client::Client;

/// A line longer than this is hyper's to refuse.
const LONGEST_LINE: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Framing {
    state: State,
    /// The part of a line that has come.
    line: Vec<u8>,
    heads: u64,
    head: Head,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Lines of a head; the first is the request line.
    Head { first: bool },
    /// Bytes of a body of known length.
    Body(u64),
    /// A chunk's size line.
    Size,
    /// A chunk's bytes with its line end.
    Chunk(u64),
    /// Lines after the last chunk.
    Trailers,
    /// Can't follow.
    Lost,
}

#[derive(Debug, Default)]
struct Head {
    lengths: u32,
    length: u64,
    chunked: bool,
    encodings: u32,
    strange: bool,
}

impl Framing {
    pub(super) fn new() -> Self {
        Self {
            state: State::Head { first: true },
            line: Vec::new(),
            heads: 0,
            head: Head::default(),
        }
    }

    /// Takes bytes as they are read.
    pub(super) fn pass(&mut self, mut bytes: &[u8], client: &Client) {
        while !bytes.is_empty() {
            match self.state {
                State::Lost => return,
                State::Body(left) => {
                    let skip = skip(left, &mut bytes);
                    self.state = if left == skip {
                        State::Head { first: true }
                    } else {
                        State::Body(left - skip)
                    };
                }
                State::Chunk(left) => {
                    let skip = skip(left, &mut bytes);
                    self.state = if left == skip {
                        State::Size
                    } else {
                        State::Chunk(left - skip)
                    };
                }
                State::Head { .. } | State::Size | State::Trailers => {
                    if self.state == (State::Head { first: true }) && self.line.is_empty() {
                        client.head_begins();
                    }
                    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                        self.line.extend_from_slice(bytes);
                        if self.line.len() > LONGEST_LINE {
                            self.lose();
                        }
                        return;
                    };
                    let (line, rest) = bytes.split_at(end + 1);
                    bytes = rest;
                    if self.line.is_empty() {
                        self.take(line, client);
                    } else {
                        let mut whole = std::mem::take(&mut self.line);
                        whole.extend_from_slice(line);
                        self.take(&whole, client);
                    }
                }
            }
        }
    }

    fn lose(&mut self) {
        self.state = State::Lost;
        self.line = Vec::new();
    }

    /// Takes a line with its end.
    fn take(&mut self, line: &[u8], client: &Client) {
        let text = line.strip_suffix(b"\r\n");
        match self.state {
            State::Head { first: true } => match text {
                // Empty lines before a request line are allowed (RFC 9112 section 2.2).
                Some(b"") => {}
                _ => {
                    self.head = Head {
                        strange: text.is_none(),
                        ..Head::default()
                    };
                    self.state = State::Head { first: false };
                }
            },
            State::Head { first: false } => match text {
                Some(b"") => self.end_of_head(client),
                Some(field) => self.head.take(field),
                None => {
                    // A bare line feed ends a line for some and not for others.
                    self.head.strange = true;
                    if line == b"\n" {
                        self.end_of_head(client);
                    }
                }
            },
            State::Size => match text.and_then(chunk_size) {
                Some(0) => self.state = State::Trailers,
                Some(size) => self.state = State::Chunk(size.saturating_add(2)),
                None => self.lose(),
            },
            State::Trailers => {
                if text == Some(b"") {
                    self.state = State::Head { first: true };
                }
            }
            State::Body(_) | State::Chunk(_) | State::Lost => {}
        }
    }

    fn end_of_head(&mut self, client: &Client) {
        self.heads += 1;
        let head = &self.head;
        if head.strange
            || head.lengths > 1
            || head.encodings > 1
            || (head.lengths > 0 && head.encodings > 0)
        {
            client.mark_ambiguous(self.heads);
        }
        self.state = match (head.chunked, head.length) {
            (true, _) => State::Size,
            (false, 0) => State::Head { first: true },
            (false, length) => State::Body(length),
        };
    }
}

impl Head {
    fn take(&mut self, field: &[u8]) {
        if field.starts_with(b" ") || field.starts_with(b"\t") {
            // A folded line.
            self.strange = true;
            return;
        }
        // Names of two lengths only are looked at.
        let Some(colon) = field.iter().take(20).position(|byte| *byte == b':') else {
            return;
        };
        let (name, value) = (&field[..colon], field[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths += 1;
            match std::str::from_utf8(value)
                .ok()
                .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
                .and_then(|text| text.parse().ok())
            {
                Some(length) => self.length = length,
                None => self.strange = true,
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.encodings += 1;
            self.chunked = value.eq_ignore_ascii_case(b"chunked");
            self.strange |= !self.chunked;
        } else if name.ends_with(b" ") || name.ends_with(b"\t") {
            self.strange = true;
        }
    }
}

fn skip(left: u64, bytes: &mut &[u8]) -> u64 {
    let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
    *bytes = &bytes[length..];
    length as u64
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii_end();
    if digits.is_empty() || digits.len() > 15 {
        return None;
    }
    u64::from_str_radix(
        std::str::from_utf8(digits)
            .ok()
            .filter(|text| !text.starts_with('+'))?,
        16,
    )
    .ok()
}

#[cfg(test)]
mod tests;
