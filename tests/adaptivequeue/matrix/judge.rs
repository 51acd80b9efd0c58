//! Whether what was seen is what a row expects.

use std::time::Duration;

use gst::MessageView;

use super::row::{Expect, Names, Row, Times};
use super::stage::Seen;
use crate::jams::from_queue;

/// NULL comes within this time, once callbacks return.
const STOPS: Duration = Duration::from_secs(2);

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Error,
    Warning,
    /// An element message, `adaptivequeue-stalled`.
    Told,
}

/// An error of any element, or anything that a queue says of a stall.
#[derive(Debug)]
pub struct Message {
    pub at: Duration,
    pub kind: Kind,
    pub from_queue: bool,
    pub text: String,
    pub details: Option<gst::Structure>,
}

impl Message {
    /// None for messages of no interest here.
    pub fn new(at: Duration, message: &gst::Message) -> Option<Self> {
        const STALLED: &str = "adaptivequeue-stalled";
        const TRACED: &str = "pipelinehealth-stalled";
        let is_traced = |details: Option<&gst::StructureRef>| details.is_some_and(|details| details.name() == TRACED);
        let from_tracer = matches!(message.view(), MessageView::Warning(warning) if is_traced(warning.details()));
        let from_queue = from_queue(message) || from_tracer;
        let of =
            |kind, text: String, details: Option<gst::Structure>| Some(Self { at, kind, from_queue, text, details });
        match message.view() {
            MessageView::Error(error) => {
                let text = error.error().message().to_string();
                of(Kind::Error, text, error.details().map(|details| details.to_owned()))
            }
            MessageView::Warning(warning) if from_queue => {
                let text = warning.error().message().to_string();
                of(Kind::Warning, text, warning.details().map(|details| details.to_owned()))
            }
            MessageView::Element(element) => {
                let structure = element.structure().filter(|structure| structure.name() == STALLED)?;
                of(Kind::Told, structure.get("text").unwrap_or_default(), Some(structure.to_owned()))
            }
            _ => None,
        }
    }

    fn field(&self, name: &str) -> Option<String> {
        self.details.as_ref()?.get::<String>(name).ok()
    }

    /// The element that it names as the cause, one of `names`, in text and fields.
    fn names(&self, names: Names) -> Result<(), String> {
        let said = |name: &&&str| has_word(&self.text, name);
        match self.field("culprit") {
            Some(culprit) if !names.contains(&&*culprit) => Err(format!("it blames {culprit}: {}", self.text)),
            Some(culprit) if !has_word(&self.text, &culprit) => Err(format!("no word of {culprit}: {}", self.text)),
            None if names.iter().find(said).is_none() => Err(format!("it names somebody else: {}", self.text)),
            _ => Ok(()),
        }
    }

    /// Fields that programs rely on and that are not there.
    fn lacks(&self) -> Vec<&'static str> {
        let Some(details) = &self.details else { return vec!["details"] };
        let text = |name: &str| details.get::<String>(name).is_ok_and(|text| !text.is_empty());
        let number = |name: &str| details.get::<u64>(name).is_ok();
        [
            ("queue", text("queue")),
            ("blocked-for", number("blocked-for")),
            ("level-buffers", number("level-buffers")),
            ("level-bytes", number("level-bytes")),
            ("level-time", number("level-time")),
            ("downstream", text("downstream")),
            ("starved", details.get::<gst::Array>("starved").is_ok()),
            ("class", text("class")),
            ("reason", text("reason")),
            ("culprit", text("culprit")),
        ]
        .into_iter()
        .filter(|(_, there)| !there)
        .map(|(name, _)| name)
        .collect()
    }
}

/// Whether `word` stands in the text by itself, and not inside another word.
fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-')).any(|other| other == word)
}

