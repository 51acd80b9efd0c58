//! The top of the page: the verdict, why it hung, the totals, and who waits for whom.

use super::super::markup::{band, bars, esc, name, put};
use super::super::slot::{Slot, Sum};
use super::super::track::Track;
use super::super::units::{bytes, clock, count, percent, rate, speed, things, time};
use super::View;
use super::plot::key;
use super::verdict::{Grade, of_share};
use crate::logic::health::verdict::{Health, Reason};

/// The longest explanation of a standstill that is shown.
const LONGEST_STORY: usize = 4000;

impl View<'_> {
    pub fn heading(&self, html: &mut String) {
        let verdict = self.verdict();
        let (class, sign, _) = verdict.grade.signs();
        let title = name(&self.environment.title);
        put!(html, "<header><h1>{title}</h1><p class=\"sub\">Health report");
        if !self.environment.made.is_empty() {
            put!(html, " of {}", name(&self.environment.made));
        }
        put!(html, ", {} recorded</p></header>\n", clock(self.recorder.elapsed()));
        put!(
            html,
            "<section class=\"verdict {class}\" aria-label=\"Verdict\"><span class=\"sign\" aria-hidden=\"true\">{sign}</span>"
        );
        put!(html, "<div><h2>{}</h2>", verdict.headline);
        verdict.sentences.iter().for_each(|sentence| put!(html, "<p>{sentence}</p>"));
        html.push_str("</div></section>\n");
    }

    pub fn stalls(&self, html: &mut String) {
        let (stalls, more) = self.recorder.stalls();
        if stalls.is_empty() {
            return;
        }
        html.push_str("<section class=\"card hang\"><h2>Why it hung</h2>");
        for stall in stalls {
            put!(html, "<h3>At {}", clock(stall.at));
            if !stall.class.is_empty() {
                put!(html, " <span class=\"chip bad\">✕ {}</span>", name(&stall.class));
            }
            let end = stall.text.char_indices().nth(LONGEST_STORY).map_or(stall.text.len(), |(end, _)| end);
            put!(html, "</h3><p class=\"why\">{}</p>", esc(&stall.text[..end]));
        }
        if more > 0 {
            put!(html, "<p class=\"note\">And {}.</p>", things(more, "more report", "more reports"));
        }
        html.push_str("</section>\n");
    }

    /// The figures that people ask for first.
    pub fn tiles(&self, html: &mut String) {
        let tracks = self.recorder.tracks();
        let mut tiles = vec![("Recorded", clock(self.recorder.elapsed()), String::new())];
        // What comes in are frames or samples; what goes out is the size of the result.
        if let (Some(first), Some(last)) = (tracks.first(), tracks.last()) {
            let total = &first.total;
            // What never played has moved in the time that was recorded.
            let played = Some(total.sum(Sum::Blocked) + total.sum(Sum::Starved)).filter(|&played| played > 0);
            let flowed = played.unwrap_or_else(|| self.recorder.elapsed()).max(1) as f64;
            let per_second = total.sum(Sum::Buffers) as f64 / flowed * 1e9;
            let media = total.sum(Sum::Media) as f64 / flowed;
            let at = self.label(0);
            let about = if media > 0.0 { format!("at {at}, {} real time", speed(media)) } else { format!("at {at}") };
            tiles.push(("Throughput", rate(per_second), about));
            tiles.push((
                "Data",
                bytes(last.total.sum(Sum::Bytes)),
                format!("through {}", self.label(tracks.len() - 1)),
            ));
        }
        // The same buffer passes several measuring points: that where most of them were lost or late tells.
        let worst = |bad: &dyn Fn(&Track) -> u64, of: &dyn Fn(&Track) -> u64| {
            tracks.iter().map(|track| (bad(track), of(track))).max().unwrap_or_default()
        };
        let offered = |track: &Track| track.total.sum(Sum::Buffers) + track.total.sum(Sum::Missing);
        let (lost, of) = worst(&|track| track.total.lost(), &offered);
        tiles.push(("Lost", count(lost), format!("of {} buffers", count(of))));
        let (late, timed) = worst(&|track| track.total.sum(Sum::Late), &|track| track.total.sum(Sum::Timed));
        let late = if timed > 0 { count(late) } else { "–".into() };
        let of = if timed > 0 { format!("of {} buffers", count(timed)) } else { "no sink waits for a clock".into() };
        tiles.push(("Late", late, of));
        let still = tracks.iter().map(|track| track.total.sum(Sum::Stalled)).max().unwrap_or(0);
        let hung = still == 0 && !self.recorder.stalls().0.is_empty();
        let (still, where_) =
            if hung { ("hung".into(), "before it played") } else { (time(still), "at the worst measuring point") };
        tiles.push(("Stood still", still, where_.into()));
        html.push_str("<section class=\"tiles\" aria-label=\"Totals\">");
        for (what, value, about) in tiles {
            put!(html, "<div class=\"tile\"><span>{what}</span><b>{value}</b><small>{about}</small></div>");
        }
        html.push_str("</section>\n");
    }

    /// What had to hold, and whether it did.
    pub fn checks(&self, html: &mut String) {
        let tracks = self.recorder.tracks();
        let sum = |sum: Sum| tracks.iter().map(|track| track.total.sum(sum)).sum::<u64>();
        let (arrived, missing) = (sum(Sum::Buffers), sum(Sum::Missing));
        let is = |fine: bool, otherwise: Grade| if fine { Grade::Good } else { otherwise };
        let worst = |grade: &dyn Fn(&Track) -> Grade| tracks.iter().map(grade).max().unwrap_or(Grade::Good);
        let missing_grade = worst(&|track| {
            of_share(track.total.sum(Sum::Missing), track.total.sum(Sum::Buffers) + track.total.sum(Sum::Missing))
        });
        let late_grade = worst(&|track| match track.time_for(Reason::Late) {
            0 => of_share(track.total.sum(Sum::Late), track.total.sum(Sum::Timed)),
            _ => Grade::Bad,
        });
        let still = sum(Sum::Stalled) > 0 || tracks.iter().any(|track| track.time_in(Health::Stalled) > 0);
        let late = (sum(Sum::Timed) > 0).then_some(late_grade);
        let memory = self.recorder.memory().columns(self.each);
        let most = memory.iter().filter_map(|span| span.used).map(|(_, high)| high).max();
        let limit = memory.iter().filter_map(|span| span.limit).min();
        let within = most.zip(limit).map(|(most, limit)| is(most <= limit, Grade::Bad));
        let measured = |grade: Grade| (!tracks.is_empty()).then_some(grade);
        let share = |n: u64, of: u64| format!("{} ({})", count(n), percent(n as f64 / of.max(1) as f64));
        let checks = [
            ("Nothing is missing", measured(missing_grade), share(missing, arrived.saturating_add(missing))),
            ("Nothing was refused", measured(is(sum(Sum::Refused) == 0, Grade::Bad)), count(sum(Sum::Refused))),
            ("Nothing was late", late, share(sum(Sum::Late), sum(Sum::Timed))),
            (
                "It never stood still",
                measured(is(!still && self.recorder.stalls().0.is_empty(), Grade::Bad)),
                match self.recorder.stalls().0.len() {
                    0 => time(sum(Sum::Stalled)),
                    n => things(n as u64, "halt", "halts"),
                },
            ),
            (
                "Timestamps follow each other",
                measured(is(sum(Sum::Jumps) == 0, Grade::Fair)),
                things(sum(Sum::Jumps), "jump", "jumps"),
            ),
            ("Nothing was damaged", measured(is(sum(Sum::Corrupted) == 0, Grade::Fair)), count(sum(Sum::Corrupted))),
            (
                "Every buffer is accounted for",
                measured(is(tracks.iter().all(|track| track.balanced), Grade::Bad)),
                "in = out + dropped + held".into(),
            ),
            ("Memory stayed within its limit", within, most.map_or_else(|| "unknown".into(), bytes)),
        ];
        html.push_str("<section class=\"card\"><h2>Checks</h2><ul class=\"checks\">");
        for (what, grade, value) in checks {
            let (class, sign, word) = grade.map_or(("none", "–", "not measured"), Grade::signs);
            let value = if grade.is_some() { value } else { "nothing to measure it by".into() };
            put!(
                html,
                "<li><span class=\"chip {class}\">{sign} {word}</span><span>{what}<small>{value}</small></span></li>"
            );
        }
        html.push_str("</ul></section>\n");
    }

    /// Who waits for whom: a strip for each measuring point, and between them the one that all wait for.
    pub fn waits(&self, html: &mut String) {
        html.push_str("<section class=\"card\"><h2>Who waits for whom</h2>");
        html.push_str("<p class=\"note\">Where waiting for downstream above turns into waiting for upstream below, what lies between is the slowest part.</p>");
        let culprit = self.bottleneck.as_ref().filter(|found| found.pace == super::super::bottleneck::Pace::Part);
        let when = if culprit.is_some_and(|found| found.amid_trouble) { " while things went wrong" } else { "" };
        let mark = |html: &mut String| {
            put!(html, "<p class=\"culprit\"><span aria-hidden=\"true\">◆</span> slowest{when}: {}</p>", self.culprit())
        };
        for (probe, track) in self.recorder.tracks().iter().enumerate() {
            if culprit.is_some_and(|found| found.after.is_none() && found.before == Some(probe)) {
                mark(html);
            }
            self.strip(html, probe, track);
            if culprit.is_some_and(|found| found.after == Some(probe)) {
                mark(html);
            }
        }
        put!(
            html,
            "<div class=\"row axis\"><span></span><div class=\"plot bare\">{}</div><span></span></div>",
            self.time_labels()
        );
        put!(
            html,
            "<p class=\"legend\">{}{}{}</p></section>\n",
            key("blocked", "from above, ↓: waiting for downstream"),
            key("starved", "from below, ↑: waiting for upstream"),
            key("ill", "line below: degraded, thick: unhealthy or stalled"),
        );
    }

    fn strip(&self, html: &mut String, probe: usize, track: &Track) {
        const HEIGHT: i64 = 40;
        let slots = self.slots(track);
        let part = |share: f64| (share * HEIGHT as f64 + 0.5) as i64;
        let waits: Vec<_> = slots.iter().map(Slot::waits).collect();
        let blocked: Vec<_> = waits.iter().map(|waits| waits.map(|(blocked, _)| (0, part(blocked)))).collect();
        let starved: Vec<_> = waits.iter().map(|waits| waits.map(|(blocked, _)| (part(blocked), HEIGHT))).collect();
        let (downstream, upstream) =
            track.total.waits().map_or(("–".into(), "–".into()), |(b, s)| (percent(b), percent(s)));
        let told = format!(
            "{}: waiting for downstream {downstream} of the time, for upstream {upstream}",
            track.place.element
        );
        put!(
            html,
            "<div class=\"row\"><span class=\"who\"><b>{}</b><small>{}</small></span>",
            self.label(probe),
            name(&track.place.media)
        );
        html.push_str(&self.svg("strip", HEIGHT + 8, &told));
        put!(
            html,
            "<path class=\"blocked\" d=\"{}\"/><path class=\"starved\" d=\"{}\"/>",
            band(&blocked),
            band(&starved)
        );
        let ill = |worse: bool| {
            slots.iter().map(move |slot| match slot.state {
                Health::Stalled | Health::Unhealthy => true,
                Health::Degraded => !worse,
                _ => false,
            })
        };
        put!(
            html,
            "<path class=\"ill\" d=\"{}{}\"/></svg>",
            bars(ill(false), HEIGHT + 2, HEIGHT + 4),
            bars(ill(true), HEIGHT + 2, HEIGHT + 8)
        );
        put!(html, "<span class=\"shares\"><span>↓ {downstream}</span><span>↑ {upstream}</span></span></div>\n");
    }
}
