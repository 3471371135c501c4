use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use rouse_api::workload::WorkloadId;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// A longer line is cut.
const LINE: usize = 4096;

/// Lines kept for telling a failure.
const KEPT: usize = 20;

/// The last lines of one replica's output.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    pub(super) fn add(&self, line: String) {
        let mut lines = self.0.lock();
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().iter().cloned().collect()
    }
}

/// Logs what a replica writes, line by line, until it is closed.
pub(super) async fn log(reader: impl AsyncRead + Unpin, workload: WorkloadId, tail: Tail) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    let mut cut = false;
    loop {
        let (taken, ended) = match reader.fill_buf().await {
            Err(_) | Ok([]) => break,
            Ok(buffer) => {
                let end = buffer.iter().position(|byte| *byte == b'\n');
                let part = &buffer[..end.unwrap_or(buffer.len())];
                let room = LINE - line.len();
                cut |= part.len() > room;
                line.extend_from_slice(&part[..part.len().min(room)]);
                (part.len() + usize::from(end.is_some()), end.is_some())
            }
        };
        reader.consume(taken);
        if ended {
            emit(&mut line, &mut cut, &workload, &tail);
        }
    }
    if !line.is_empty() {
        emit(&mut line, &mut cut, &workload, &tail);
    }
}

fn emit(line: &mut Vec<u8>, cut: &mut bool, workload: &WorkloadId, tail: &Tail) {
    let mut text = String::from_utf8_lossy(line).trim_end().to_owned();
    if std::mem::take(cut) {
        text.push_str(" [cut]");
    }
    line.clear();
    tracing::info!(target: "workload", workload = workload.as_str(), "{text}");
    tail.add(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn tail_of(output: &[u8]) -> Vec<String> {
        let tail = Tail::default();
        log(output, WorkloadId::new("default", "hello"), tail.clone()).await;
        tail.lines()
    }

    #[tokio::test]
    async fn keeps_the_last_lines() {
        let output: String = (0..50).map(|i| format!("line {i}\r\n")).collect();
        let lines = tail_of(output.as_bytes()).await;
        assert_eq!(lines.len(), KEPT);
        assert_eq!(
            (lines[0].as_str(), lines[KEPT - 1].as_str()),
            ("line 30", "line 49")
        );
    }

    #[tokio::test]
    async fn cuts_long_lines_and_goes_on_behind_them() {
        let output = [vec![b'x'; LINE * 5], b"\nshort\nno newline \xff".to_vec()].concat();
        let lines = tail_of(&output).await;
        assert_eq!(lines[0].len(), LINE + " [cut]".len());
        assert_eq!(
            lines[1..],
            ["short".to_owned(), "no newline \u{fffd}".to_owned()]
        );
    }
}
