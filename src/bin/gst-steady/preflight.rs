//! Looks at the audio before anything is built, so that a bad file costs a sentence and not a half-made video.

use std::fs;
use std::path::Path;

use gst_pbutils::prelude::*;

use gststeady::logic::audio::gapless::{self, Gapless};

use super::failure::{Failure, Stage};

/// Long enough for a file on a sleeping network disk.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(30);

/// The facts about an audio file that an export needs.
#[derive(Debug, Clone, Copy)]
pub struct AudioFacts {
    pub rate: u32,
    pub channels: u32,
    /// As its container says; the decoder has the last word.
    pub duration: Option<gst::ClockTime>,
    /// Whether the container states the exact length, so that a shorter stream means a truncated file.
    pub length_is_exact: bool,
    /// Which samples were encoded, where the file says so.
    pub gapless: Option<Gapless>,
}

/// `decodebin`, which looks into the file, now and then comes to a halt without a word; a second one need not.
const PATIENCE_AT_FIRST: [gst::ClockTime; 2] = [gst::ClockTime::from_seconds(3), gst::ClockTime::from_seconds(6)];

fn discover(path: &Path, uri: &str) -> Result<gst_pbutils::DiscovererInfo, Failure> {
    let look = |patience| {
        let discoverer = gst_pbutils::Discoverer::new(patience).map_err(|e| {
            Failure::new(
                Stage::MissingPlugin,
                format!("cannot look into files: {e}; install the package gstreamer1.0-plugins-base"),
            )
        })?;
        discoverer.discover_uri(uri).map_err(|_| undecodable(path))
    };
    for patience in PATIENCE_AT_FIRST {
        match look(patience) {
            Ok(info) if info.result() == gst_pbutils::DiscovererResult::Timeout => {}
            looked => return looked,
        }
    }
    look(PATIENCE)
}

/// Makes sure that `path` is a file with audio that can be decoded here.
pub fn inspect(path: &Path) -> Result<AudioFacts, Failure> {
    readable(path)?;
    let absolute = fs::canonicalize(path).map_err(|e| no_input(path, &e))?;
    let uri = gst::glib::filename_to_uri(&absolute, None).map_err(|e| {
        Failure::new(Stage::NoInput, format!("{path:?} has a name that cannot be written as a URI: {e}"))
    })?;
    let info = discover(path, &uri)?;
    match info.result() {
        gst_pbutils::DiscovererResult::Ok => {}
        gst_pbutils::DiscovererResult::MissingPlugins => {
            // The sound is enough: a video decoder that is missing for a picture in the file does not matter.
            if info.audio_streams().is_empty() {
                return Err(missing_decoder(path));
            }
        }
        gst_pbutils::DiscovererResult::Timeout => {
            return Err(Failure::new(
                Stage::TryAgain,
                format!("{path:?} could not be looked at within {PATIENCE:.0}; is its disk reachable?"),
            ));
        }
        _ => return Err(undecodable(path)),
    }
    let Some(audio) = info.audio_streams().into_iter().next() else {
        return Err(Failure::new(
            Stage::BadInput,
            format!("{path:?} has no audio stream, so there is nothing to draw; choose a file with sound"),
        ));
    };
    let in_container = info.stream_info().is_some_and(|stream| stream.is::<gst_pbutils::DiscovererContainerInfo>());
    let flac = audio.caps().is_some_and(|caps| caps.structure(0).is_some_and(|s| s.name() == "audio/x-flac"));
    // A file that cannot be read now will fail in the renderer, with the reason.
    let gapless = fs::File::open(path).and_then(|mut file| gapless::find(&mut file)).ok().flatten();
    Ok(AudioFacts {
        gapless: gapless.filter(|found| found.rate == audio.sample_rate()),
        rate: audio.sample_rate(),
        channels: audio.channels(),
        duration: info.duration(),
        // In a container the length includes what comes before the sound.
        length_is_exact: flac && !in_container,
    })
}

fn readable(path: &Path) -> Result<(), Failure> {
    let file = fs::File::open(path).map_err(|e| no_input(path, &e))?;
    let meta = file.metadata().map_err(|e| no_input(path, &e))?;
    if meta.is_dir() {
        return Err(Failure::new(Stage::NoInput, format!("{path:?} is a folder; name one audio file in it")));
    }
    if meta.len() == 0 {
        return Err(Failure::new(Stage::BadInput, format!("{path:?} is empty; copy or record it again")));
    }
    Ok(())
}

fn no_input(path: &Path, error: &std::io::Error) -> Failure {
    let remedy = match error.kind() {
        std::io::ErrorKind::NotFound => "check its name and folder",
        std::io::ErrorKind::PermissionDenied => "you may not read it; change its permissions",
        _ => "check the disk it is on",
    };
    let reason = match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    };
    Failure::new(Stage::NoInput, format!("cannot read {path:?}: {reason}; {remedy}"))
}

fn undecodable(path: &Path) -> Failure {
    Failure::new(
        Stage::BadInput,
        format!(
            "{path:?} is not audio that GStreamer can decode, or it is damaged; try to play it, or convert it to FLAC or WAV"
        ),
    )
}

fn missing_decoder(path: &Path) -> Failure {
    Failure::new(
        Stage::MissingPlugin,
        format!(
            "no installed GStreamer plugin decodes {path:?}; install the packages gstreamer1.0-plugins-bad and gstreamer1.0-libav"
        ),
    )
}
