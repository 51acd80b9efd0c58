//! The file of a report.

use std::io::Read;
use std::path::Path;

/// What every report begins with.
const BEGINNING: &[u8] = b"<!DOCTYPE html>";

/// Whether there is a page already, which may well be an older report.
pub fn is_page(path: &Path) -> bool {
    let mut beginning = [0; BEGINNING.len()];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut beginning));
    read.is_ok() && beginning == *BEGINNING
}
