//! Judges whether a file plays, by reading it up to the first data of a stream.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gststeady::logic::recording::recover::unreadable;
use rustix::process::{Resource, getrlimit};

use super::boxes::Boxes;
use super::reading::{Reading, is_media, leads_elsewhere, media_type};

/// How long one file may take. Most take milliseconds; a disk may have to wake up first.
const PATIENCE: Duration = Duration::from_secs(15);
/// Descriptors that one look may have open at the same time: the file, and what GStreamer's bus and clocks wait on.
const DESCRIPTORS: u64 = 16;
/// More than one a core does not help much, and each has its own memory.
const MOST_AT_ONCE: usize = 8;
/// How often it is looked whether anything may still come, and how many looks must agree.
const LOOK: Duration = Duration::from_millis(200);
const LOOKS: u32 = 3;
/// Between so many bits a second, on average, a duration may be true. Beyond them it is what a header was filled with for the time being.
const BELIEVABLE: std::ops::RangeInclusive<u128> = 100..=20_000_000_000;

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There are streams in it, with data.
    Plays { container: Option<String>, duration: Option<gst::ClockTime> },
    /// It holds nothing that plays, and why.
    DoesNotPlay(String),
    /// It could not be judged, and why.
    Unknown(String),
}

/// What the streaming threads have to tell.
enum Event {
    Stream(String, bool),
    Data(gst::Pad),
    End,
    NoMore,
    Failed(Verdict),
}

/// Judges all of them, several at once where descriptors and cores allow. In the order of `paths`.
pub fn look_at_all(paths: &[&Path]) -> Vec<Verdict> {
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(vec![None; paths.len()]);
    std::thread::scope(|scope| {
        for _ in 0..at_once().min(paths.len()) {
            scope.spawn(|| {
                while let Some((n, path)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|n| Some((n, paths.get(n)?)))
                {
                    let verdict = look_at(path);
                    verdicts.lock().unwrap_or_else(PoisonError::into_inner)[n] = Some(verdict);
                }
            });
        }
    });
    let verdicts = verdicts.into_inner().unwrap_or_else(PoisonError::into_inner);
    verdicts.into_iter().map(|v| v.unwrap_or_else(|| Verdict::Unknown("not looked at".into()))).collect()
}

fn at_once() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let open = std::fs::read_dir("/proc/self/fd").map_or(16, |entries| entries.count() as u64);
    let free = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX).saturating_sub(open);
    // One share stays unused, for whatever else the process opens.
    let affordable = usize::try_from(free / DESCRIPTORS).unwrap_or(usize::MAX).saturating_sub(1);
    cores.min(MOST_AT_ONCE).min(affordable).max(1)
}

/// Judges one.
pub fn look_at(path: &Path) -> Verdict {
    // Says more exactly what is wrong than the element would.
    if let Some(why) = unreadable(path) {
        return Verdict::Unknown(format!("not readable: {why}"));
    }
    if path.metadata().is_ok_and(|m| m.len() == 0) {
        return Verdict::DoesNotPlay("it is empty".into());
    }
    // Before the file is opened for the rest, so that it is open once.
    let in_pieces = Boxes::of(path).fragmented;
    match Reading::new(path) {
        Ok(reading) => first_data(&reading, path, in_pieces),
        Err(why) => Verdict::Unknown(why),
    }
}

/// `in_pieces` says that no length which the demuxer tells is to be believed: it is that of the pieces of the index which it happens to
/// have read.
fn first_data(reading: &Reading, path: &Path, in_pieces: bool) -> Verdict {
    let (sender, events) = mpsc::channel();
    listen(reading, &sender, true);
    if reading.pipeline.set_state(gst::State::Paused).is_err() {
        // The error that says why is among the events already, if there is one.
        let _ = sender.send(Event::Failed(Verdict::Unknown("it cannot be read".into())));
    }
    let deadline = Instant::now() + PATIENCE;
    let (mut streams, mut others, mut ended, mut other, mut complete, mut at_rest) = (0, 0, 0, None, false, 0);
    loop {
        match events.recv_timeout(LOOK) {
            Ok(Event::Stream(_, true)) => streams += 1,
            Ok(Event::Stream(kind, false)) => {
                others += 1;
                other = other.or(Some(kind));
            }
            Ok(Event::Data(_)) => {
                let duration = if in_pieces { None } else { duration(reading, path) };
                return Verdict::Plays { container: reading.container(), duration };
            }
            Ok(Event::End) => ended += 1,
            Ok(Event::NoMore) => complete = true,
            Ok(Event::Failed(verdict)) => return verdict,
            Err(_) => at_rest = if reading.is_at_rest() { at_rest + 1 } else { 0 },
        }
        if at_rest >= LOOKS {
            return Verdict::DoesNotPlay("no stream comes out of it".into());
        }
        if Instant::now() >= deadline {
            return Verdict::Unknown(format!("reading it takes longer than {} s", PATIENCE.as_secs()));
        }
        if streams == 0 && (complete || ended > 0) {
            let kind = other.unwrap_or_else(|| "nothing known".to_owned());
            return Verdict::DoesNotPlay(format!("it holds {kind} and nothing else"));
        }
        if ended > 0 && ended >= streams + others {
            return Verdict::DoesNotPlay("its streams are empty".into());
        }
    }
}

