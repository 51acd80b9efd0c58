//! `gst-steady recover`: lists what interrupted recordings have left, and finishes, repairs or deletes it.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gst::prelude::*;
use gst_pbutils::prelude::*;
use gststeady::logic::recording::recover::{Outcome, Unfinished, find};
use serde_json::json;

use super::failure::{Failure, Stage};
use super::registry;

/// The arguments of `recover`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --finish, --remux or --delete it only lists. Recordings that are being written are never touched.

Examples:
  gst-steady recover /var/recordings
  gst-steady recover --older-than 1h --finish /var/recordings
  gst-steady recover --remux talk.recording.mp4")]
pub struct Args {
    /// Folders to look in, or unfinished recordings [default: the current folder]
    pub paths: Vec<PathBuf>,

    /// Give each one its final name, unless that is taken
    #[arg(long, conflicts_with = "delete")]
    pub finish: bool,

    /// Write what each one holds into a new file beside it, with an index
    #[arg(long, conflicts_with_all = ["delete", "finish"])]
    pub remux: bool,

    /// Delete them, after asking
    #[arg(long)]
    pub delete: bool,

    /// Do not ask before deleting
    #[arg(long, requires = "delete")]
    pub yes: bool,

    /// Leave out those written more recently, such as 90s, 15m, 1h or 2d
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub older_than: Duration,

    /// Print one JSON array
    #[arg(long)]
    pub json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("a number and s, m, h or d, such as 90s or 1h".into()),
    };
    let number: u64 = number.parse().map_err(|_| "a number and s, m, h or d, such as 90s or 1h".to_owned())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "too long".into())
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    let reason = error.to_string();
    // std writes "No such file or directory (os error 2)".
    let reason = reason.split(" (os error").next().unwrap_or_default();
    format!("cannot look at {path:?}: {reason}; name a folder with recordings, or an unfinished recording")
}

/// The contents of a file, as far as they can be told.
struct Contents {
    container: Option<String>,
    duration: Option<gst::ClockTime>,
    plays: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    registry::init()?;
    let default = [PathBuf::from(".")];
    let paths = if args.paths.is_empty() { &default[..] } else { &args.paths };
    let mut unfinished = Vec::new();
    for path in paths {
        let found = find(path, SystemTime::now()).map_err(|e| Failure::new(Stage::NoInput, unreadable(path, &e)))?;
        unfinished.extend(found.into_iter().filter(|u| u.age >= args.older_than || u.locked));
    }
    let contents: Vec<_> =
        unfinished.iter().map(|u| if u.locked { None } else { Some(look_inside(&u.path)) }).collect();
    if !args.json {
        list(&unfinished, &contents);
    }
    if args.delete && !args.yes && !unfinished.is_empty() && !confirmed(&unfinished)? {
        return Ok(());
    }
    let mut results = Vec::new();
    let mut failures = 0;
    for (one, inside) in unfinished.iter().zip(&contents) {
        let (result, good) = if args.finish {
            describe(&one.finish(), one)
        } else if args.delete {
            describe(&one.delete(), one)
        } else if args.remux && !one.locked {
            match remux(one) {
                Ok(path) => (format!("repaired into {}", path.display()), true),
                Err(error) => (format!("not repaired: {error}"), false),
            }
        } else {
            (String::new(), true)
        };
        failures += usize::from(!good);
        if !args.json && !result.is_empty() {
            println!("{}: {result}", one.path.display());
        }
        results.push(as_json(one, inside.as_ref(), &result));
    }
    if args.json {
        println!("{:#}", serde_json::Value::Array(results));
    } else if unfinished.is_empty() {
        println!("No unfinished recordings.");
    } else if !(args.finish || args.remux || args.delete) {
        println!(
            "Nothing was changed. --finish gives each its name, --remux copies what plays into a new file, --delete removes."
        );
    }
    match failures {
        0 => Ok(()),
        n => Err(Failure::new(
            Stage::Io,
            format!(
                "{n} of {} could not be dealt with, for the reasons given; they are as they were",
                unfinished.len()
            ),
        )),
    }
}

