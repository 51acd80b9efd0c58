//! Text inside of markup, and paths inside of pictures.

use std::fmt::Write as _;

/// Writes into a string, which cannot fail.
macro_rules! put {
    ($html:expr, $($text:tt)*) => {{
        use std::fmt::Write as _;
        let _ = write!($html, $($text)*);
    }};
}
pub(super) use put;

/// The longest name that is shown: nobody reads more, and a page of a given size has room for so much.
const LONGEST: usize = 160;

/// Text as it must be written between tags and inside of quoted attributes. What XML has no place for, and what turns the
/// direction of writing of all that follows, is shown as the sign for that.
pub fn esc(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A name as it must be written, not longer than there is room for.
pub fn name(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => esc(&text[..end]) + "…",
        None => esc(text),
    }
}

/// The address of a file.
pub fn file_url(path: &str) -> String {
    let mut url = String::from("file://");
    for &byte in path.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            url.push(byte.into());
        } else {
            put!(url, "%{byte:02X}");
        }
    }
    url
}

/// Runs of values one beside the other: where each begins, and its values.
fn runs<T: Copy>(values: &[Option<T>]) -> Vec<(usize, Vec<T>)> {
    let mut runs: Vec<(usize, Vec<T>)> = Vec::new();
    let mut open = false;
    for (at, value) in values.iter().enumerate() {
        match (value, runs.last_mut()) {
            (Some(value), Some((_, run))) if open => run.push(*value),
            (Some(value), _) => runs.push((at, vec![*value])),
            (None, _) => {}
        }
        open = value.is_some();
    }
    runs
}

/// Goes over steps one wide, from the height of the first.
fn walk(path: &mut String, heights: impl Iterator<Item = i64>, forward: bool) {
    let sign = if forward { "" } else { "-" };
    let (mut height, mut length) = (None, 0);
    for next in heights {
        if let Some(height) = height
            && next != height
        {
            put!(path, "h{sign}{length}v{}", next - height);
            length = 0;
        }
        height = Some(next);
        length += 1;
    }
    if length > 0 {
        put!(path, "h{sign}{length}");
    }
}

/// A line over steps one wide, with holes where there is no value.
pub fn line(values: &[Option<i64>]) -> String {
    let mut path = String::new();
    for (at, run) in runs(values) {
        put!(path, "M{at} {}", run[0]);
        walk(&mut path, run.iter().copied(), true);
    }
    path
}

/// The area between two such lines.
pub fn band(values: &[Option<(i64, i64)>]) -> String {
    let mut path = String::new();
    for (at, run) in runs(values) {
        put!(path, "M{at} {}", run[0].0);
        walk(&mut path, run.iter().map(|value| value.0), true);
        put!(path, "V{}", run[run.len() - 1].1);
        walk(&mut path, run.iter().rev().map(|value| value.1), false);
        path.push('z');
    }
    path
}

/// Bars over the columns for which something holds, from `top` to `bottom`.
pub fn bars(holds: impl Iterator<Item = bool>, top: i64, bottom: i64) -> String {
    let values: Vec<_> = holds.map(|holds| holds.then_some((top, bottom))).collect();
    band(&values)
}

/// Marks in rows, one high each: the column, the length and the row of each, in an order that makes them short.
pub fn dashes(marks: &[(usize, usize, usize)]) -> String {
    let mut path = String::new();
    let mut pen: Option<(usize, usize)> = None;
    for &(column, length, row) in marks {
        match pen {
            Some((x, y)) => {
                let (dx, dy) = (column as i64 - x as i64, row as i64 - y as i64);
                let _ = write!(path, "m{dx}{}{dy}h{length}", if dy < 0 { "" } else { " " });
            }
            None => put!(path, "M{column} {row}h{length}"),
        }
        pen = Some((column + length, row));
    }
    path
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_cannot_end_what_it_is_in() {
        assert_eq!(
            esc("<a b=\"c\" d='e'>&\u{0}\u{202e}"),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;\u{fffd}\u{fffd}"
        );
        assert_eq!(name(&"é".repeat(200)).chars().count(), LONGEST + 1);
        assert_eq!(file_url("/tmp/a b\"'.dot"), "file:///tmp/a%20b%22%27.dot");
    }

    #[test]
    fn lines_have_holes_and_equal_steps_are_one() {
        assert_eq!(line(&[Some(5), Some(5), Some(3), None, Some(7)]), "M0 5h2v-2h1M4 7h1");
        assert_eq!(band(&[None, Some((1, 9)), Some((2, 9))]), "M1 1h1v1h1V9h-2z");
        assert_eq!(dashes(&[(2, 3, 0), (7, 1, 0), (0, 2, 1)]), "M2 0h3m2 0h1m-8 1h2");
        assert_eq!((line(&[]), band(&[None])), (String::new(), String::new()));
    }

    proptest! {
        #[test]
        fn no_text_has_a_character_left_that_markup_gives_a_meaning(text: String) {
            let escaped = esc(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            let entities = ["amp;", "lt;", "gt;", "quot;", "#39;"];
            let is_known = |rest: &str| entities.iter().any(|entity| rest.starts_with(entity));
            let all_known = escaped.split('&').skip(1).all(is_known);
            prop_assert!(all_known, "{}", escaped);
        }
    }
}