/// How long it is, where it tells. Streams of one file tell different lengths, and the longest is that of the file, whichever gave
/// data first.
fn duration(reading: &Reading, path: &Path) -> Option<gst::ClockTime> {
    let longest = reading.parse.src_pads().iter().filter_map(|pad| pad.query_duration::<gst::ClockTime>()).max()?;
    let bytes = path.metadata().map_or(0, |m| m.len());
    Some(longest).filter(|&longest| believable(longest, bytes))
}

/// Those of `wanted`, by media type, that a file has no stream with data of.
pub fn missing_streams(path: &Path, mut wanted: Vec<String>) -> Vec<String> {
    let Ok(reading) = Reading::new(path) else { return wanted };
    let (sender, events) = mpsc::channel();
    listen(&reading, &sender, false);
    if reading.pipeline.set_state(gst::State::Paused).is_err() {
        return wanted;
    }
    let mut moved = Instant::now();
    let (mut streams, mut ended, mut at_rest, mut met) = (0, 0, 0, HashSet::new());
    while !wanted.is_empty() && at_rest < LOOKS {
        let event = events.recv_timeout(LOOK);
        if event.is_ok() {
            moved = Instant::now();
        }
        match event {
            Ok(Event::Stream(..)) => streams += 1,
            Ok(Event::Data(pad)) if met.insert(pad.name()) => {
                let kind = pad.current_caps().as_deref().map(media_type).unwrap_or_default().to_owned();
                if let Some(at) = wanted.iter().position(|w| *w == kind) {
                    wanted.swap_remove(at);
                }
            }
            Ok(Event::Data(_) | Event::NoMore) => {}
            Ok(Event::End) => {
                ended += 1;
                if ended >= streams {
                    break;
                }
            }
            Err(_) if moved.elapsed() < PATIENCE => at_rest = if reading.is_at_rest() { at_rest + 1 } else { 0 },
            Ok(Event::Failed(_)) | Err(_) => break,
        }
    }
    wanted
}

/// Tells of what comes out. With `hold`, the first data stops what brought it: what follows is not needed, and a demuxer that goes
/// on in a torn file may do anything.
fn listen(reading: &Reading, sender: &Sender<Event>, hold: bool) {
    let to_pads = sender.clone();
    reading.parse.connect_pad_added(move |_, pad| {
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let kind = media_type(&caps).to_owned();
        let media = is_media(&kind) && !leads_elsewhere(&caps);
        // Nobody listens any more once the verdict is there.
        let _ = to_pads.send(Event::Stream(kind, media));
        let sender = to_pads.clone();
        let hold = hold && media;
        let mut mask = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST | gst::PadProbeType::EVENT_DOWNSTREAM;
        if hold {
            mask |= gst::PadProbeType::BLOCK;
        }
        pad.add_probe(mask, move |pad, info| {
            match &info.data {
                Some(gst::PadProbeData::Event(event)) => {
                    if event.type_() == gst::EventType::Eos {
                        let _ = sender.send(Event::End);
                    }
                    return if hold { gst::PadProbeReturn::Pass } else { gst::PadProbeReturn::Ok };
                }
                _ if media => drop(sender.send(Event::Data(pad.clone()))),
                _ => {}
            }
            // The pad leads nowhere.
            if hold { gst::PadProbeReturn::Ok } else { gst::PadProbeReturn::Drop }
        });
    });
    let to_end = sender.clone();
    reading.parse.connect_no_more_pads(move |_| {
        let _ = to_end.send(Event::NoMore);
    });
    let Some(bus) = reading.pipeline.bus() else { return };
    let to_bus = Mutex::new(sender.clone());
    bus.set_sync_handler(move |_, message| {
        if let gst::MessageView::Error(error) = message.view() {
            let _ = to_bus.lock().unwrap_or_else(PoisonError::into_inner).send(Event::Failed(failure(&error.error())));
        }
        gst::BusSyncReply::Drop
    });
}

/// Tells a file that holds nothing from one that could not be read.
fn failure(error: &gst::glib::Error) -> Verdict {
    let why = error.message().trim_end_matches('.').to_owned();
    let unread = error.kind::<gst::ResourceError>().is_some();
    let missing = error.matches(gst::CoreError::MissingPlugin) || error.matches(gst::StreamError::CodecNotFound);
    if unread || missing { Verdict::Unknown(why) } else { Verdict::DoesNotPlay(why) }
}

/// Headers of unfinished files may say anything, and zero is what demuxers say of fragmented files without an index.
fn believable(duration: gst::ClockTime, bytes: u64) -> bool {
    let bits = u128::from(bytes) * 8 * 1_000_000_000;
    !duration.is_zero() && BELIEVABLE.contains(&(bits / u128::from(duration.nseconds())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_that_the_bytes_cannot_fill_is_not_believed() {
        assert!(believable(gst::ClockTime::from_seconds(3600), 1 << 20));
        assert!(!believable(gst::ClockTime::from_seconds(86_400), 60_000));
        assert!(!believable(gst::ClockTime::ZERO, 60_000));
        assert!(!believable(gst::ClockTime::from_mseconds(2), 8_000_000));
    }
}
