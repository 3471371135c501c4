use std::io::{IsTerminal, Stdout, Write, stdout};

/// Back to the start of the line, and nothing in it.
const CLEAR: &str = "\r\x1b[2K";

/// Event lines, and below them on a terminal one line that is rewritten. A closed standard output is no reason to stop.
pub(super) struct Screen<W: Write = Stdout> {
    out: W,
    live: bool,
    line: String,
}

impl Screen {
    pub(super) fn new() -> Self {
        let out = stdout();
        let live = out.is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self::on(out, live)
    }
}

impl<W: Write> Screen<W> {
    fn on(out: W, live: bool) -> Self {
        let line = String::new();
        Self { out, live, line }
    }

    /// Whether there is a status line.
    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    /// Above the status line.
    pub(super) fn print(&mut self, text: &str) {
        let clear = if self.line.is_empty() { "" } else { CLEAR };
        let _ = write!(self.out, "{clear}{text}\n{}", self.line);
        let _ = self.out.flush();
    }

    pub(super) fn print_all(&mut self, lines: &[String]) {
        for line in lines {
            self.print(line);
        }
    }

    /// Replaces the status line; it should fit into one line of the terminal.
    pub(super) fn status(&mut self, line: String) {
        if self.live && line != self.line {
            let _ = write!(self.out, "{CLEAR}{line}");
            let _ = self.out.flush();
            self.line = line;
        }
    }

    /// Takes the status line away for good.
    pub(super) fn end(&mut self, text: &str) {
        self.live = false;
        let had = !std::mem::take(&mut self.line).is_empty();
        let _ = write!(self.out, "{}", if had { CLEAR } else { "" });
        self.print(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(live: bool) -> String {
        let mut screen = Screen::on(Vec::new(), live);
        screen.print("one");
        screen.status("asleep".to_owned());
        screen.status("asleep".to_owned());
        screen.print("two");
        screen.end("three");
        String::from_utf8(screen.out).unwrap()
    }

    #[test]
    fn without_a_terminal_there_are_plain_lines() {
        assert_eq!(shown(false), "one\ntwo\nthree\n");
    }

    #[test]
    fn the_status_line_stays_below_and_goes_at_the_end() {
        let wanted = format!("one\n{CLEAR}asleep{CLEAR}two\nasleep{CLEAR}three\n");
        assert_eq!(shown(true), wanted);
    }
}
