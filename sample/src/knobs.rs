use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};

use crate::units;

/// Most memory that one request may ask for.
const MAX_MEMORY: u64 = 1 << 30;

/// What the query parameters of one request ask for. `latency` and `cpu` replace the process' own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Knobs {
    /// `latency=50ms`: waited before the answer's head.
    pub latency: Option<Duration>,
    /// `cpu=5ms`: CPU time used before the answer's head.
    pub cpu: Option<Duration>,
    /// `memory=10MiB`: filled and held until the request ends; 1 GiB at most.
    pub memory: u64,
    /// `status=503`: the answer's status, 200 to 599.
    pub status: Option<StatusCode>,
    /// `bytes=100000`: the answer's body is this long instead.
    pub bytes: Option<u64>,
    /// `chunk=1000`: the body comes in pieces of this many bytes (64 KiB at most) and without a content-length.
    pub chunk: Option<u64>,
    /// `interval=10ms`: waited between two pieces (also between two events of `/sse`).
    pub interval: Option<Duration>,
    /// `count=10`: events of `/sse`.
    pub count: Option<u64>,
    /// `abort=before|head|middle`: where the connection is closed.
    pub abort: Option<Abort>,
    /// `exit=1`: the process ends with this code, without an answer.
    pub exit: Option<i32>,
    /// `header=name:value`, any number of them: added to the answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// Where an answer ends because its connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abort {
    /// Before the head.
    Before,
    /// After the head, which announces a body.
    Head,
    /// After half of the body.
    Middle,
}

impl Knobs {
    /// Reads them from a query (without the question mark). Names that are not knobs are left alone.
    ///
    /// # Errors
    /// A knob's value can't be understood: says which, and what would be right.
    pub fn parse(query: &str) -> Result<Self, String> {
        let mut knobs = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            knobs
                .set(name, &decode(value))
                .map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(knobs)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "latency" => self.latency = Some(units::duration(value)?),
            "cpu" => self.cpu = Some(units::duration(value)?),
            "memory" => self.memory = memory(value)?,
            "status" => self.status = Some(status(value)?),
            "bytes" => self.bytes = Some(units::size(value)?),
            "chunk" => self.chunk = Some(units::size(value)?.max(1)),
            "interval" => self.interval = Some(units::duration(value)?),
            "count" => self.count = Some(units::size(value)?),
            "abort" => self.abort = Some(abort(value)?),
            "exit" => self.exit = Some(exit(value)?),
            "header" => self.headers.push(header(value)?),
            _ => {}
        }
        Ok(())
    }
}

fn memory(value: &str) -> Result<u64, String> {
    match units::size(value)? {
        size if size <= MAX_MEMORY => Ok(size),
        _ => Err(format!("{value:?} is more than 1GiB")),
    }
}

fn status(value: &str) -> Result<StatusCode, String> {
    let wrong = || format!("{value:?} is not a final status; write one from 200 to 599");
    let status = value.parse::<StatusCode>().map_err(|_| wrong())?;
    if (200..600).contains(&status.as_u16()) {
        Ok(status)
    } else {
        Err(wrong())
    }
}

fn abort(value: &str) -> Result<Abort, String> {
    match value {
        "before" => Ok(Abort::Before),
        "head" => Ok(Abort::Head),
        "middle" => Ok(Abort::Middle),
        _ => Err(format!("{value:?} is none of before, head, middle")),
    }
}

fn exit(value: &str) -> Result<i32, String> {
    value
        .parse()
        .map_err(|_| format!("{value:?} is not an exit code; write one such as 1"))
}

fn header(value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let wrong = || format!("{value:?} is not a header; write name:value");
    let (name, value) = value.split_once(':').ok_or_else(wrong)?;
    Ok((
        name.trim().parse().map_err(|_| wrong())?,
        value.trim().parse().map_err(|_| wrong())?,
    ))
}

/// Undoes percent-encoding and `+`; what isn't UTF-8 is replaced.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let hex = match (first, tail) {
            (b'%', [high, low, ..]) => (*high as char)
                .to_digit(16)
                .zip((*low as char).to_digit(16)),
            _ => None,
        };
        if let Some((high, low)) = hex {
            bytes.push((high << 4 | low) as u8);
            rest = &tail[2..];
        } else {
            bytes.push(if *first == b'+' { b' ' } else { *first });
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_knob() {
        let query = "latency=50ms&cpu=5ms&memory=10MiB&status=503&bytes=100&chunk=10&interval=1ms&count=3&abort=middle&exit=1&header=x-a:b%20c&other=1";
        let knobs = Knobs::parse(query).unwrap();
        assert_eq!(knobs.latency, Some(Duration::from_millis(50)));
        assert_eq!(
            (knobs.memory, knobs.bytes, knobs.chunk, knobs.count),
            (10 << 20, Some(100), Some(10), Some(3))
        );
        assert_eq!((knobs.abort, knobs.exit), (Some(Abort::Middle), Some(1)));
        assert_eq!(
            knobs.headers,
            [("x-a".parse().unwrap(), "b c".parse().unwrap())]
        );
    }

    #[test]
    fn refuses_bad_values_by_name() {
        for query in [
            "latency=5",
            "status=99",
            "status=101",
            "abort=end",
            "memory=2GiB",
            "header=x",
            "exit=a",
            "bytes=%",
        ] {
            let name = query.split('=').next().unwrap();
            let error = Knobs::parse(query).unwrap_err();
            assert!(error.starts_with(name), "{error}");
        }
    }
}
