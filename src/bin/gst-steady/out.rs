//! What is printed: with no control characters in names, and without a panic when nobody reads it any more.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::failure::{Failure, Stage};

/// Standard output, until its reader goes.
#[derive(Default)]
pub struct Out {
    /// Whether the reader has gone.
    pub closed: bool,
}

impl Out {
    /// Prints a line. Once the reader has gone this does nothing.
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.write(&format!("{text}\n"))
    }

    /// Prints text as it is, at once.
    pub fn write(&mut self, text: &str) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => self.closed = true,
            Err(error) => return Err(Failure::new(Stage::Io, format!("cannot print: {error}"))),
        }
        Ok(())
    }
}

/// Prints a line where that is all it is for: that nobody reads it, or that it cannot be printed, ends nothing.
pub fn say(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// The same on standard error.
pub fn tell(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A path as one line that a terminal shows as it is: what would move the cursor, end the line or turn the direction of
/// writing is escaped, and so are bytes that are no text.
pub fn printable(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if c.is_control() || c == '\\' || turns {
                text.extend(c.escape_default());
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn a_name_is_one_line_and_cannot_steer_the_terminal() {
        let shown = |bytes: &[u8]| printable(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(shown("Gespräch 1.recording.mkv".as_bytes()), "Gespräch 1.recording.mkv");
        assert_eq!(shown(b"a\nb\x1b[31m\\"), r"a\nb\u{1b}[31m\\");
        assert_eq!(shown(b"a\xffb"), r"a\xffb");
        assert_eq!(shown("a\u{202e}b".as_bytes()), r"a\u{202e}b");
    }
}
