//! What all pictures have in common: a frame with axes. Their text lies outside of the picture, so that it keeps its size when
//! the picture is stretched.

use super::super::markup::{esc, put};
use super::super::units;
use super::View;
use crate::logic::clock::{MILLISECOND, Nanos, SECOND};

/// At most so many divisions on the axis of time.
const DIVISIONS: Nanos = 5;
/// Labels beyond this share of an axis would be cut.
const LAST_LABEL: f64 = 0.95;

/// A picture with what is around it.
pub struct Figure<'a> {
    pub title: &'a str,
    /// Behind the title: what is shown, in which unit.
    pub about: &'a str,
    /// What a listener is told instead of seeing it.
    pub told: String,
    /// Height of the picture in its own units.
    pub height: i64,
    /// Labels of the vertical axis, by their share of the height from below.
    pub labels: Vec<(f64, String)>,
    /// The picture.
    pub body: String,
    /// What its lines and colours mean, as markup.
    pub legend: String,
}

/// The shortest readable step that divides a span into few enough parts.
fn step(span: Nanos) -> Nanos {
    const STEPS: [Nanos; 17] = [
        100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000,
        3_600_000, 7_200_000,
    ];
    let fits = |step: &Nanos| span / step <= DIVISIONS;
    let known = STEPS.into_iter().map(|ms| ms * MILLISECOND).find(fits);
    known.unwrap_or_else(|| (span / DIVISIONS / (4 * 3600 * SECOND) + 1) * 4 * 3600 * SECOND)
}

impl View<'_> {
    /// The opening tag of a picture that is as wide as there is room.
    pub fn svg(&self, class: &str, height: i64, told: &str) -> String {
        format!(
            "<svg class=\"{class}\" viewBox=\"0 0 {:.2} {height}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{told}\">\
             <title>{told}</title>",
            self.extent(),
            told = esc(told)
        )
    }

    /// Labels and lines of the axis of time.
    pub fn time_labels(&self) -> String {
        let span = self.recorder.elapsed();
        let step = step(span);
        let mut labels = String::from("<div class=\"x\" aria-hidden=\"true\">");
        for n in 0.. {
            let at = n * step;
            let share = at as f64 / span.max(1) as f64;
            if share > LAST_LABEL {
                break;
            }
            let class = if n % 2 == 1 { " class=\"odd\"" } else { "" };
            put!(labels, "<i{class} style=\"left:{:.1}%\">{}</i>", share * 100.0, units::tick(at, step));
        }
        labels.push_str("</div>");
        labels
    }

    pub fn figure(&self, html: &mut String, figure: &Figure) {
        put!(html, "<figure><figcaption><b>{}</b> {}</figcaption><div class=\"plot\">", figure.title, figure.about);
        html.push_str("<div class=\"y\" aria-hidden=\"true\">");
        let mut grid = String::new();
        for (share, label) in &figure.labels {
            put!(html, "<i style=\"bottom:{:.1}%\">{label}</i>", share * 100.0);
            let y = (1.0 - share) * figure.height as f64;
            put!(grid, "M0 {y:.1}H{:.2}", self.extent());
        }
        put!(html, "</div>{}", self.svg("pic", figure.height, &figure.told));
        put!(html, "<path class=\"grid\" d=\"{grid}\"/>{}</svg>{}</div>", figure.body, self.time_labels());
        put!(html, "<p class=\"legend\">{}</p></figure>\n", figure.legend);
    }
}

/// A sign for a legend: a piece of the picture, in the class it has there, and what it means.
pub fn key(class: &str, text: &str) -> String {
    let shape = match class {
        "p50" | "p95" | "p99" | "limit" => "<path d=\"M0 5h18\" class=\"CLASS\"/>",
        "tick" => "<path d=\"M9 1v8\" class=\"CLASS\"/>",
        _ => "<rect width=\"18\" height=\"10\" class=\"CLASS\"/>",
    };
    let shape = shape.replace("CLASS", class);
    format!("<span><svg class=\"key\" viewBox=\"0 0 18 10\" aria-hidden=\"true\">{shape}</svg>{text}</span>")
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn any_span_has_a_handful_of_divisions() {
        for seconds in [1, 3, 59, 60, 61, 3599, 36_000, 86_400, 1_000_000, 100_000_000] {
            let span = seconds * SECOND;
            let divisions = span / step(span);
            assert!((1..=DIVISIONS).contains(&divisions), "{seconds} s: {divisions}");
        }
    }
}
