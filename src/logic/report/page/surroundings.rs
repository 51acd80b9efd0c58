//! The lower part of the page: all figures in a table, the worst moments, and the circumstances.

use super::super::markup::{esc, file_url, name, put};
use super::super::moments::MOMENTS;
use super::super::slot::Sum;
use super::super::units::{bytes, clock, count, time};
use super::View;
use super::verdict::{Grade, of_share, word_of};
use crate::logic::health::verdict::Health;

/// The longest command line that is shown, in bytes.
const LONGEST_COMMAND: usize = 8000;

/// Opens a table whose cells know their column: a narrow page shows each row as a list.
fn open(html: &mut String, columns: &[&str]) {
    html.push_str("<table><thead><tr>");
    columns.iter().for_each(|column| put!(html, "<th scope=\"col\">{column}</th>"));
    html.push_str("</tr></thead><tbody>");
}

fn row(html: &mut String, columns: &[&str], cells: &[String]) {
    html.push_str("<tr>");
    for (column, cell) in columns.iter().zip(cells) {
        put!(html, "<td data-l=\"{column}\"><span>{cell}</span></td>");
    }
    html.push_str("</tr>\n");
}

fn marked(grade: Grade, text: &str) -> String {
    let (class, sign, _) = grade.signs();
    if grade == Grade::Good { text.to_owned() } else { format!("<span class=\"{class}\">{sign} {text}</span>") }
}

impl View<'_> {
    pub fn table(&self, html: &mut String) {
        const COLUMNS: [&str; 9] = [
            "Measuring point",
            "Verdict",
            "Buffers",
            "Data",
            "Lost",
            "Late",
            "Jitter",
            "Push p50 / p95 / p99",
            "Longest push",
        ];
        html.push_str("<section class=\"card\"><h2>All measuring points</h2>");
        open(html, &COLUMNS);
        for (probe, track) in self.recorder.tracks().iter().enumerate() {
            let total = &track.total;
            let offered = total.sum(Sum::Buffers) + total.sum(Sum::Missing);
            let verdict = track.verdict();
            let grade = match verdict {
                Health::Degraded => Grade::Fair,
                Health::Unhealthy | Health::Stalled => Grade::Bad,
                _ => Grade::Good,
            };
            let mut said = marked(grade, word_of(verdict));
            let ill = track.time_in(verdict);
            if grade != Grade::Good {
                put!(said, " for {}", time(ill));
            }
            let late = match total.sum(Sum::Timed) {
                0 => "–".into(),
                timed => marked(of_share(total.sum(Sum::Late), timed), &count(total.sum(Sum::Late))),
            };
            let push = track.push.summary();
            let three =
                |s: crate::logic::histogram::Summary| format!("{} / {} / {}", time(s.p50), time(s.p95), time(s.p99));
            row(
                html,
                &COLUMNS,
                &[
                    format!("<b>{}</b>", self.label(probe)),
                    said,
                    count(total.sum(Sum::Buffers)),
                    bytes(total.sum(Sum::Bytes)),
                    marked(of_share(total.lost(), offered), &count(total.lost())),
                    late,
                    time(track.jitter_max),
                    push.map_or_else(|| "–".into(), three),
                    push.map_or_else(|| "–".into(), |s| time(s.max)),
                ],
            );
        }
        html.push_str("</tbody></table></section>\n");
    }

    /// The worst moments, in the order of media time; the worst of them has the first rank.
    pub fn moments(&self, html: &mut String) {
        const COLUMNS: [&str; 5] = ["Media time", "After the start", "Where", "What was wrong", "Rank"];
        let mut moments: Vec<_> = self.recorder.moments().into_iter().zip(1..).collect();
        moments.sort_by_key(|(moment, _)| (moment.media, moment.span));
        html.push_str("<section class=\"card\"><h2>The worst moments</h2>");
        if moments.is_empty() {
            html.push_str("<p class=\"note\">There was none: nothing was missing, refused, late, damaged or out of order, and nothing stood still.</p></section>\n");
            return;
        }
        if moments.len() == MOMENTS {
            put!(html, "<p class=\"note\">The {MOMENTS} worst; there may have been more.</p>");
        }
        open(html, &COLUMNS);
        for (moment, rank) in &moments {
            let span = |(from, to): (u64, u64)| match (clock(from), clock(to)) {
                (from, to) if from == to => from,
                (from, to) => format!("{from} – {to}"),
            };
            let media = moment.media.map_or_else(|| "–".into(), span);
            let cells = [
                media,
                span(moment.span),
                format!("<b>{}</b>", self.label(moment.probe)),
                moment.what(),
                rank.to_string(),
            ];
            row(html, &COLUMNS, &cells);
        }
        html.push_str("</tbody></table></section>\n");
    }

    pub fn surroundings(&self, html: &mut String) {
        let environment = self.environment;
        html.push_str("<section class=\"card\"><h2>Environment</h2>");
        if !environment.command.is_empty() {
            let command = &environment.command;
            let end =
                command.char_indices().map(|(at, _)| at).find(|&at| at >= LONGEST_COMMAND).unwrap_or(command.len());
            put!(html, "<h3>Command line</h3><pre>{}</pre>", esc(&command[..end]));
        }
        html.push_str("<dl>");
        for (what, value) in &environment.facts {
            put!(html, "<div><dt>{}</dt><dd>{}</dd></div>", name(what), name(value));
        }
        for graph in &environment.graphs {
            put!(
                html,
                "<div><dt>Graph of the pipeline</dt><dd><a href=\"{}\">{}</a></dd></div>",
                esc(&file_url(graph)),
                name(graph)
            );
        }
        html.push_str("</dl></section>\n");
    }
}
