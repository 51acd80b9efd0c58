//! The names around a recording: `out.mp4` is written as `out.recording.mp4`, a leftover of that is set aside as
//! `out.recording-20260131T235959Z.mp4`, and `out-1.mp4` is where it goes when `out.mp4` is taken and numbers are allowed.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The mark that every temporary name carries before its extension.
pub const MARKER: &str = ".recording";
/// The longest name the common file systems take, in bytes.
const NAME_MAX: usize = 255;

/// Why a location cannot be recorded to; the text is for the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The empty path.
    #[error("No location was given. Set the location property to the file to write.")]
    Empty,
    /// A path that can only be a directory.
    #[error("The location names a directory. Add a file name to it.")]
    Directory,
    /// A name that already is a temporary one.
    #[error(
        "The location already carries the mark of an unfinished recording (.recording). Choose the name that the \
         finished file should have."
    )]
    Marked,
    /// A name beyond what file systems take.
    #[error("The file name is longer than 255 bytes. Choose a shorter one.")]
    TooLong,
}

/// Directory and file name of a target, and the names derived from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    directory: PathBuf,
    name: OsString,
}

/// Whether `name` is that of an unfinished recording: `.recording` or `.recording-…` at the end or before the extension.
pub fn is_temporary(name: &OsStr) -> bool {
    let (stem, _) = split(name.as_bytes());
    [stem, name.as_bytes()].into_iter().any(|part| {
        let Some(at) = find_last(part, MARKER.as_bytes()) else { return false };
        let rest = &part[at + MARKER.len()..];
        at > 0 && (rest.is_empty() || (rest[0] == b'-' && !rest.contains(&b'.')))
    })
}

/// The name that `name` was to become, if it is one under which this sink leaves a recording: [`Names::temporary`] or
/// [`Names::aside`]. Nothing wider: a user's own `band.recording-final-mix.wav` is none, and what was found under such a name
/// may be renamed or deleted. The private name of an instant, [`Names::newborn`], is none either, since no bytes go there.
pub fn target_of(name: &OsStr) -> Option<OsString> {
    let (stem, extension) = split(name.as_bytes());
    let of = |stem: &[u8], extension: &[u8]| {
        let at = find_last(stem, MARKER.as_bytes()).filter(|&at| at > 0)?;
        let target = OsString::from_vec([&stem[..at], extension].concat());
        // Nobody can record to a name that carries the mark itself.
        (is_mark_of_time(&stem[at + MARKER.len()..]) && !is_temporary(&target)).then_some(target)
    };
    of(stem, extension).or_else(|| of(name.as_bytes(), b""))
}

/// Whether this is what may follow the marker: nothing, `-20260131T235959Z`, or `-20260131T235959Z-2`.
fn is_mark_of_time(rest: &[u8]) -> bool {
    const SHAPE: &[u8; 17] = b"-00000000T000000Z";
    if rest.is_empty() {
        return true;
    }
    let Some((time, again)) = rest.split_at_checked(SHAPE.len()) else { return false };
    let fits = |(&byte, &shape): (&u8, &u8)| if shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
    let again = match again {
        [] => true,
        [b'-', b'1'..=b'9', more @ ..] => more.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    time.iter().zip(SHAPE).all(fits) && again
}

fn find_last(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).rposition(|window| window == needle)
}

/// Stem and extension with its dot; a dot at the very start begins a hidden file's name, not an extension.
fn split(name: &[u8]) -> (&[u8], &[u8]) {
    match name.iter().rposition(|&b| b == b'.') {
        Some(at) if at > 0 => name.split_at(at),
        _ => (name, &[]),
    }
}

impl Names {
    /// Takes a location apart. Nothing is looked up on disk.
    pub fn new(location: &Path) -> Result<Self, NameError> {
        if location.as_os_str().is_empty() {
            return Err(NameError::Empty);
        }
        if location.as_os_str().as_bytes().ends_with(b"/") {
            return Err(NameError::Directory);
        }
        let name = location.file_name().ok_or(NameError::Directory)?;
        if name.as_bytes().len() > NAME_MAX {
            return Err(NameError::TooLong);
        }
        if is_temporary(name) {
            return Err(NameError::Marked);
        }
        let directory = match location.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(Self { directory, name: name.to_owned() })
    }

