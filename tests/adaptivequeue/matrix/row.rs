//! What a row of the matrix holds, and how long it takes.

use std::fmt;
use std::time::Duration;

use super::scene::{Kit, Scene};

/// One pipeline and what is expected of the queues in it.
#[derive(Clone, Copy)]
pub struct Row {
    /// Unique, for people.
    pub name: &'static str,
    pub expect: Expect,
    /// `on-timeout` of the queues; they keep its default without.
    pub on_timeout: Option<&'static str>,
    /// What the field `reason` must say, where that is part of the expectation.
    pub reason: Option<&'static str>,
    /// A variable for the environment of the row's process.
    pub variable: Option<(&'static str, &'static str)>,
    /// Whether the sinks of a healthy pipeline must still get something at the end.
    pub flows: bool,
    /// Whether it is one of the few that run every time.
    pub quick: bool,
    /// It comes to its end because the queue grows: with others it hangs.
    pub grows: bool,
    /// With GStreamer's own queues, of which the tracer tells.
    pub traced: bool,
    pub make: Make,
}

/// How the pipeline comes about.
#[derive(Clone, Copy)]
pub enum Make {
    /// From a description alone, see [`Kit::parse`].
    Launch(&'static str),
    Build(fn(&Kit) -> Scene),
}

/// Names of elements, each of which is rightly named as the cause.
pub type Names = &'static [&'static str];
/// Values of the field `class`, each of which is right.
pub type Classes = &'static [&'static str];

/// Nothing but what stands still could end it.
pub const DEADLOCK: Classes = &["deadlock"];
/// Somebody outside the pipeline could end it.
pub const OUTSIDE: Classes = &["outside"];
/// Nothing proves that it is for ever.
pub const UNEXPLAINED: Classes = &["unexplained"];
/// A callback that does not return in a sink: a sink's wait is the outside's affair, a callback's is nobody's.
pub const HELD: Classes = &["outside", "unexplained"];
/// Where the specification leaves it to the evidence that can be had.
pub const ANY: Classes = &["deadlock", "outside", "unexplained"];

/// What the queues say of a pipeline.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// It is right to stand still: not a word.
    Silence,
    /// It comes to its end by itself: not a word.
    Finish,
    /// It waits for the outside: a warning at the timeout, a second one after twelve of them, no error.
    Told(Names),
    /// It waits for a callback or a sleep of the application, at the default timeout: a warning, no error.
    Slow(Names),
    /// No error. It may be told of, in these names.
    MayTell(Names),
    /// It hangs: a message at the timeout, an error if it is of class deadlock and else a warning.
    Hang(Classes, Names),
    /// It hangs and nothing explains it: a warning at the timeout, an error after twelve of them.
    GivenUp(Names),
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Expect::Silence => write!(f, "silence"),
            Expect::Finish => write!(f, "EOS"),
            Expect::Told(names) => write!(f, "two warnings naming {}", names.join(" or ")),
            Expect::Slow(names) => write!(f, "a warning naming {}", names.join(" or ")),
            Expect::MayTell(names) => write!(f, "silence, or warnings naming {}", names.join(" or ")),
            Expect::Hang(classes, names) => write!(f, "{} naming {}", classes.join(" or "), names.join(" or ")),
            Expect::GivenUp(names) => write!(f, "a warning, then an error, naming {}", names.join(" or ")),
        }
    }
}

impl Row {
    const fn new(name: &'static str, expect: Expect, make: Make) -> Self {
        Self {
            name,
            expect,
            on_timeout: None,
            reason: None,
            variable: None,
            flows: false,
            quick: false,
            grows: false,
            traced: false,
            make,
        }
    }

    /// A description is all there is to it.
    pub const fn launch(name: &'static str, expect: Expect, description: &'static str) -> Self {
        Self::new(name, expect, Make::Launch(description))
    }

    /// A function builds it.
    pub const fn build(name: &'static str, expect: Expect, build: fn(&Kit) -> Scene) -> Self {
        Self::new(name, expect, Make::Build(build))
    }

    /// Runs every time, too.
    pub const fn quick(self) -> Self {
        Self { quick: true, ..self }
    }

    /// With a queue that cannot grow it hangs.
    pub const fn grows(self) -> Self {
        Self { grows: true, ..self }
    }

    /// Data flow until the end.
    pub const fn flows(self) -> Self {
        Self { flows: true, ..self }
    }

    /// With `on-timeout=error`: whatever the class, it is an error.
    pub const fn strict(self) -> Self {
        Self { on_timeout: Some("error"), ..self }
    }

    pub const fn with(self, name: &'static str, value: &'static str) -> Self {
        Self { variable: Some((name, value)), ..self }
    }

    pub const fn reason(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// The same with other queues, unless it is about what only ours does: it grows within a budget, and ends what stands still.
    pub fn traced(self) -> Option<Self> {
        let ours = self.reason == Some("budget") || self.on_timeout.is_some();
        let told = matches!(self.expect, Expect::Hang(..) | Expect::Silence | Expect::Finish | Expect::MayTell(_));
        let expect = if self.grows { Expect::Hang(DEADLOCK, &["muxer"]) } else { self.expect };
        (!ours && told).then_some(Self { traced: true, expect, ..self })
    }

    /// The times of the row.
    pub fn times(&self, pace: Pace) -> Times {
        let times = |timeout, hold| Times {
            timeout: Duration::from_millis(timeout),
            hold: Duration::from_millis(hold),
            grace: Duration::from_millis(if pace == Pace::Quick { 1000 } else { 0 }),
        };
        match (pace, self.expect) {
            // Past the twelvefold timeout, at which a mistaken suspicion would end in an error.
            (Pace::Quick, Expect::Silence | Expect::Told(_) | Expect::MayTell(_) | Expect::GivenUp(_)) => {
                times(400, 6400)
            }
            (Pace::Full, Expect::Silence | Expect::Told(_) | Expect::MayTell(_) | Expect::GivenUp(_)) => {
                times(1000, 16_000)
            }
            (Pace::Quick, Expect::Slow(_)) => times(1000, 3000),
            (Pace::Full, Expect::Slow(_)) => times(5000, 13_000),
            (_, Expect::Finish) => times(1000, 30_000),
            (Pace::Quick, Expect::Hang(..)) => times(1000, 1300),
            (Pace::Full, Expect::Hang(..)) => times(5000, 6500),
        }
    }
}

/// Which times are used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    Quick,
    Full,
}

/// How long things take.
#[derive(Clone, Copy)]
pub struct Times {
    /// `push-timeout` of the queues.
    pub timeout: Duration,
    /// How long the pipeline is looked at.
    pub hold: Duration,
    /// How much later than that a message may come, where the machine is shared with other tests.
    pub grace: Duration,
}