/// Everything in one line.
pub fn line(seen: &Seen) -> String {
    let mut parts: Vec<String> = seen
        .messages
        .iter()
        .map(|message| {
            let Message { at, kind, from_queue, text, .. } = message;
            let whose = if *from_queue { "" } else { " of another element" };
            let class = message.field("class").map_or_else(String::new, |class| format!(" ({class})"));
            format!("{kind:?}{whose} at {:.1} s{class}: {text}", at.as_secs_f64())
        })
        .collect();
    parts.extend(seen.ended.map(|at| format!("EOS at {:.1} s", at.as_secs_f64())));
    if parts.is_empty() { "silence".into() } else { parts.join("; ") }
}

/// Whether nothing had moved for the whole timeout, as must be so in a hang.
pub fn stood_still(seen: &Seen, times: Times) -> bool {
    seen.still_for >= times.timeout.mul_f64(0.9)
}

/// What is wrong, if anything.
pub fn verdict(row: &Row, times: Times, seen: &Seen) -> Result<(), String> {
    let stopped_in = seen.stopped_in.ok_or("it does not go to NULL")?;
    if let Some(message) = seen.elsewhere.first() {
        return Err(format!("a word about another pipeline: {}", message.text));
    }
    if let Expect::Hang(classes, names) = row.expect {
        if stopped_in > STOPS {
            return Err(format!("going to NULL took {stopped_in:?}"));
        }
        return hang(row, times, seen, classes, names);
    }
    if let Expect::GivenUp(names) = row.expect {
        return given_up(row, times, seen, names);
    }
    if let Some(error) = seen.messages.iter().find(|message| message.kind == Kind::Error) {
        return Err(format!("a false error: {}", error.text));
    }
    if row.flows && seen.still_for > times.timeout * 3 {
        return Err(format!("nothing flows any more, for {:?}", seen.still_for));
    }
    let told = |names| seen.messages.iter().try_for_each(|message| complete(row, message, names));
    match row.expect {
        Expect::Silence | Expect::Finish => {
            if let Some(message) = seen.messages.first() {
                return Err(format!("not a word was expected: {}", message.text));
            }
            let ended = row.expect == Expect::Silence || seen.ended.is_some();
            ended.then_some(()).ok_or_else(|| "it did not come to its end".into())
        }
        Expect::MayTell(names) => told(names),
        Expect::Slow(names) => match &seen.messages[..] {
            [] => Err("nothing was said".into()),
            [first, ..] => in_time(first, times).and_then(|()| told(names)),
        },
        Expect::Told(names) => {
            let [first, again] = &seen.messages[..] else {
                return Err(format!("two warnings were expected, not {}", seen.messages.len()));
            };
            in_time(first, times)?;
            told(names)?;
            if let Some(message) =
                seen.messages.iter().find(|message| message.field("class").as_deref() != Some("outside"))
            {
                return Err(format!("it is of class {:?}", message.field("class")));
            }
            twelve_later(first, again, times)
        }
        Expect::Hang(..) | Expect::GivenUp(_) => unreachable!("judged above"),
    }
}

/// Whether a message of a hang is the right one.
fn hang(row: &Row, times: Times, seen: &Seen, classes: Names, names: Names) -> Result<(), String> {
    let mut told = seen.messages.iter().filter(|message| message.from_queue);
    let first = told.next().ok_or("a silent hang")?;
    if !stood_still(seen, times) {
        return Err(format!("it does not hang: something moved {:?} before", seen.still_for));
    }
    in_time(first, times)?;
    complete(row, first, names)?;
    let class = first.field("class").unwrap_or_default();
    if !classes.contains(&&*class) {
        return Err(format!("it is of class {class}"));
    }
    let expected = if !row.traced && (row.on_timeout == Some("error") || class == "deadlock") {
        Kind::Error
    } else {
        Kind::Warning
    };
    if first.kind != expected {
        return Err(format!("{:?} instead of {expected:?}", first.kind));
    }
    match told.next() {
        Some(more) => Err(format!("one message and not also: {}", more.text)),
        None => Ok(()),
    }
}