    /// The directory everything happens in.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The name of the finished file.
    pub fn target(&self) -> &OsStr {
        &self.name
    }

    /// The name while recording. It keeps the extension, so that players open it.
    pub fn temporary(&self) -> OsString {
        self.derived(MARKER)
    }

    /// The name of the `n`th of several temporaries set aside at `utc` (seconds since 1970).
    pub fn aside(&self, utc: u64, n: u32) -> OsString {
        let again = if n == 0 { String::new() } else { format!("-{n}") };
        self.derived(&format!("{MARKER}-{}{again}", timestamp(utc)))
    }

    /// The name under which the file is made before it gets [`Self::temporary`]; `salt` tells processes apart.
    pub fn newborn(&self, salt: u64) -> OsString {
        self.derived(&format!("{MARKER}-new{salt:x}"))
    }

    /// The `n`th alternative to a taken target: `out-1.mp4`.
    pub fn numbered(&self, n: u32) -> OsString {
        self.derived(&format!("-{n}"))
    }

    /// A name of this directory as a path for people.
    pub fn path(&self, name: &OsStr) -> PathBuf {
        if self.directory == Path::new(".") { PathBuf::from(name) } else { self.directory.join(name) }
    }

    /// `infix` between stem and extension; a stem that gets too long is cut and told apart by a hash of the whole name.
    fn derived(&self, infix: &str) -> OsString {
        let (stem, extension) = split(self.name.as_bytes());
        let mut result = stem.to_vec();
        if stem.len() + infix.len() + extension.len() > NAME_MAX {
            let hash = format!("-{:08x}", fnv1a(self.name.as_bytes()));
            let keep = NAME_MAX.saturating_sub(infix.len() + extension.len() + hash.len());
            if keep == 0 {
                // An "extension" that fills the name is not worth keeping: the whole name is cut instead.
                let keep = NAME_MAX - infix.len() - hash.len();
                result = self.name.as_bytes()[..boundary(self.name.as_bytes(), keep)].to_vec();
                result.extend_from_slice(hash.as_bytes());
                result.extend_from_slice(infix.as_bytes());
                return OsString::from_vec(result);
            }
            result.truncate(boundary(stem, keep));
            result.extend_from_slice(hash.as_bytes());
        }
        result.extend_from_slice(infix.as_bytes());
        result.extend_from_slice(extension);
        OsString::from_vec(result)
    }
}

/// The largest cut at or before `at` that does not split a UTF-8 character.
fn boundary(bytes: &[u8], at: usize) -> usize {
    let mut at = at.min(bytes.len());
    while at > 0 && at < bytes.len() && bytes[at] & 0xC0 == 0x80 {
        at -= 1;
    }
    at
}

/// FNV-1a, folded to 32 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn fnv1a(bytes: &[u8]) -> u32 {
    let hash =
        bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &b| (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    (hash ^ (hash >> 32)) as u32
}

