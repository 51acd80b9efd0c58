//! The verdict on the whole run and the story of each measuring point, in sentences.

use super::super::bottleneck::Pace;
use super::super::environment::Outcome;
use super::super::markup::{esc, name};
use super::super::slot::{Slot, Sum};
use super::super::track::Track;
use super::super::units::{clock, count, percent, rate, speed, things, time};
use super::View;
use crate::logic::clock::SECOND;
use crate::logic::health::verdict::{Health, Reason};

/// Up to which share buffers may be missing, or late, until the run has failed: the default of `max-drop-ratio`.
pub const TOLERATED: f64 = 0.01;
/// Trouble of so many measuring points is told in sentences.
const SENTENCES: usize = 4;

/// How good something is. The worst is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    Good,
    Fair,
    Bad,
}

impl Grade {
    /// The class of what shows it, its sign, and its word: nothing is told by colour alone.
    pub fn signs(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Good => ("good", "✓", "pass"),
            Self::Fair => ("fair", "!", "tolerated"),
            Self::Bad => ("bad", "✕", "fail"),
        }
    }
}

/// The verdict: a headline and sentences, as markup.
pub struct Verdict {
    pub grade: Grade,
    pub headline: &'static str,
    pub sentences: Vec<String>,
}

/// The grade of a number of buffers among all.
pub fn of_share(n: u64, all: u64) -> Grade {
    if n == 0 {
        Grade::Good
    } else if n as f64 <= TOLERATED * all as f64 {
        Grade::Fair
    } else {
        Grade::Bad
    }
}

/// A state in words for people who do not know the names in messages.
pub fn word_of(state: Health) -> &'static str {
    match state {
        Health::Eos => "healthy, ended",
        state => state.name(),
    }
}

/// What was wrong at one measuring point, the worst first.
fn troubles(track: &Track) -> Vec<(Grade, &'static str)> {
    let total = &track.total;
    let offered = total.sum(Sum::Buffers) + total.sum(Sum::Missing);
    let stood_still = total.sum(Sum::Stalled) > 0 || track.time_in(Health::Stalled) > 0;
    let late = of_share(total.sum(Sum::Late), total.sum(Sum::Timed));
    let late = if track.time_for(Reason::Late) > 0 { Grade::Bad } else { late };
    let some = |there: bool, grade: Grade| if there { grade } else { Grade::Good };
    let mut all = vec![
        (some(stood_still, Grade::Bad), "The pipeline stood still"),
        (some(total.sum(Sum::Refused) > 0, Grade::Bad), "Data were refused"),
        (of_share(total.sum(Sum::Missing), offered), "Data were lost"),
        (late, "Data came late"),
        (some(total.sum(Sum::Corrupted) > 0, Grade::Fair), "Damaged data came"),
        (some(total.sum(Sum::Jumps) > 0, Grade::Fair), "Timestamps jumped"),
        (some(track.time_for(Reason::Slow) > 0, Grade::Fair), "It was slower than real time"),
        (some(track.time_in(Health::Unhealthy) > 0, Grade::Bad), "It was unhealthy"),
        (some(track.time_in(Health::Degraded) > 0, Grade::Fair), "It was not quite healthy"),
    ];
    all.retain(|(grade, _)| *grade > Grade::Good);
    // Of those that are equally bad, the one that explains the others comes first.
    all.sort_by_key(|(grade, _)| std::cmp::Reverse(*grade));
    all
}

