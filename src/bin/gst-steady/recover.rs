//! `gst-steady recover`: lists what interrupted recordings have left, and finishes, repairs or deletes it.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gststeady::logic::recording::recover::{FindError, Found, Outcome, Unfinished, find, reason};

use super::failure::{Failure, Stage};
use super::leftovers::{as_json, line};
use super::look::{Verdict, look_at_all};
use super::out::{Out, printable, tell};
use super::remux::remux;
use super::{interrupt, registry};

/// The arguments of `recover`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --finish, --remux or --delete it only lists. Recordings that are being written are never touched.

Examples:
  gst-steady recover /var/recordings
  gst-steady recover --older-than 1h --finish /var/recordings
  gst-steady recover --remux talk.recording.mp4

Exit codes: 0 done, or nothing there; 64 usage; 65 a file that is not an unfinished recording; 66 something could not
be looked at; 69 missing plugin; 74 something could not be dealt with; 130 interrupted")]
pub struct Args {
    /// Folders to look in, or unfinished recordings [default: the current folder]
    pub paths: Vec<PathBuf>,

    /// Give each one that plays its final name, unless that is taken
    #[arg(long, conflicts_with = "delete")]
    pub finish: bool,

    /// With --finish, also those that do not play
    #[arg(long, requires = "finish")]
    pub as_is: bool,

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

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    registry::init()?;
    let Found { unfinished, unseen } = find_all(args)?;
    let verdicts = judge(&unfinished);
    let mut out = Out::default();
    if !args.json {
        for (one, verdict) in unfinished.iter().zip(&verdicts) {
            out.line(&line(one, verdict.as_ref()))?;
        }
    }
    for (path, error) in &unseen {
        tell(format_args!("gst-steady: {} cannot be looked at: {}", printable(path), reason(error)));
    }
    let acts = args.finish || args.remux || args.delete;
    if args.delete && !args.yes && !unfinished.is_empty() && !confirmed(&unfinished, &verdicts, &mut out)? {
        return out.line("Nothing was deleted.");
    }
    if args.remux {
        interrupt::watch()?;
    }
    let mut results = Vec::new();
    let mut failures = 0;
    for (one, verdict) in unfinished.iter().zip(&verdicts) {
        let (result, good) = if acts { act(args, one, verdict.as_ref()) } else { (String::new(), true) };
        failures += usize::from(!good);
        if !args.json && !result.is_empty() {
            out.line(&format!("{}: {result}", printable(&one.path)))?;
        }
        results.push(as_json(one, verdict.as_ref(), &result));
        if args.remux && interrupt::count() > 0 {
            return Err(Failure::new(Stage::Interrupted, "interrupted; what was not repaired is as it was"));
        }
    }
    if args.json {
        out.line(&format!("{:#}", serde_json::Value::Array(results)))?;
    } else if unfinished.is_empty() && unseen.is_empty() {
        out.line(if args.older_than.is_zero() {
            "No unfinished recordings."
        } else {
            "No unfinished recordings that old."
        })?;
    } else if !acts {
        out.line(
            "Nothing was changed. --finish gives each that plays its name, --remux copies what plays into a new file, --delete \
             removes.",
        )?;
    }
    if failures > 0 {
        let of = unfinished.len();
        let text = format!("{failures} of {of} could not be dealt with, for the reasons given; they are as they were");
        return Err(Failure::new(Stage::Io, text));
    }
    let unjudged = verdicts.iter().filter(|v| matches!(v, Some(Verdict::Unknown(_)))).count() + unseen.len();
    match unjudged {
        0 => Ok(()),
        _ if acts && unseen.is_empty() => Ok(()),
        n => Err(Failure::new(Stage::NoInput, format!("{n} could not be looked at, for the reasons given"))),
    }
}

/// Everything at the paths that were named, each file once. Nothing is done when one of them makes no sense.
fn find_all(args: &Args) -> Result<Found, Failure> {
    let default = [PathBuf::from(".")];
    let paths = if args.paths.is_empty() { &default[..] } else { &args.paths };
    let mut all = Found::default();
    let mut seen = HashSet::new();
    for path in paths {
        let found = find(path, SystemTime::now()).map_err(|error| not_found(path, &error))?;
        let wanted = |one: &Unfinished| one.age >= args.older_than || one.locked;
        all.unfinished.extend(found.unfinished.into_iter().filter(|one| wanted(one) && seen.insert(one.id)));
        all.unseen.extend(found.unseen);
    }
    Ok(all)
}

