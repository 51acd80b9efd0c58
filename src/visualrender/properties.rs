//! The properties of `visualrender`.

use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;

use super::audio_source::AudioSource;
use super::caching::Caching;
use super::failure::Failure;
use super::switching::{Switch, Switching, Transition};
use crate::glue::analysis::{Analysis, Normalize};
use crate::glue::look::LookSettings;
use crate::logic::audio::options::Options;
use crate::logic::frame_grid;
use crate::logic::render::scenes::SceneInfo;

/// The property values.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) audio: AudioSource,
    pub(super) timeline: Option<String>,
    pub(super) jsonl: Option<String>,
    pub(super) analysis: Analysis,
    pub(super) normalize: Normalize,
    pub(super) look: LookSettings,
    pub(super) range: Range,
    pub(super) tail: Tail,
    pub(super) beats: Option<String>,
    pub(super) switching: Switching,
    pub(super) caching: Caching,
}

/// Whether a last frame that the audio does not fill is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstVisualRenderTail")]
pub(super) enum Tail {
    #[default]
    #[enum_value(name = "Ceil: it is shown, so that no sound is without a picture", nick = "ceil")]
    Ceil,
    #[enum_value(name = "Floor: it is left out, so that no picture is without a sound", nick = "floor")]
    Floor,
}

impl From<Tail> for frame_grid::Tail {
    fn from(tail: Tail) -> Self {
        match tail {
            Tail::Ceil => Self::Ceil,
            Tail::Floor => Self::Floor,
        }
    }
}

/// Which frames of the video are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start: u64,
    /// Not included.
    pub(super) stop: u64,
}

impl Default for Range {
    fn default() -> Self {
        Self { start: 0, stop: u64::MAX }
    }
}

impl Range {
    /// The frames in it of a video of `count` frames.
    pub(super) fn of(self, count: u64) -> std::ops::Range<u64> {
        let stop = self.stop.min(count);
        self.start.min(stop)..stop
    }
}

impl Settings {
    /// How many frames there are of silence, where there is neither audio nor a timeline.
    pub(super) fn silent_frames(&self, num_buffers: Option<u64>) -> Result<u64, Failure> {
        num_buffers.map(|count| self.range.start.saturating_add(count)).ok_or(Failure::NoLocation)
    }

    /// The scenes that are asked for, in order.
    pub(super) fn scenes(&self) -> Result<Vec<&'static SceneInfo>, Failure> {
        self.switching.scenes(self.look.scene().map_err(Failure::Look)?)
    }

    /// How the audio is analysed.
    pub(super) fn options(&self) -> Options {
        Options { analysis: self.analysis.into(), normalize: self.normalize.into() }
    }

    /// Sets the property called `name`, which is one of [`PROPERTIES`] and writable.
    pub(super) fn set(&mut self, name: &str, value: &glib::Value) {
        let text = || value.get::<Option<String>>().ok().flatten();
        match name {
            "audio-location" => self.audio = text().map_or(AudioSource::Unset, AudioSource::Location),
            "audio-uri" => self.audio = text().map_or(AudioSource::Unset, AudioSource::Uri),
            "timeline-location" => self.timeline = text(),
            "jsonl-location" => self.jsonl = text(),
            "start-frame" => self.range.start = value.get().unwrap_or_default(),
            "stop-frame" => self.range.stop = value.get().unwrap_or(u64::MAX),
            "tail" => self.tail = value.get().unwrap_or_default(),
            "beats-location" => self.beats = text(),
            "analysis" => self.analysis = value.get().unwrap_or_default(),
            "normalize" => self.normalize = value.get().unwrap_or_default(),
            "switch" => self.switching.on = value.get().unwrap_or_default(),
            "scenes" => self.switching.scenes = text(),
            "transition" => self.switching.transition = value.get().unwrap_or_default(),
            "switch-every" => self.switching.every = value.get().unwrap_or_default(),
            _ if self.look.set(name, value) || self.caching.set(name, value) => {}
            _ => unreachable!("property {name} is not in the list of writable ones"),
        }
    }

    /// The value of a writable property.
    pub(super) fn get(&self, name: &str) -> glib::Value {
        match name {
            "audio-location" => match &self.audio {
                AudioSource::Location(path) => Some(path.as_str()).to_value(),
                _ => None::<&str>.to_value(),
            },
            "audio-uri" => match &self.audio {
                AudioSource::Uri(uri) => Some(uri.as_str()).to_value(),
                _ => None::<&str>.to_value(),
            },
            "timeline-location" => self.timeline.to_value(),
            "jsonl-location" => self.jsonl.to_value(),
            "start-frame" => self.range.start.to_value(),
            "stop-frame" => self.range.stop.to_value(),
            "tail" => self.tail.to_value(),
            "beats-location" => self.beats.to_value(),
            "analysis" => self.analysis.to_value(),
            "normalize" => self.normalize.to_value(),
            "switch" => self.switching.on.to_value(),
            "scenes" => self.switching.scenes.to_value(),
            "switch-every" => self.switching.every.to_value(),
            "transition" => self.switching.transition.to_value(),
            _ => self
                .look
                .get(name)
                .or_else(|| self.caching.get(name))
                .unwrap_or_else(|| unreachable!("property {name} is not in the list of writable ones")),
        }
    }
}