/// `20260131T235959Z`. The calendar is Howard Hinnant's `civil_from_days`: <https://howardhinnant.github.io/date_algorithms.html>.
fn timestamp(utc: u64) -> String {
    let (days, seconds) = (utc / 86_400 + 719_468, utc % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn temporary(location: &str) -> String {
        Names::new(Path::new(location)).unwrap().temporary().into_string().unwrap()
    }

    #[test]
    fn the_temporary_name_keeps_the_extension() {
        assert_eq!(temporary("/x/out.mp4"), "out.recording.mp4");
        assert_eq!(temporary("out"), "out.recording");
        assert_eq!(temporary("a.tar.gz"), "a.tar.recording.gz");
        assert_eq!(temporary(".hidden"), ".hidden.recording");
        assert_eq!(temporary("-n.ogg"), "-n.recording.ogg");
    }

    #[test]
    fn other_names_are_derived_the_same_way() {
        let names = Names::new(Path::new("/x/a.tar.gz")).unwrap();
        assert_eq!(names.aside(1_769_903_999, 0), "a.tar.recording-20260131T235959Z.gz");
        assert_eq!(names.aside(951_782_400, 2), "a.tar.recording-20000229T000000Z-2.gz");
        assert_eq!(names.numbered(3), "a.tar-3.gz");
        assert_eq!(names.path(names.target()), Path::new("/x/a.tar.gz"));
    }

    #[test]
    fn only_what_this_sink_names_is_a_leftover() {
        for (leftover, target) in [
            ("out.recording.mp4", "out.mp4"),
            ("out.recording", "out"),
            ("out.recording-20260131T235959Z.mp4", "out.mp4"),
            ("out.recording-20260131T235959Z", "out"),
            ("out.recording-20260131T235959Z-12.mp4", "out.mp4"),
            ("a.tar.recording-20260131T235959Z.gz", "a.tar.gz"),
            (".hidden.recording", ".hidden"),
        ] {
            assert_eq!(target_of(OsStr::new(leftover)).as_deref(), Some(OsStr::new(target)), "{leftover}");
        }
        for other in [
            "band.recording-final-mix.wav",
            "band.recording-2026.wav",
            "band.recording-20260131T235959Z-final.wav",
            "band.recording-20260131T235959Z-0.wav",
            "band.recording-20260131T2359x9Z.wav",
            "band.recordings.wav",
            "band.recording.old.wav",
            "out.recording-new5.mp4",
            "out.recording.recording",
            ".recording.mp4",
            ".recording",
            "recording.mp4",
            "",
        ] {
            assert_eq!(target_of(OsStr::new(other)), None, "{other}");
        }
    }

    #[test]
    fn names_that_cannot_be_recorded_to_are_refused() {
        let refused = |s: &str| Names::new(Path::new(s)).unwrap_err();
        assert_eq!(refused(""), NameError::Empty);
        assert_eq!(refused("/"), NameError::Directory);
        assert_eq!(refused("x/"), NameError::Directory);
        assert_eq!(refused(".."), NameError::Directory);
        assert_eq!(refused("out.recording.mp4"), NameError::Marked);
        assert_eq!(refused("out.recording"), NameError::Marked);
        assert_eq!(refused("out.recording-20260131T235959Z.mp4"), NameError::Marked);
        assert_eq!(refused(&"x".repeat(256)), NameError::TooLong);
        assert!(Names::new(Path::new("my.recordings.mp4")).is_ok());
        assert!(Names::new(Path::new("recording.mp4")).is_ok());
        assert!(Names::new(Path::new(".recording.mp4")).is_ok());
    }

    #[test]
    fn a_long_name_is_cut_at_a_character_and_stays_unique() {
        let one = temporary(&format!("{}1.mp4", "é".repeat(125)));
        let two = temporary(&format!("{}2.mp4", "é".repeat(125)));
        assert!(one.len() <= 255 && one.ends_with(".recording.mp4"), "{one}");
        assert_ne!(one, two);
        let odd = temporary(&format!("x.{}", "y".repeat(250)));
        assert!(odd.len() <= 255 && odd.ends_with(".recording"), "{odd}");
    }

    proptest! {
        #[test]
        fn derived_names_fit_are_marked_and_differ_from_the_target(name in "[^/\0]{1,80}") {
            if let Ok(names) = Names::new(Path::new(&name)) {
                let marked = [names.temporary(), names.aside(1, 0), names.newborn(77)];
                for derived in &marked {
                    prop_assert!(is_temporary(derived), "{derived:?}");
                }
                for left in [names.temporary(), names.aside(1, 0), names.aside(1, 7)] {
                    prop_assert_eq!(target_of(&left), Some(names.target().to_owned()), "{:?}", left);
                }
                for derived in marked.iter().chain([&names.numbered(1)]) {
                    prop_assert!(derived.len() <= 255);
                    prop_assert_ne!(derived.as_os_str(), names.target());
                    prop_assert!(std::str::from_utf8(derived.as_bytes()).is_ok());
                }
            }
        }
    }
}