fn not_found(path: &Path, error: &FindError) -> Failure {
    let shown = printable(path);
    match error {
        FindError::Io(error) => {
            let why = reason(error);
            let text =
                format!("cannot look at {shown}: {why}; name a folder with recordings, or an unfinished recording");
            Failure::new(Stage::NoInput, text)
        }
        FindError::NotUnfinished => {
            let text = format!(
                "{shown} is not an unfinished recording; those are files called NAME.recording.EXT or \
                 NAME.recording-YYYYMMDDThhmmssZ.EXT"
            );
            Failure::new(Stage::BadInput, text)
        }
    }
}

/// What can be told of each; nothing of those that are being written.
fn judge(unfinished: &[Unfinished]) -> Vec<Option<Verdict>> {
    let still: Vec<&Path> = unfinished.iter().filter(|one| !one.locked).map(|one| one.path.as_path()).collect();
    let mut verdicts = look_at_all(&still).into_iter();
    unfinished.iter().map(|one| if one.locked { None } else { verdicts.next() }).collect()
}

/// Does what was asked for with one, and says what became of it and whether that was good.
fn act(args: &Args, one: &Unfinished, verdict: Option<&Verdict>) -> (String, bool) {
    let Some(verdict) = verdict else { return describe(&Outcome::Locked, one) };
    if args.finish && !args.as_is && !one.is_target && one.bytes > 0 {
        let why = match verdict {
            Verdict::Plays { .. } => None,
            Verdict::DoesNotPlay(_) => Some("it does not play".to_owned()),
            Verdict::Unknown(why) => Some(format!("whether it plays is not known ({why})")),
        };
        if let Some(why) = why {
            return (format!("left alone: {why}; --as-is gives it its name all the same"), false);
        }
    }
    let held = match one.hold(SystemTime::now()) {
        Ok(held) => held,
        Err(outcome) => return describe(&outcome, one),
    };
    if args.remux {
        return match remux(&one.path, &one.target) {
            Ok((path, read)) => (format!("repaired into {}{}", printable(&path), share(read, one.bytes, &path)), true),
            Err(error) => (format!("not repaired: {error}"), false),
        };
    }
    describe(&if args.finish { held.finish() } else { held.delete() }, one)
}

/// How much of a file was read, where that is clearly less than all of it: behind a tear, or between what no index names.
fn share(read: u64, bytes: u64, repaired: &Path) -> String {
    // Transport streams are padded; with little sound in them, more than half of one is no data.
    let padded = repaired.extension().is_some_and(|e| e == "ts" || e == "m2ts");
    match read * 100 < bytes * if padded { 40 } else { 90 } {
        true => format!(", which holds {} of its {} KiB", read >> 10, bytes >> 10),
        false => String::new(),
    }
}

fn describe(outcome: &Outcome, one: &Unfinished) -> (String, bool) {
    let target = printable(&one.target);
    match outcome {
        Outcome::Finished => (format!("is now {target}"), true),
        Outcome::ExtraNameRemoved => (format!("was {target} already; the extra name is gone"), true),
        Outcome::Deleted => ("deleted".into(), true),
        Outcome::Locked => ("left alone: it is being written".into(), true),
        Outcome::PerhapsWritten => {
            let why = "it changed within the last minute, and there are no locks here that would tell whether it is being written";
            (format!("left alone: {why}"), true)
        }
        Outcome::Empty => ("left alone: it is empty".into(), true),
        Outcome::TargetExists => (format!("left alone: {target} exists; rename one of the two"), false),
        Outcome::Changed => ("left alone: it is not what it was a moment ago; look again".into(), false),
        Outcome::Failed(why) => (why.clone(), false),
    }
}

/// Asks, naming what plays.
fn confirmed(unfinished: &[Unfinished], verdicts: &[Option<Verdict>], out: &mut Out) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(Stage::Usage, "nothing is deleted without --yes when nobody can be asked"));
    }
    for (one, verdict) in unfinished.iter().zip(verdicts) {
        match verdict {
            Some(Verdict::Plays { .. }) => out.line(&format!("This one plays: {}", printable(&one.path)))?,
            Some(Verdict::Unknown(_)) => out.line(&format!("This one may play: {}", printable(&one.path)))?,
            _ => {}
        }
    }
    let count = verdicts.iter().flatten().count();
    out.write(&format!("Delete {count} unfinished recordings for good? Type yes: "))?;
    // Nobody has seen the question.
    if out.closed {
        return Ok(false);
    }
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|e| Failure::new(Stage::Io, e.to_string()))?;
    Ok(answer.trim() == "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_much_of_a_file_was_read_is_told_where_it_is_clearly_less_than_all() {
        let of = |name: &str, read: u64| share(read << 10, 1000 << 10, Path::new(name));
        assert_eq!(of("a.avi", 950), "");
        assert_eq!(of("a.avi", 899), ", which holds 899 of its 1000 KiB");
        assert_eq!((of("a.ts", 450), of("a.ts", 399)), (String::new(), ", which holds 399 of its 1000 KiB".into()));
    }
}
