//! `gst-steady export`: a song becomes a video, and the video is checked.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use gststeady::logic::audio::gapless::{Gapless, SkippedBy};
use gststeady::logic::clock::Nanos;
use gststeady::logic::export::{self, AudioCodec, Expected, Plan, PlanError, Request, default_video, problems};
use gststeady::logic::frame_grid::FrameGrid;

use super::args::Export;
use super::failure::{Failure, Stage};
use super::out::say;
use super::preflight::{self, AudioFacts};
use super::progress::{Ended, Reporter};
use super::report::Report;
use super::run::{self, Job};
use super::{check, interrupt, looks, registry};

/// Runs the whole export, or prints it.
pub fn run(args: &Export) -> Result<(), Failure> {
    let request = request(args)?;
    let plugin_is_installed = registry::init()?;
    let facts = preflight::inspect(&request.audio)?;
    let plan = request.plan(&registry::has).map_err(plan_failure)?;
    let tokens = export::tokens(&plan.chains);

    if args.dry_run {
        print_dry_run(&request, &plan, &facts, &tokens, plugin_is_installed);
        return Ok(());
    }
    if is_same_file(&request.audio, &request.video) {
        return Err(plan_failure(PlanError::SameFile(request.audio.clone())));
    }
    if !request.overwrite && request.video.symlink_metadata().is_ok() {
        return Err(Failure::new(
            Stage::CannotCreate,
            format!("{:?} is there already; use --overwrite to replace it, or name another video", request.video),
        ));
    }

    let mut report = args.report.as_deref().map(|path| Report::new(path, &request)).transpose()?;

    interrupt::watch()?;
    let mut reporter = Reporter::new(args.progress);
    let job = Job { tokens: &tokens, audio: &request.audio, video: &request.video, facts: &facts };
    let made = make(&request, &plan, &job, &mut reporter, report.as_mut());
    let reported = report.map_or(Ok(()), |report| report.write(made.as_ref().err()));
    match (made, reported) {
        (Ok(ended), reported) => {
            reporter.finished(&ended);
            say(request.video.display());
            reported
        }
        (Err(failure), reported) => {
            if let Err(also) = reported {
                reporter.warn(&also.to_string());
            }
            Err(failure)
        }
    }
}

/// Makes the video and checks it.
fn make(
    request: &Request,
    plan: &Plan,
    job: &Job,
    reporter: &mut Reporter,
    report: Option<&mut Report>,
) -> Result<Ended, Failure> {
    let ended = run::run(job, reporter, report)?;
    let found = check::streams(&request.video)?;
    if ended.interrupted {
        return Err(Failure::new(
            Stage::Interrupted,
            format!("interrupted; {:?} is complete as far as it goes: {} frames", request.video, ended.rendered),
        ));
    }
    let wrong = problems(&expected(request, &ended, plan.audio_codec)?, &found);
    if !wrong.is_empty() {
        return Err(Failure::new(
            Stage::Io,
            format!("{:?} was written, but {}; please report this", request.video, wrong.join(", and ")),
        ));
    }
    Ok(ended)
}

fn request(args: &Export) -> Result<Request, Failure> {
    Ok(Request {
        audio: args.audio.clone(),
        video: args.video.clone().unwrap_or_else(|| default_video(&args.audio)),
        size: args.look.size,
        fps: args.look.fps,
        scene: looks::scene(&args.look)?.into(),
        seed: args.look.seed,
        look: looks::properties(&args.look)?,
        codec: args.codec,
        audio_codec: args.audio_codec,
        overwrite: args.overwrite,
    })
}

fn plan_failure(error: PlanError) -> Failure {
    let stage = match error {
        PlanError::NoEncoder(_) | PlanError::NoElement { .. } => Stage::MissingPlugin,
        _ => Stage::Usage,
    };
    Failure::new(stage, error.to_string())
}

/// Whether two paths lead to one file, whatever they are called. One that is not there is no other's.
pub fn is_same_file(a: &Path, b: &Path) -> bool {
    let id = |path: &Path| std::fs::metadata(path).ok().map(|data| (data.dev(), data.ino()));
    id(a).is_some_and(|a| id(b) == Some(a))
}

/// Comments for people and one line for the shell.
fn print_dry_run(request: &Request, plan: &Plan, facts: &AudioFacts, tokens: &[String], plugin_is_installed: bool) {
    let (n, d) = request.fps;
    let frames = facts.duration.and_then(|duration| {
        let grid = FrameGrid::new(1_000_000_000, n, d).ok()?;
        Some(format!("about {} frames, ", grid.frame_count(duration.nseconds())))
    });
    say(format_args!(
        "# {} Hz, {} channels → {}{}×{} at {n}/{d} frames a second, {} and {} in .{}",
        facts.rate,
        facts.channels,
        frames.unwrap_or_default(),
        request.size.0,
        request.size.1,
        plan.codec,
        plan.audio_codec,
        plan.container.extension()
    ));
    // GStreamer's own parser cuts what LAME has tagged.
    let left_to_us = |found: &Gapless| found.skipped_by == SkippedBy::Taker { lame: false };
    if let Some(found) = facts.gapless.filter(left_to_us).filter(|_| plan.audio_codec != AudioCodec::None) {
        say(format_args!(
            "# the MP3 begins with {} ms of silence from its encoder; the command cuts it off the sound too, for which gst-launch-1.0 has no element",
            found.skip * 1000 / u64::from(found.rate)
        ));
    }
    let quoted = tokens.iter().map(|word| match word.as_str() {
        "!" => "!".into(),
        word => shell_quote(word),
    });
    let line = quoted.collect::<Vec<_>>().join(" ");
    match registry::plugin_folder().filter(|_| !plugin_is_installed) {
        Some(folder) => {
            say(format_args!("GST_PLUGIN_PATH={} gst-launch-1.0 -e {line}", shell_quote(&folder.to_string_lossy())))
        }
        None => {
            if !plugin_is_installed {
                say(format_args!(
                    "# gst-launch-1.0 finds the steady elements when GST_PLUGIN_PATH names the folder of libgststeady.so"
                ));
            }
            say(format_args!("gst-launch-1.0 -e {line}"));
        }
    }
}

pub fn shell_quote(word: &str) -> String {
    // Plainer than shlex, which quotes every equals sign.
    if word.chars().all(|c| c.is_ascii_alphanumeric() || "/._:+-,=".contains(c)) {
        return word.to_owned();
    }
    // A NUL cannot be in a path that was opened.
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into)
}

fn expected(request: &Request, ended: &Ended, audio: AudioCodec) -> Result<Expected, Failure> {
    let internal = |what: &dyn std::fmt::Display| Failure::new(Stage::Internal, format!("no frame grid: {what}"));
    let grid = FrameGrid::new(ended.rate, request.fps.0, request.fps.1).map_err(|e| internal(&e))?;
    let frames = grid.frame_count(ended.samples);
    let audio_duration = (u128::from(ended.samples) * 1_000_000_000 / u128::from(ended.rate)) as Nanos;
    Ok(Expected {
        frames,
        video_duration: grid.pts(frames),
        size: request.size,
        audio_duration: (audio != AudioCodec::None).then_some(audio_duration),
    })
}
