//! Shows how an export is getting on and how it ended.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};
use serde_json::json;

use super::args::Progress;
use super::out::{say, tell};

/// The steps of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Analyse,
    Render,
    Finish,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Analyse => "analyse",
            Step::Render => "render",
            Step::Finish => "finish",
        }
    }
}

/// Where an export stands.
#[derive(Debug)]
pub struct Status {
    pub step: Step,
    pub frame: u64,
    /// 0 until the audio is analysed.
    pub total: u64,
    pub bytes: u64,
    /// Since the first frame: the analysis before it does not count as slow rendering.
    pub rendering: Duration,
    /// A word from the analysis about its own progress.
    pub note: Option<String>,
}

/// How a run that made a file ended.
#[derive(Debug)]
pub struct Ended {
    /// Ctrl-C or SIGTERM ended it early; the file is whole as far as it goes.
    pub interrupted: bool,
    /// Frames that the renderer delivered.
    pub rendered: u64,
    /// Samples per channel that were analysed, and their rate in Hz.
    pub samples: u64,
    pub rate: u32,
    /// Size of the file.
    pub bytes: u64,
    pub took: Duration,
    /// Label and statistics of each `bufferhealth`.
    pub health: Vec<(String, gst::Structure)>,
}

/// Shows progress in one way.
pub struct Reporter {
    how: How,
    next: Instant,
}

enum How {
    Bar(ProgressBar),
    Lines,
    Json,
    Nothing,
}

impl Reporter {
    pub fn new(progress: Progress) -> Self {
        let how = match progress {
            Progress::None => How::Nothing,
            Progress::Json => How::Json,
            Progress::Bar => How::Bar(bar()),
            Progress::Auto if std::io::stderr().is_terminal() => How::Bar(bar()),
            Progress::Auto => How::Lines,
        };
        Self { how, next: Instant::now() }
    }

    /// Shows `status` if it is time to.
    pub fn tick(&mut self, status: impl FnOnce() -> Status) {
        let every = match self.how {
            How::Nothing => return,
            How::Bar(_) => Duration::from_millis(100),
            How::Json => Duration::from_millis(250),
            How::Lines => Duration::from_secs(5),
        };
        if Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + every;
        self.show(&status());
    }

    fn show(&self, status: &Status) {
        let rate = frames_per_second(status);
        let left = status.total.saturating_sub(status.frame);
        let eta = (rate > 0.0 && status.total > 0).then(|| Duration::from_secs_f64(left as f64 / rate));
        match &self.how {
            How::Nothing => {}
            How::Json => say(json!({
                "stage": status.step.name(),
                "frame": status.frame,
                "total": status.total,
                "fps": (rate * 10.0).round() / 10.0,
                "eta": eta.map(|eta| eta.as_secs()),
                "bytes": status.bytes,
            })),
            How::Bar(bar) => {
                bar.set_length(status.total.max(1));
                bar.set_position(status.frame);
                bar.set_prefix(status.step.name());
                bar.set_message(match &status.note {
                    Some(note) => note.clone(),
                    None => format!("{rate:.0} fps, {}", HumanBytes(status.bytes)),
                });
            }
            How::Lines => {
                let eta = eta.map_or_else(String::new, |eta| format!(", {} left", HumanDuration(eta)));
                let (frame, total) = (status.frame, status.total);
                let done = match &status.note {
                    Some(note) => note.clone(),
                    // Nothing is known of the video yet.
                    None if total == 0 => "begun".into(),
                    None => format!("{frame}/{total} frames, {rate:.0} fps{eta}, {}", HumanBytes(status.bytes)),
                };
                tell(format_args!("{}: {done}", status.step.name()));
            }
        }
    }

    /// A sentence that must be seen.
    pub fn warn(&self, text: &str) {
        match &self.how {
            How::Bar(bar) => bar.println(format!("gst-steady: {text}")),
            _ => tell(format_args!("gst-steady: {text}")),
        }
    }

    /// Sums up an export whose video has been checked and found right.
    pub fn finished(&self, ended: &Ended) {
        let took = ended.took.as_secs_f64();
        let seconds = ended.samples as f64 / f64::from(ended.rate);
        let dropped = dropped(&ended.health);
        match &self.how {
            How::Nothing => {}
            How::Json => say(json!({
                "stage": "done",
                "frame": ended.rendered,
                "total": ended.rendered,
                "fps": (ended.rendered as f64 / took * 10.0).round() / 10.0,
                "eta": 0,
                "bytes": ended.bytes,
                "dropped": dropped,
            })),
            How::Bar(_) | How::Lines => {
                if let How::Bar(bar) = &self.how {
                    bar.finish_and_clear();
                }
                tell(format_args!(
                    "{} frames in {took:.1} s ({:.1}× real time), {dropped} dropped, {}, checked",
                    ended.rendered,
                    seconds / took,
                    HumanBytes(ended.bytes)
                ));
            }
        }
    }
}

/// Frames per second of wall time.
fn frames_per_second(status: &Status) -> f64 {
    let seconds = status.rendering.as_secs_f64();
    if seconds > 0.0 { status.frame as f64 / seconds } else { 0.0 }
}

/// Buffers that a probe saw refused downstream, or missing between two pictures.
fn dropped(health: &[(String, gst::Structure)]) -> u64 {
    let count = |stats: &gst::Structure, field: &str| stats.get::<u64>(field).unwrap_or_default();
    let of = |(label, stats): &(String, gst::Structure)| {
        // Only at the renderer do times follow each other without reordering or rounding.
        let missing = if label == "render" { count(stats, "missing") } else { 0 };
        count(stats, "buffers-dropped") + missing
    };
    health.iter().map(of).sum()
}

fn bar() -> ProgressBar {
    // The template is constant; a bar without style still works.
    let style = ProgressStyle::with_template("{prefix:>8} [{wide_bar}] {pos}/{len} {eta_precise} left, {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸ ");
    ProgressBar::new(1).with_style(style)
}
