//! Unfinished recordings in words, for people and as JSON.

use gststeady::logic::recording::recover::Unfinished;
use serde_json::json;

use super::look::Verdict;
use super::out::printable;

/// One line about one of them. What is not known is not written.
pub fn line(one: &Unfinished, verdict: Option<&Verdict>) -> String {
    let state = match verdict {
        None => "being written".to_owned(),
        Some(_) if one.is_target => format!("complete, and also named {}", printable(&one.target)),
        Some(Verdict::Unknown(why)) => why.clone(),
        Some(Verdict::DoesNotPlay(_)) if one.bytes == 0 => "empty".to_owned(),
        Some(Verdict::DoesNotPlay(_)) => "does not play".to_owned(),
        Some(Verdict::Plays { container, duration }) => {
            let container = container.as_deref().unwrap_or("media");
            duration.map_or(format!("plays, {container}"), |d| format!("plays, {container}, {}", length(d)))
        }
    };
    format!("{}  {} bytes, {} old, {state}", printable(&one.path), one.bytes, age(one.age.as_secs()))
}

/// In the largest unit that says enough: `90 s`, `3 h`.
fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `0:00:07`, and `0.3 s` for what would be rounded to hardly anything.
fn length(duration: gst::ClockTime) -> String {
    let seconds = duration.seconds();
    match seconds {
        0 => format!("{:.3} s", duration.nseconds() as f64 / 1e9),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

/// The same as an object.
pub fn as_json(one: &Unfinished, verdict: Option<&Verdict>, result: &str) -> serde_json::Value {
    let (container, duration) = match verdict {
        Some(Verdict::Plays { container, duration }) => (container.as_deref(), *duration),
        _ => (None, None),
    };
    let (plays, reason) = match verdict {
        None => (None, None),
        Some(Verdict::Plays { .. }) => (Some(true), None),
        Some(Verdict::DoesNotPlay(why)) => (Some(false), Some(why)),
        Some(Verdict::Unknown(why)) => (None, Some(why)),
    };
    json!({
        "path": one.path.to_string_lossy(),
        "target": one.target.to_string_lossy(),
        "bytes": one.bytes,
        "age_seconds": one.age.as_secs(),
        "locked": one.locked,
        "complete": one.is_target,
        "container": container,
        "duration_seconds": duration.map(|d| d.nseconds() as f64 / 1e9),
        "plays": plays,
        "reason": reason,
        "result": if result.is_empty() { None } else { Some(result) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_never_rounded_to_nothing() {
        assert_eq!(length(gst::ClockTime::from_mseconds(40)), "0.040 s");
        assert_eq!(length(gst::ClockTime::from_mseconds(1999)), "0:00:01");
        assert_eq!(length(gst::ClockTime::from_seconds(90_061)), "25:01:01");
    }

    #[test]
    fn an_age_is_told_in_the_unit_that_says_enough() {
        let told = [0, 119, 120, 7199, 7200, 172_799, 172_800].map(age);
        assert_eq!(told, ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days"]);
    }
}
