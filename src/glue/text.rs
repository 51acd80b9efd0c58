//! Words for what people read.

use std::io;

use crate::logic::audio::timeline_file::OpenError;

/// The system's reason without its number, which goes into the debug text.
pub fn io_reason(error: &io::Error) -> String {
    let text = error.to_string();
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => with_first(text.split(" (os error").next().unwrap_or_default(), char::to_lowercase),
    }
}

/// Why a file cannot be used as a timeline.
pub fn timeline_reason(error: &OpenError) -> String {
    match error {
        OpenError::Io(error) => io_reason(error),
        OpenError::Version(..) => "another version of this plugin made it".to_owned(),
        other => other.to_string(),
    }
}

/// The text as the beginning of a sentence.
pub fn capitalised(text: &impl std::fmt::Display) -> String {
    with_first(&text.to_string(), char::to_uppercase)
}

fn with_first<C: Iterator<Item = char>>(text: &str, change: fn(char) -> C) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| change(first).chain(chars).collect())
}