fn list(unfinished: &[Unfinished], contents: &[Option<Contents>]) {
    for (one, inside) in unfinished.iter().zip(contents) {
        let state = match inside {
            None => "being written".to_owned(),
            Some(_) if one.is_target => format!("complete, and also named {}", one.target.display()),
            Some(Contents { plays: false, .. }) if one.bytes == 0 => "empty".to_owned(),
            Some(Contents { plays: false, .. }) => "does not play".to_owned(),
            Some(Contents { container, duration, .. }) => {
                let container = container.as_deref().unwrap_or("media");
                duration.map_or(format!("plays, {container}"), |d| format!("plays, {container}, {:.0}", d))
            }
        };
        println!("{}  {} bytes, {} s old, {state}", one.path.display(), one.bytes, one.age.as_secs());
    }
}

fn describe(outcome: &Outcome, one: &Unfinished) -> (String, bool) {
    match outcome {
        Outcome::Finished => (format!("is now {}", one.target.display()), true),
        Outcome::ExtraNameRemoved => (format!("was {} already; the extra name is gone", one.target.display()), true),
        Outcome::Deleted => ("deleted".into(), true),
        Outcome::Locked => ("left alone: it is being written".into(), true),
        Outcome::Empty => ("left alone: it is empty".into(), true),
        Outcome::TargetExists => (format!("left alone: {} exists; rename one of the two", one.target.display()), false),
        Outcome::Failed(why) => (why.clone(), false),
    }
}

fn as_json(one: &Unfinished, inside: Option<&Contents>, result: &str) -> serde_json::Value {
    json!({
        "path": one.path.to_string_lossy(),
        "target": one.target.to_string_lossy(),
        "bytes": one.bytes,
        "age_seconds": one.age.as_secs(),
        "locked": one.locked,
        "complete": one.is_target,
        "container": inside.and_then(|i| i.container.clone()),
        "duration_seconds": inside.and_then(|i| i.duration).map(|d| d.nseconds() as f64 / 1e9),
        "plays": inside.map(|i| i.plays),
        "result": if result.is_empty() { None } else { Some(result) },
    })
}

fn confirmed(unfinished: &[Unfinished]) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(Stage::Usage, "nothing is deleted without --yes when nobody can be asked"));
    }
    let count = unfinished.iter().filter(|u| !u.locked).count();
    print!("Delete {count} unfinished recordings for good? Type yes: ");
    let _ = std::io::stdout().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|e| Failure::new(Stage::Io, e.to_string()))?;
    Ok(answer.trim() == "yes")
}

/// A container as a short word, for the ones that recordings come in.
fn short_name(caps: &gst::CapsRef) -> String {
    caps.structure(0).map_or("media", |s| s.name().as_str()).rsplit('/').next().unwrap_or("media").to_owned()
}

fn look_inside(path: &Path) -> Contents {
    let nothing = Contents { container: None, duration: None, plays: false };
    let Ok(discoverer) = gst_pbutils::Discoverer::new(gst::ClockTime::from_seconds(15)) else { return nothing };
    let Some(uri) = std::path::absolute(path).ok().and_then(|p| gst::glib::filename_to_uri(p, None).ok()) else {
        return nothing;
    };
    let Ok(info) = discoverer.discover_uri(&uri) else { return nothing };
    let container = info.stream_info().and_then(|s| s.caps()).map(|caps| short_name(&caps));
    let streams = info.audio_streams().len() + info.video_streams().len();
    // Zero is what demuxers say of fragmented files without an index.
    let duration = info.duration().filter(|d| !d.is_zero());
    Contents { container, duration, plays: streams > 0 }
}

