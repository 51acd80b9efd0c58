//! A timeline as text, for other programs: a line that says what it is, a line for each frame of a video, and a line with
//! the BLAKE3 of all bytes before it. Each line is a JSON object.
//!
//! Levels are as in [`Hop`], integers up to 65535; `t` is the start of the frame in seconds. `beat`
//! counts the beats from the first with what has passed of the current one, and `bar` the bars likewise; both are null
//! where there is no beat, and `bar` before the first bar. `scene` is the name of
//! the scene that draws the frame.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;

use super::beat_grid::{BAR, FURTHEST};
use super::features::{HOPS_PER_SECOND, Hop, HopWindow};
use super::hops::HopTime;
use super::moment::FrameTime;
use super::options::{Analysis, Normalize};
use super::timeline::{ANALYSIS_VERSION, Timeline};
use crate::logic::clock::SECOND;
use crate::logic::frame_grid::FrameGrid;

/// Version of the form that is written here.
pub const VERSION: u32 = 1;
/// How the first line begins.
const BEGINNING: &str = r#"{"format":"steady-timeline","#;
/// Frames from one call of `go_on` to the next.
const ASKED_EVERY: u64 = 1000;

/// Writes what [`write`] does to a file that appears when it is whole, in place of an older one of this form and of
/// nothing else. Whether that was done: not when `go_on`, asked now and then, calls it off.
///
/// # Errors
///
/// [`AlreadyExists`](io::ErrorKind::AlreadyExists) when there is a file of another kind; otherwise when the file that is there or the
/// timeline cannot be read, or when the new file cannot be made, written, synced or renamed. What was there stays as it was.
pub fn save(
    timeline: &Timeline,
    grid: FrameGrid,
    scene: &dyn Fn(u64) -> &'static str,
    path: &Path,
    go_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> io::Result<bool> {
    if !may_be_replaced(path)? {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file of another kind"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = io::BufWriter::new(tempfile::NamedTempFile::new_in(folder)?);
    if !write(timeline, grid, scene, &mut file, go_on)? {
        return Ok(false);
    }
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(true)
}

/// Whether nothing is there, or something that was written here.
fn may_be_replaced(path: &Path) -> io::Result<bool> {
    let mut start = [0; BEGINNING.len()];
    match File::open(path).and_then(|mut file| file.read_exact(&mut start)) {
        Ok(()) => Ok(start == *BEGINNING.as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes `timeline` for a video on that grid, whose frames are drawn by the `scene`s of these names. Whether that was
/// done, as in [`save`].
fn write(
    timeline: &Timeline,
    grid: FrameGrid,
    scene: &dyn Fn(u64) -> &'static str,
    out: &mut dyn Write,
    go_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> io::Result<bool> {
    let Some(bars) = timeline.bars(go_on)? else { return Ok(false) };
    let (fps_n, fps_d) = grid.fps();
    let frames = grid.frame_count(timeline.info().samples);
    let mut hasher = blake3::Hasher::new();
    let mut put = |line: &str| {
        hasher.update(line.as_bytes());
        out.write_all(line.as_bytes())
    };
    put(&header(timeline, (fps_n, fps_d), frames))?;
    let (mut window, mut records, mut line) = (HopWindow::default(), Vec::new(), String::new());
    for n in 0..frames {
        if n % ASKED_EVERY == 0 && go_on().is_break() {
            return Ok(false);
        }
        let time = FrameTime::of_frame(n, (fps_n, fps_d));
        timeline.read(time.middle.hop, time.ahead() as usize + 2, &mut window, &mut records)?;
        let at = time.moment(&window);
        let level = |read: &dyn Fn(&Hop) -> u16| at.level(&window, read);
        let list = |values: &[u16]| values.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
        let bands: Vec<_> = (0..super::features::BANDS).map(|band| level(&|hop| hop.bands[band])).collect();
        let flux: Vec<_> = (0..3).map(|range| level(&|hop| hop.onsets[range])).collect();
        let beat = beat_at(timeline.beats(), time.middle);
        let text = |value: Option<u64>| value.map_or("null".to_owned(), thousandths);
        line.clear();
        let written = writeln!(
            line,
            r#"{{"frame":{n},"t":{}.{:09},"rms":{},"peak":{},"bands":[{}],"flux":[{}],"beat":{},"bar":{},"scene":"{}"}}"#,
            grid.pts(n) / SECOND,
            grid.pts(n) % SECOND,
            level(&|hop| hop.rms),
            level(&|hop| hop.peak),
            list(&bands),
            list(&flux),
            text(beat),
            text(beat.and_then(|beat| bar_at(&bars, beat))),
            scene(n),
        );
        written.map_err(io::Error::other)?;
        put(&line)?;
    }
    writeln!(out, r#"{{"checksum":"{}"}}"#, hasher.finalize())?;
    Ok(true)
}

fn header(timeline: &Timeline, (fps_n, fps_d): (u32, u32), frames: u64) -> String {
    let (info, summary, options) = (timeline.info(), timeline.summary(), timeline.options());
    let seconds = |hops: &[u32]| {
        let each = hops.iter().map(|hop| format!("{}.{:02}", hop / HOPS_PER_SECOND, hop % HOPS_PER_SECOND));
        each.collect::<Vec<_>>().join(",")
    };
    let number = |value: Option<f64>| value.map_or("null".to_owned(), |value| format!("{value:.2}"));
    let analysis = match options.analysis {
        Analysis::Full => "full",
        Analysis::Causal => "causal",
    };
    let normalize = match options.normalize {
        Normalize::Track => "track",
        Normalize::Running => "running",
        Normalize::Fixed => "fixed",
    };
    format!(
        concat!(
            r#"{}"version":{},"analysis-version":{},"analysis":"{}","normalize":"{}","#,
            r#""rate":{},"channels":{},"samples":{},"fps":[{},{}],"frames":{},"loudness":{},"tempo":{},"confidence":{:.3},"#,
            r#""beats":[{}],"sections":[{}],"digest":"{}"}}"#,
            "\n"
        ),
        BEGINNING,
        VERSION,
        ANALYSIS_VERSION,
        analysis,
        normalize,
        info.rate,
        info.channels,
        info.samples,
        fps_n,
        fps_d,
        frames,
        number(summary.loudness_lufs),
        number(summary.tempo),
        summary.confidence,
        seconds(timeline.beats()),
        seconds(timeline.sections()),
        timeline.digest(),
    )
}

/// Beats since the first one, in thousandths.
fn beat_at(beats: &[u32], at: HopTime) -> Option<u64> {
    let behind = beats.partition_point(|&beat| i64::from(beat) <= at.hop);
    let index = behind.checked_sub(1)?;
    let (last, next) = (i64::from(beats[index]), i64::from(*beats.get(behind)?));
    let passed = (at.ticks() - (last << 16)) * 1000 / ((next - last) << 16);
    (next - last <= FURTHEST).then_some(index as u64 * 1000 + passed as u64)
}

/// Bars since the first one, in thousandths, where `beat` thousandths of beats have passed. The last bar is taken to be as
/// long as the one before it.
fn bar_at(bars: &[u32], beat: u64) -> Option<u64> {
    let start = |bar: usize| bars.get(bar).map(|&beat| u64::from(beat) * 1000);
    let bar = bars.partition_point(|&first| u64::from(first) * 1000 <= beat).checked_sub(1)?;
    let len = |bar: usize| Some(start(bar + 1)? - start(bar)?);
    let beats = len(bar).or_else(|| len(bar.checked_sub(1)?)).unwrap_or(BAR as u64 * 1000);
    Some(bar as u64 * 1000 + ((beat - start(bar)?) * 1000 / beats).min(999))
}

fn thousandths(value: u64) -> String {
    format!("{}.{:03}", value / 1000, value % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::audio::analyze::Analyzer;
    use crate::logic::audio::scratch;

    fn grid(timeline: &Timeline) -> FrameGrid {
        FrameGrid::new(timeline.info().rate, 30, 1).unwrap()
    }

    /// Another one from frame 100 on.
    fn scene(n: u64) -> &'static str {
        if n < 100 { "wave-line" } else { "stem-dots" }
    }

    fn text() -> (Timeline, String) {
        let mut analyzer = Analyzer::new(8_000, 1, scratch::unlinked().unwrap()).unwrap();
        // A click every half second for ten seconds.
        let samples: Vec<_> =
            (0..80_000).map(|i| if i % 4000 < 400 { (i % 41) as f32 / 41.0 - 0.5 } else { 0.0 }).collect();
        analyzer.push(&samples).unwrap();
        let timeline = analyzer.finish(&mut |_| ControlFlow::Continue(())).unwrap().unwrap();
        let mut text = Vec::new();
        assert!(write(&timeline, grid(&timeline), &scene, &mut text, &mut || ControlFlow::Continue(())).unwrap());
        (timeline, String::from_utf8(text).unwrap())
    }

    #[test]
    fn each_line_is_an_object_and_the_last_one_has_the_checksum_of_the_others() {
        let (timeline, text) = text();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 1 + 300 + 1);
        let header = &lines[0];
        assert_eq!((&header["format"], &header["version"]), (&"steady-timeline".into(), &1.into()));
        assert_eq!((&header["frames"], &header["samples"]), (&300.into(), &80_000.into()));
        assert_eq!(header["digest"], timeline.digest());
        assert_eq!(header["beats"].as_array().unwrap().len(), timeline.beats().len());
        let body = text.rfind("{\"checksum\"").unwrap();
        assert_eq!(lines[301]["checksum"], blake3::hash(&text.as_bytes()[..body]).to_hex().as_str());
        let names = ["bands", "bar", "beat", "flux", "frame", "peak", "rms", "scene", "t"];
        assert!(lines[1].as_object().unwrap().keys().eq(names.iter()), "{:?}", lines[1]);
    }

    #[test]
    fn frames_say_what_is_heard_in_their_middle() {
        let (timeline, text) = text();
        let frames: Vec<serde_json::Value> =
            text.lines().skip(1).take(300).map(|line| serde_json::from_str(line).unwrap()).collect();
        // The clicks begin at 0 s and 5 s; frame 151 is about 5.05 s, frame 157 about 5.25 s.
        assert_eq!(frames[150]["t"], 5.0);
        assert!(frames[151]["rms"].as_u64().unwrap() > 1000 && frames[157]["rms"] == 0);
        assert_eq!(frames[3]["bands"].as_array().unwrap().len(), 64);
        assert_eq!([99, 100].map(|n: usize| frames[n]["scene"].as_str().unwrap()), ["wave-line", "stem-dots"]);
        let beats: Vec<_> = frames.iter().filter_map(|frame| frame["beat"].as_f64()).collect();
        assert!(beats.len() > 200 && beats.windows(2).all(|pair| pair[0] < pair[1]), "{beats:?}");
        // Two beats a second at thirty frames.
        assert!((beats[100] - beats[70] - 2.0).abs() < 0.05);
        // Behind the last beat nobody knows when the next one would be.
        assert_eq!(timeline.beats().len(), *beats.last().unwrap() as usize + 2);
        let first = f64::from(timeline.bars(&mut || ControlFlow::Continue(())).unwrap().unwrap()[0]);
        let bars = frames[200]["bar"].as_f64().unwrap() * 4.0;
        assert!((bars + first - frames[200]["beat"].as_f64().unwrap()).abs() < 0.01);
    }

    #[test]
    fn bars_are_counted_in_beats_whatever_their_length() {
        // A waltz with one beat before the first bar, whose last bar is as long as the others.
        let bars = [1, 4, 7];
        for (beat, bar) in [(999, None), (1000, Some(0)), (2500, Some(500)), (4000, Some(1000)), (8500, Some(2500))] {
            assert_eq!(bar_at(&bars, beat), bar, "{beat}");
        }
        assert_eq!(bar_at(&bars, 99_000), Some(2999), "a bar that nobody ended");
        assert_eq!(bar_at(&[0], 2000), Some(500), "one bar alone has four beats");
        assert_eq!(bar_at(&[], 2000), None);
    }

    #[test]
    fn a_file_of_another_kind_is_kept_and_one_of_this_kind_replaced() {
        let ((timeline, text), folder) = (text(), tempfile::tempdir().unwrap());
        let path = folder.path().join("song.jsonl");
        let save = |go_on: ControlFlow<()>| super::save(&timeline, grid(&timeline), &scene, &path, &mut || go_on);
        for other in ["", "precious", "{\"format\":\"another\", and more of it"] {
            std::fs::write(&path, other).unwrap();
            assert_eq!(save(ControlFlow::Continue(())).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), other);
        }
        std::fs::remove_file(&path).unwrap();
        assert!(!save(ControlFlow::Break(())).unwrap() && !path.exists(), "called off");
        for _ in 0..2 {
            let before = std::fs::read_dir(&folder).unwrap().count();
            // Written beside its place, so that it is moved there whole.
            let beside = &mut || {
                assert_eq!(std::fs::read_dir(&folder).unwrap().count(), before + 1);
                ControlFlow::Continue(())
            };
            assert!(super::save(&timeline, grid(&timeline), &scene, &path, beside).unwrap());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left");
    }
}