/// Whether it is a warning first, and later an error.
fn given_up(row: &Row, times: Times, seen: &Seen, names: Names) -> Result<(), String> {
    let told: Vec<_> = seen.messages.iter().filter(|message| message.from_queue).collect();
    let [warning, error] = told[..] else {
        return Err(format!("a warning and an error were expected, not {} messages", told.len()));
    };
    if (warning.kind, error.kind) != (Kind::Warning, Kind::Error) {
        return Err(format!("{:?} and then {:?}", warning.kind, error.kind));
    }
    in_time(warning, times)?;
    complete(row, warning, names)?;
    complete(row, error, names)?;
    twelve_later(warning, error, times)
}

/// The twelve timeouts may count from the beginning or from the first message.
fn twelve_later(first: &Message, second: &Message, times: Times) -> Result<(), String> {
    let apart = (second.at - first.at).as_secs_f64() / times.timeout.as_secs_f64();
    let right = (10.5..=13.5).contains(&apart);
    right.then_some(()).ok_or_else(|| format!("the second one came {apart:.1} timeouts later"))
}

/// Not before the timeout, and soon enough.
fn in_time(first: &Message, times: Times) -> Result<(), String> {
    // The first frames take a moment. Earlier than the timeout it would be a guess.
    let (least, most) = (times.timeout.mul_f64(0.95), times.timeout.mul_f64(1.3) + times.grace.max(AT_FIRST));
    let most = if times.timeout >= Duration::from_secs(5) { times.timeout.mul_f64(1.3) } else { most };
    let right = (least..=most).contains(&first.at);
    right.then_some(()).ok_or_else(|| format!("the first word came after {:.1} s", first.at.as_secs_f64()))
}

/// With short timeouts: what filling the queues and the pipes behind them may take.
const AT_FIRST: Duration = Duration::from_secs(1);