/// The muxer that a repaired file is written with.
fn muxer(path: &Path) -> (&'static str, &'static str) {
    match path.extension().and_then(|e| e.to_str()).unwrap_or_default() {
        "mp4" | "m4v" | "m4a" => ("mp4mux", ""),
        "mov" | "qt" => ("qtmux", ""),
        "ts" | "m2ts" => ("mpegtsmux", ""),
        "webm" => ("webmmux", ""),
        "avi" => ("avimux", ""),
        "flv" => ("flvmux", ""),
        "mkv" | "mka" => ("matroskamux", ""),
        // Matroska takes nearly everything.
        _ => ("matroskamux", ".mkv"),
    }
}

/// Copies the streams into a new file that a muxer finishes, and returns its path.
fn remux(one: &Unfinished) -> Result<PathBuf, String> {
    let (factory, more) = muxer(&one.target);
    let stem = one.target.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let extension = one.target.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
    let output = one.target.with_file_name(format!("{stem}-repaired{extension}{more}"));
    let make = |name: &str| gst::ElementFactory::make(name).build().map_err(|e| e.to_string());
    let (source, parse, mux, sink) = (make("filesrc")?, make("parsebin")?, make(factory)?, make("crashsafesink")?);
    source.set_property("location", &one.path);
    sink.set_property("location", &output);
    sink.set_property_from_str("on-exists", "number");
    let pipeline = gst::Pipeline::new();
    pipeline.add_many([&source, &parse, &mux, &sink]).map_err(|e| e.to_string())?;
    source.link(&parse).and_then(|()| mux.link(&sink)).map_err(|e| e.to_string())?;
    let (weak_pipeline, weak_mux) = (pipeline.downgrade(), mux.downgrade());
    parse.connect_pad_added(move |_, pad| {
        let (Some(pipeline), Some(mux)) = (weak_pipeline.upgrade(), weak_mux.upgrade()) else { return };
        // A stream that the container cannot take is left out, and its data goes nowhere.
        let into_mux = mux.compatible_pad(pad, pad.current_caps().as_ref());
        let end = match &into_mux {
            Some(_) => gst::ElementFactory::make("queue").property("max-size-time", 0_u64).build(),
            None => gst::ElementFactory::make("fakesink").property("async", false).build(),
        };
        let Ok(end) = end else { return };
        // A failure here shows as a stream without data.
        let _ = pipeline.add(&end);
        if let (Some(into_mux), Some(out)) = (into_mux, end.static_pad("src")) {
            let _ = out.link(&into_mux);
        }
        let _ = end.sync_state_with_parent();
        if let Some(sink_pad) = end.static_pad("sink") {
            let _ = pad.link(&sink_pad);
        }
    });
    let result = drain(&pipeline, &mux, &sink);
    let _ = pipeline.set_state(gst::State::Null);
    result
}

/// Runs to the end; an error of the reading side, which a torn file may well give, ends the streams instead.
fn drain(pipeline: &gst::Pipeline, mux: &gst::Element, sink: &gst::Element) -> Result<PathBuf, String> {
    pipeline.set_state(gst::State::Playing).map_err(|e| e.to_string())?;
    let bus = pipeline.bus().ok_or("no bus")?;
    let (mut path, mut torn) = (None, false);
    loop {
        let Some(message) = bus.timed_pop(gst::ClockTime::from_seconds(60)) else {
            return Err("reading it takes too long".into());
        };
        match message.view() {
            gst::MessageView::Element(e) => {
                if let Some(s) = e.structure().filter(|s| s.name() == "crashsafesink-finished") {
                    path = s.get::<String>("location").ok().map(PathBuf::from);
                }
            }
            gst::MessageView::Eos(_) => return path.ok_or_else(|| "there is no data in it".into()),
            gst::MessageView::Error(error) => {
                let writing = message.src().is_some_and(|src| src == sink || src == mux);
                if writing || torn || mux.sink_pads().is_empty() {
                    return Err(error.error().message().to_owned());
                }
                torn = true;
                for pad in mux.sink_pads() {
                    pad.send_event(gst::event::Eos::new());
                }
            }
            _ => {}
        }
    }
}
