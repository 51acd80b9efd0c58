//! Numbers as people read them.

use crate::logic::clock::{MILLISECOND, Nanos, SECOND};

/// Between groups of digits, and between a number and its unit: narrow, and no place for a line to break.
const NARROW: char = '\u{202f}';
const SPACE: char = '\u{a0}';

/// A number of things, in groups of three digits from five digits on.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(NARROW);
        }
        grouped.push(digit);
    }
    grouped
}

/// A number and a noun for it.
pub fn things(n: u64, one: &str, many: &str) -> String {
    format!("{}{SPACE}{}", count(n), if n == 1 { one } else { many })
}

/// Two to three digits that matter.
fn short(value: f64) -> String {
    if value < 9.95 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// A span of time.
pub fn time(ns: Nanos) -> String {
    let value = ns as f64;
    if ns == 0 {
        format!("0{SPACE}s")
    } else if ns < 1000 {
        format!("{ns}{SPACE}ns")
    } else if value < 999.5e3 {
        format!("{}{SPACE}µs", short(value / 1e3))
    } else if value < 999.5e6 {
        format!("{}{SPACE}ms", short(value / 1e6))
    } else if value < 59.95e9 {
        format!("{:.1}{SPACE}s", value / 1e9)
    } else {
        clock(ns)
    }
}

/// A span or a moment as hours, minutes, seconds and tenths.
pub fn clock(ns: Nanos) -> String {
    let tenths = ns.saturating_add(50 * MILLISECOND) / (100 * MILLISECOND);
    let seconds = tenths / 10;
    format!("{}:{:02}:{:02}.{}", seconds / 3600, seconds / 60 % 60, seconds % 60, tenths % 10)
}

/// A moment on an axis that is divided by `step`: no more digits than it needs.
pub fn tick(ns: Nanos, step: Nanos) -> String {
    let seconds = ns / SECOND;
    if ns == 0 {
        "0".into()
    } else if step < SECOND {
        format!("{:.1}{SPACE}s", ns as f64 / 1e9)
    } else if step < 60 * SECOND && seconds < 60 {
        format!("{seconds}{SPACE}s")
    } else if seconds < 3600 {
        format!("{}:{:02}", seconds / 60, seconds % 60)
    } else {
        format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

/// An amount of memory or data.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if n < 1000 {
        return format!("{n}{SPACE}B");
    }
    let mut value = n as f64 / 1e3;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1e3;
        unit += 1;
    }
    format!("{}{SPACE}{}", short(value), UNITS[unit])
}

/// A share from 0 to 1. One that is not 0 never looks like 0, and one that is not all never like all.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent <= 0.0 {
        format!("0{SPACE}%")
    } else if percent < 0.01 {
        format!("<{SPACE}0.01{SPACE}%")
    } else if percent < 1.0 {
        format!("{percent:.2}{SPACE}%")
    } else if percent < 9.95 {
        format!("{percent:.1}{SPACE}%")
    } else if percent < 100.0 {
        format!("{:.0}{SPACE}%", percent.min(99.0))
    } else {
        format!("100{SPACE}%")
    }
}

/// So many a second.
pub fn rate(per_second: f64) -> String {
    if per_second < 99.95 {
        format!("{per_second:.1}/s")
    } else {
        // A float that is too large becomes the largest integer.
        format!("{}/s", count(per_second.round() as u64))
    }
}

/// A speed in multiples of real time.
pub fn speed(times: f64) -> String {
    if times < 9.95 { format!("{times:.2}×") } else { format!("{times:.0}×") }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn plain(text: String) -> String {
        text.replace([SPACE, NARROW], " ")
    }

    #[test]
    fn times_have_a_unit_that_suits_them() {
        for (ns, text) in [
            (0, "0 s"),
            (999, "999 ns"),
            (1_300, "1.3 µs"),
            (42_400, "42 µs"),
            (999_499, "999 µs"),
            (999_500, "1.0 ms"),
            (1_300_000, "1.3 ms"),
            (999_600_000, "1.0 s"),
            (59_940_000_000, "59.9 s"),
            (59_960_000_000, "0:01:00.0"),
            (83_400_000_000, "0:01:23.4"),
            (36_000_000_000_000, "10:00:00.0"),
        ] {
            assert_eq!(plain(time(ns)), text);
        }
        assert!(clock(Nanos::MAX).len() < 20);
    }

    #[test]
    fn numbers_are_grouped_and_named() {
        assert_eq!([0, 1234, 12_345, 1_234_567].map(|n| plain(count(n))), ["0", "1234", "12 345", "1 234 567"]);
        assert_eq!([1, 2].map(|n| plain(things(n, "buffer", "buffers"))), ["1 buffer", "2 buffers"]);
        assert_eq!([900, 42_000_000, 999_600_000].map(|n| plain(bytes(n))), ["900 B", "42 MB", "1.0 GB"]);
        assert_eq!([24.32, 12_345.0].map(|n| plain(rate(n))), ["24.3/s", "12 345/s"]);
    }

    #[test]
    fn a_share_that_is_not_nothing_never_looks_like_nothing_nor_like_all() {
        let shares = [0.0, 1e-9, 0.0004, 0.031, 0.93, 0.9999, 1.0];
        let texts = ["0 %", "< 0.01 %", "0.04 %", "3.1 %", "93 %", "99 %", "100 %"];
        assert_eq!(shares.map(|share| plain(percent(share))), texts);
    }
}