/// Names one of these, with all fields.
fn complete(row: &Row, message: &Message, names: Names) -> Result<(), String> {
    message.names(names)?;
    let lacks = message.lacks();
    if !lacks.is_empty() {
        return Err(format!("fields are not there: {}", lacks.join(", ")));
    }
    match (row.reason, message.field("reason")) {
        (Some(expected), Some(reason)) if reason != expected => Err(format!("reason {reason} instead of {expected}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::row::{ANY, DEADLOCK, OUTSIDE, Pace};

    const ROW: Row = Row::launch("row", Expect::Silence, "");
    const NAMES: Names = &["stuck"];

    /// A message of a queue, as it should be, after so many timeouts of the row.
    fn message(row: &Row, kind: Kind, class: &str, timeouts: f64) -> Message {
        let details = gst::Structure::builder("adaptivequeue-stalled")
            .field("queue", "q")
            .field("blocked-for", 1u64)
            .field("level-buffers", 1u64)
            .field("level-bytes", 1u64)
            .field("level-time", 1u64)
            .field("downstream", "stuck:sink")
            .field("starved", gst::Array::new(["stuck:sink"]))
            .field("class", class)
            .field("reason", "stalled")
            .field("culprit", "stuck");
        let at = row.times(Pace::Full).timeout.mul_f64(timeouts);
        Message { at, kind, from_queue: true, text: "q waits for stuck.".into(), details: Some(details.build()) }
    }

    /// The verdict on these messages of a pipeline that has long stood still.
    fn judged(expect: Expect, messages: impl Fn(&Row) -> Vec<Message>) -> Result<(), String> {
        gst::init().unwrap();
        let row = Row { expect, ..ROW };
        let times = row.times(Pace::Full);
        let seen = Seen {
            messages: messages(&row),
            ended: None,
            still_for: times.hold,
            stopped_in: Some(Duration::ZERO),
            elsewhere: vec![],
        };
        verdict(&row, times, &seen)
    }

    #[test]
    fn a_hang_is_told_of_once_in_time_with_the_right_name() {
        use Kind::{Error, Told, Warning};
        let hang = |classes, names, kind, class: &str, at| {
            judged(Expect::Hang(classes, names), |row| vec![message(row, kind, class, at)])
        };
        hang(DEADLOCK, NAMES, Error, "deadlock", 1.01).unwrap();
        hang(ANY, NAMES, Warning, "outside", 1.29).unwrap();
        hang(DEADLOCK, NAMES, Error, "deadlock", 1.31).unwrap_err();
        hang(DEADLOCK, NAMES, Error, "deadlock", 0.9).unwrap_err();
        hang(DEADLOCK, NAMES, Warning, "deadlock", 1.01).unwrap_err();
        hang(OUTSIDE, NAMES, Error, "outside", 1.01).unwrap_err();
        hang(OUTSIDE, NAMES, Told, "outside", 1.01).unwrap_err();
        hang(OUTSIDE, NAMES, Warning, "unexplained", 1.01).unwrap_err();
        hang(OUTSIDE, &["else"], Warning, "outside", 1.01).unwrap_err();
        judged(Expect::Hang(ANY, NAMES), |_| vec![]).unwrap_err();
        let twice = |row: &Row| [1.01, 1.02].map(|at| message(row, Warning, "outside", at)).into();
        judged(Expect::Hang(ANY, NAMES), twice).unwrap_err();
    }

    #[test]
    fn the_name_stands_in_the_text_and_the_fields_are_all_there() {
        let changed = |change: fn(&mut Message)| {
            judged(Expect::Hang(ANY, NAMES), |row| {
                let mut message = message(row, Kind::Warning, "outside", 1.01);
                change(&mut message);
                vec![message]
            })
        };
        changed(|_| ()).unwrap();
        changed(|message| message.text = "q waits for stuck1.".into()).unwrap_err();
        changed(|message| message.details = None).unwrap_err();
        for field in ["queue", "blocked-for", "level-time", "downstream", "starved", "class", "reason", "culprit"] {
            let without = judged(Expect::Hang(ANY, NAMES), |row| {
                let mut message = message(row, Kind::Warning, "outside", 1.01);
                message.details.as_mut().unwrap().remove_field(field);
                vec![message]
            });
            assert!(without.unwrap_err().contains(field), "{field}");
        }
    }

    #[test]
    fn healthy_pipelines_get_what_their_class_allows() {
        use Kind::{Error, Warning};
        let said = |expect, messages: &[(Kind, &str, f64)]| {
            judged(expect, |row| messages.iter().map(|(kind, class, at)| message(row, *kind, class, *at)).collect())
        };
        said(Expect::Silence, &[]).unwrap();
        said(Expect::Silence, &[(Warning, "outside", 1.0)]).unwrap_err();
        said(Expect::Told(NAMES), &[(Warning, "outside", 1.1), (Warning, "outside", 12.1)]).unwrap();
        said(Expect::Told(NAMES), &[(Warning, "outside", 1.1), (Warning, "outside", 13.2)]).unwrap();
        said(Expect::Told(NAMES), &[(Warning, "outside", 1.1), (Warning, "outside", 6.0)]).unwrap_err();
        said(Expect::Told(NAMES), &[(Warning, "outside", 1.1), (Error, "outside", 12.1)]).unwrap_err();
        said(Expect::Told(NAMES), &[(Warning, "unexplained", 1.1), (Warning, "outside", 12.1)]).unwrap_err();
        said(Expect::Told(NAMES), &[(Warning, "outside", 1.1)]).unwrap_err();
        said(Expect::Slow(NAMES), &[(Warning, "unexplained", 1.1)]).unwrap();
        said(Expect::Slow(NAMES), &[]).unwrap_err();
        said(Expect::Slow(&["else"]), &[(Warning, "unexplained", 1.1)]).unwrap_err();
        said(Expect::MayTell(NAMES), &[]).unwrap();
        said(Expect::MayTell(&["else"]), &[(Warning, "outside", 1.1)]).unwrap_err();
        said(Expect::GivenUp(NAMES), &[(Warning, "unexplained", 1.1), (Error, "unexplained", 12.1)]).unwrap();
        said(Expect::GivenUp(NAMES), &[(Error, "unexplained", 1.1), (Error, "unexplained", 12.1)]).unwrap_err();
        said(Expect::GivenUp(NAMES), &[(Warning, "unexplained", 1.1)]).unwrap_err();
    }
}