impl View<'_> {
    pub fn verdict(&self) -> Verdict {
        let tracks = self.recorder.tracks();
        let mut found: Vec<(Grade, &'static str, Option<usize>)> = Vec::new();
        if !self.recorder.stalls().0.is_empty() {
            found.push((Grade::Bad, "The pipeline hung", None));
        }
        let mut sentences = Vec::new();
        match &self.environment.outcome {
            Outcome::Failed(text) => {
                found.push((Grade::Bad, "The run failed", None));
                sentences.push(format!("The run ended with an error: {}.", esc(text.trim_end_matches('.'))));
            }
            Outcome::Interrupted(text) => {
                found.push((Grade::Fair, "The run was interrupted", None));
                sentences.push(format!("Somebody ended it: {}.", esc(text.trim_end_matches('.'))));
            }
            Outcome::Running | Outcome::Complete => {}
        }
        for (probe, track) in tracks.iter().enumerate() {
            found.extend(troubles(track).first().map(|&(grade, headline)| (grade, headline, Some(probe))));
        }
        // Of what is equally bad the first one told stays the headline.
        found.sort_by_key(|(grade, ..)| std::cmp::Reverse(*grade));
        let hung = found.iter().any(|(_, headline, _)| *headline == "The pipeline hung");
        let mut told = 0;
        for (_, _, probe) in &found {
            let Some(probe) = probe else { continue };
            told += 1;
            if told <= SENTENCES {
                sentences.push(format!("<b>{}</b>: {}.", self.label(*probe), self.trouble(*probe)));
            }
        }
        if told > SENTENCES {
            sentences.push(format!(
                "And {} more.",
                things((told - SENTENCES) as u64, "measuring point", "measuring points")
            ));
        }
        let (grade, headline) = match found.first() {
            Some(&(grade, headline, _)) => (grade, if hung { "The pipeline hung" } else { headline }),
            None if tracks.iter().all(|track| track.total.sum(Sum::Buffers) == 0) => (Grade::Fair, "Nothing arrived"),
            None => (Grade::Good, "Healthy: nothing was lost, late or refused"),
        };
        // Whoever holds up the others is what people look for; what follows from that comes after it.
        if self.bottleneck.as_ref().is_some_and(|found| found.amid_trouble && found.pace == Pace::Part) {
            sentences.splice(0..0, self.pace());
        } else {
            sentences.extend(self.pace());
        }
        if tracks.is_empty() {
            sentences.push("Nothing in the pipeline was measured.".into());
        }
        Verdict { grade, headline, sentences }
    }

    /// What was wrong at a measuring point, and when.
    fn trouble(&self, probe: usize) -> String {
        let track = &self.recorder.tracks()[probe];
        let (total, mut said) = (&track.total, Vec::new());
        let when = |bad: &dyn Fn(&Slot) -> bool| self.when(track, bad);
        let offered = total.sum(Sum::Buffers) + total.sum(Sum::Missing);
        let share = |n: u64, of: u64| percent(n as f64 / of.max(1) as f64);
        let number = |sum: Sum| total.sum(sum);
        if number(Sum::Stalled) > 0 {
            let when = when(&|slot| slot.sum(Sum::Stalled) > 0);
            said.push(format!("nothing moved for {}{when}", time(number(Sum::Stalled))));
        }
        if number(Sum::Refused) > 0 {
            let when = when(&|slot| slot.sum(Sum::Refused) > 0);
            said.push(format!(
                "downstream refused {} with an error{when}",
                things(number(Sum::Refused), "buffer", "buffers")
            ));
        }
        if number(Sum::Missing) > 0 {
            let when = when(&|slot| slot.sum(Sum::Missing) > 0);
            let (n, share) = (number(Sum::Missing), share(number(Sum::Missing), offered));
            said.push(format!("{} of {} buffers are missing ({share}){when}", count(n), count(offered)));
        }
        if number(Sum::Late) > 0 {
            let when = when(&|slot| slot.sum(Sum::Late) > 0);
            let (n, all) = (number(Sum::Late), number(Sum::Timed));
            let worst = time(total.late_by);
            said.push(format!("{} of {} were late ({}), by up to {worst}{when}", count(n), count(all), share(n, all)));
        }
        if number(Sum::Corrupted) > 0 {
            said.push(format!("{} came damaged", things(number(Sum::Corrupted), "buffer", "buffers")));
        }
        if number(Sum::Jumps) > 0 {
            said.push(format!("timestamps jumped {}", things(number(Sum::Jumps), "time", "times")));
        }
        let slow = track.time_for(Reason::Slow);
        if slow > 0 {
            said.push(format!("media came more slowly than real time for {}", time(slow)));
        }
        if said.is_empty() {
            let ill =
                track.time_in(Health::Unhealthy) + track.time_in(Health::Degraded) + track.time_in(Health::Stalled);
            let why: Vec<_> =
                Reason::ALL.iter().filter(|&&reason| track.time_for(reason) > 0).map(|reason| reason.name()).collect();
            let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join(", ")) };
            said.push(format!("not healthy for {}{why}", time(ill)));
        }
        said.join("; ")
    }

    /// From when to when something happened, for the end of a sentence.
    fn when(&self, track: &Track, bad: impl Fn(&Slot) -> bool) -> String {
        let (width, _) = self.recorder.axis();
        let slots = track.slots.columns(1);
        let first = slots.iter().position(&bad);
        let last = slots.iter().rposition(&bad);
        let Some((first, last)) = first.zip(last) else { return String::new() };
        let begin = first as u64 * width;
        let end = ((last as u64 + 1) * width).min(self.recorder.elapsed());
        if end - begin <= SECOND {
            format!(", at {}", clock(begin))
        } else if end == self.recorder.elapsed() {
            format!(", from {} on", clock(begin))
        } else {
            format!(", between {} and {}", clock(begin), clock(end))
        }
    }

    /// Who sets the pace, how fast that is and since when.
    fn pace(&self) -> Option<String> {
        let found = self.bottleneck.as_ref()?;
        let (flowed, buffers) = (found.flowed.max(1) as f64, found.buffers.max(1) as f64);
        let (takes, waits, pass) =
            if found.amid_trouble { ("took", "waited", "passed") } else { ("takes", "waits", "pass") };
        let mut pace = format!("{} {pass}", rate(buffers / flowed * 1e9).replace("/s", " buffers a second"));
        if found.media > 0 {
            pace += &format!(", {} real time", speed(found.media as f64 / flowed));
        }
        let begin = if found.amid_trouble && found.pace != Pace::Part { "Meanwhile the" } else { "The" };
        Some(match found.pace {
            Pace::Clock => format!("{begin} clock set the pace, as it should: {pace}."),
            Pace::Source => format!("{begin} live source set the pace, as it should: {pace}."),
            Pace::Part => {
                let when = match (found.amid_trouble, found.since) {
                    (true, _) => "of that time".into(),
                    (false, Some(since)) => format!("of the time, since {}", clock(since)),
                    (false, None) => "of the time, from the beginning".into(),
                };
                let (who, each, share) = (self.culprit(), time((flowed / buffers) as u64), percent(found.share));
                let is = if found.amid_trouble { "was" } else { "is" };
                format!(
                    "{begin} slowest part {is} {who}: it {takes} {each} a buffer, and the rest {waits} for it {share} {when}. \
                     {pace}."
                )
            }
        })
    }

    /// Who is the slowest, as markup.
    pub fn culprit(&self) -> String {
        let tracks = self.recorder.tracks();
        let Some(bottleneck) = &self.bottleneck else { return String::new() };
        let around = |probe: Option<usize>| probe.map(|probe| &tracks[probe].around);
        let named = match (bottleneck.after, bottleneck.before) {
            (Some(_), _) => around(bottleneck.after).map(|around| &around.after),
            _ => around(bottleneck.before).map(|around| &around.before),
        };
        let named: Vec<_> = named.into_iter().flatten().map(|element| format!("<b>{}</b>", name(element))).collect();
        let label = |probe: usize| format!("<b>{}</b>", self.label(probe));
        match (named.as_slice(), bottleneck.after, bottleneck.before) {
            ([], Some(after), Some(before)) => format!("what lies between {} and {}", label(after), label(before)),
            ([], Some(after), None) => format!("what follows {}", label(after)),
            ([], None, Some(before)) => format!("what comes before {}", label(before)),
            ([one], ..) => one.clone(),
            (many, Some(after), Some(before)) => {
                format!("between {} and {} ({})", label(after), label(before), many.join(", "))
            }
            (many, ..) => many.join(", "),
        }
    }

    /// A measuring point in a sentence or two.
    pub fn story(&self, probe: usize) -> String {
        let track = &self.recorder.tracks()[probe];
        let total = &track.total;
        let mut story = match troubles(track).first() {
            Some((grade, _)) => {
                let (class, sign, word) = grade.signs();
                let ill = matches!(track.verdict(), Health::Stalled | Health::Unhealthy | Health::Degraded);
                let word = if ill { track.verdict().name() } else { word };
                format!("<span class=\"chip {class}\">{sign} {word}</span> {}. ", self.trouble(probe))
            }
            None if total.sum(Sum::Buffers) == 0 => {
                format!("<span class=\"chip none\">– {}</span> ", word_of(track.verdict()))
            }
            None => format!("<span class=\"chip good\">✓ {}</span> ", word_of(track.verdict())),
        };
        story +=
            &format!("{} in {}", things(total.sum(Sum::Buffers), "buffer", "buffers"), time(total.sum(Sum::Covered)));
        if let Some((blocked, starved)) = total.waits() {
            let (downstream, upstream) = (percent(blocked), percent(starved));
            story += &format!("; it waited for downstream {downstream} of the time and for upstream {upstream}");
        }
        story + "."
    }
}
