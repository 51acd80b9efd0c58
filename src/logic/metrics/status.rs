//! What `/health` says: whether all is well, and if not, what is wrong where.

use std::fmt::Write;

use super::page::{seconds, set_apart};
use crate::logic::health::reading::Reading;
use crate::logic::health::verdict::Health;

/// How bad a state is. What ended and what has not begun are well.
fn rank(state: Health) -> u8 {
    match state {
        Health::Eos => 0,
        Health::Starting => 1,
        Health::Healthy => 2,
        Health::Degraded => 3,
        Health::Unhealthy => 4,
        Health::Stalled => 5,
    }
}

/// Whether the answer is 200 rather than 503, and its JSON: the worst state, and each point with its reasons. Degraded is no
/// 503, since that makes supervisors restart what still does its work.
pub fn status(mut points: Vec<Reading>) -> (bool, String) {
    set_apart(&mut points);
    let worst = points.iter().map(|point| point.state).max_by_key(|&state| rank(state)).unwrap_or_default();
    let mut json = format!("{{\"status\":{},\"points\":[", quoted(worst.name()));
    for (n, point) in points.iter().enumerate() {
        let place = &point.place;
        let reasons: Vec<_> = point.reasons.iter().map(|reason| quoted(reason.name())).collect();
        let written = write!(
            json,
            "{}{{\"pipeline\":{},\"element\":{},\"pad\":{},\"media\":{},\"state\":{},\"reasons\":[{}],\"for_seconds\":{}}}",
            if n > 0 { "," } else { "" },
            quoted(&place.pipeline),
            quoted(&place.element),
            quoted(&place.pad),
            quoted(&place.media),
            quoted(point.state.name()),
            reasons.join(","),
            seconds(point.uptime.saturating_sub(point.since)),
        );
        written.expect("a string takes everything");
    }
    json.push_str("]}\n");
    (rank(worst) < rank(Health::Unhealthy), json)
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c < ' ' => write!(json, "\\u{:04x}", u32::from(c)).expect("a string takes everything"),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::logic::health::verdict::Reason;
    use crate::logic::metrics::page::tests::reading;
    use proptest::prelude::*;

    #[test]
    fn the_worst_point_decides_and_each_says_why() {
        let (mut well, mut ill) = (reading(), reading());
        well.state = Health::Degraded;
        assert!(status(vec![well.clone()]).0 && status(vec![]).0);
        ill.state = Health::Unhealthy;
        ill.reasons = [Reason::Late, Reason::Dropping].into_iter().collect();
        let (ok, json) = status(vec![ill, well]);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(!ok);
        assert_eq!(json["status"], "unhealthy");
        assert_eq!(json["points"][0]["reasons"], serde_json::json!(["late", "dropping"]));
        assert_eq!((&json["points"][1]["element"], &json["points"][1]["state"]), (&"e#2".into(), &"degraded".into()));
        assert_eq!(json["points"][0]["for_seconds"], 0.06);
    }

    proptest! {
        #[test]
        fn any_name_is_read_back(name: String) {
            let mut point = reading();
            point.place.element.clone_from(&name);
            let json: serde_json::Value = serde_json::from_str(&status(vec![point]).1).unwrap();
            prop_assert_eq!(&json["points"][0]["element"], &serde_json::Value::from(name));
        }
    }
}