/// Every property of the element.
pub(super) static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
    let defaults = Range::default();
    let mut properties = vec![
        glib::ParamSpecString::builder("audio-location")
            .nick("Audio Location")
            .blurb("Path of the audio file to draw: anything GStreamer decodes; setting it unsets audio-uri")
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("audio-uri")
            .nick("Audio URI")
            .blurb("URI of the audio to draw; setting it unsets audio-location")
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("timeline-location")
            .nick("Timeline Location")
            .blurb("Path of a timeline to draw from instead of analysing audio; where there is no file yet, the audio is analysed and its timeline written there (NULL = keep no timeline)")
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("jsonl-location")
            .nick("JSON Lines Location")
            .blurb("Path to which the timeline is written as text for other programs, a JSON object per frame (NULL = it is not); only a file of this kind is replaced")
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt64::builder("start-frame")
            .nick("Start Frame")
            .blurb("The first of the frames that are wanted, counted from 0; it keeps its time stamp")
            .default_value(defaults.start)
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt64::builder("stop-frame")
            .nick("Stop Frame")
            .blurb("The first of the frames after those that are wanted (18446744073709551615 = all frames to the end)")
            .default_value(defaults.stop)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<Tail>("tail")
            .nick("Tail")
            .blurb("What becomes of a last frame that the audio does not fill")
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("beats-location")
            .nick("Beats Location")
            .blurb("Path of a text with the time of each beat in seconds, one a line, in place of the beats that are found; a whole number at the end of a line is its place in the bar (NULL = find them)")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<Analysis>("analysis")
            .nick("Analysis")
            .blurb("What may be known of the audio when a moment of it is drawn; a timeline that is read keeps what it was made with")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<Normalize>("normalize")
            .nick("Normalize")
            .blurb("What is drawn at full height; a timeline that is read keeps what it was made with")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<Switch>("switch")
            .nick("Switch")
            .blurb("When it cuts from one of the scenes to the next, at most once a second; without a beat, beat and bar are as energy, and without sections that is as time")
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("scenes")
            .nick("Scenes")
            .blurb("The scenes to switch between, by name or by index, with commas between them; after the last one the first comes again (NULL or empty = all, from scene on)")
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("switch-every")
            .nick("Switch Every")
            .blurb("Beats, bars, sections or seconds from cut to cut (0 = 8 beats, 4 bars, 1 section or 10 seconds)")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<Transition>("transition")
            .nick("Transition")
            .blurb("How one scene becomes the next where it switches; it begins at the cut")
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt64::builder("frame-count")
            .nick("Frame Count")
            .blurb("Frames in the whole video (0 = not known before the audio has been analysed)")
            .read_only()
            .build(),
        glib::ParamSpecString::builder("timeline-digest")
            .nick("Timeline Digest")
            .blurb("BLAKE3 of the analysed audio, in hexadecimal: equal digests give equal pictures (NULL = not analysed yet)")
            .read_only()
            .build(),
        glib::ParamSpecDouble::builder("tempo")
            .nick("Tempo")
            .blurb("Tempo of the audio in beats per minute, BPM (0 = no steady beat, or not analysed yet)")
            .minimum(0.0)
            .read_only()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
            .nick("Statistics")
            .blurb("frames (shown so far), render-time (processor time of all threads) and analysis-time (ns), and of the audio: rate (Hz), channels, samples, beats, beat-confidence (0 to 1), loudness (LUFS; absent in silence)")
            .read_only()
            .build(),
    ];
    properties.extend(LookSettings::properties());
    properties.extend(Caching::properties());
    properties
});
