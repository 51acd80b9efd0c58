//! `visualscope` between two pads of the test, with small pictures.

use gst::prelude::*;

use crate::common::audio::Delivered;
use crate::common::pads::{Between, Out};

/// Audio of one format that goes in buffer by buffer.
#[derive(Debug, Clone)]
pub struct Audio {
    pub rate: u32,
    pub channels: u32,
    /// Interleaved.
    pub samples: Samples,
}

#[derive(Debug, Clone)]
pub enum Samples {
    S16(Vec<i16>),
    F32(Vec<f32>),
}

impl Audio {
    pub fn s16(rate: u32, channels: u32, samples: Vec<i16>) -> Self {
        Self { rate, channels, samples: Samples::S16(samples) }
    }

    pub fn f32(rate: u32, channels: u32, samples: Vec<f32>) -> Self {
        Self { rate, channels, samples: Samples::F32(samples) }
    }

    /// [`tune`](crate::common::audio::tune) in stereo.
    pub fn tune(rate: u32, count: usize) -> Self {
        Self::s16(rate, 2, crate::common::audio::tune(rate, count))
    }

    pub fn caps(&self) -> gst::Caps {
        let format = match self.samples {
            Samples::S16(_) => "S16LE",
            Samples::F32(_) => "F32LE",
        };
        let caps = gst::Caps::builder("audio/x-raw")
            .field("format", format)
            .field("layout", "interleaved")
            .field("rate", self.rate as i32)
            .field("channels", self.channels as i32);
        let mask = (self.channels > 2).then(|| gst::Bitmask::new(0));
        caps.field_if_some("channel-mask", mask).build()
    }

    fn bytes(&self) -> Vec<u8> {
        match &self.samples {
            Samples::S16(samples) => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
            Samples::F32(samples) => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
        }
    }

    /// Samples per channel.
    pub fn len(&self) -> u64 {
        let samples = match &self.samples {
            Samples::S16(samples) => samples.len(),
            Samples::F32(samples) => samples.len(),
        };
        samples as u64 / u64::from(self.channels)
    }

    /// The time of a sample in ns.
    pub fn time(&self, sample: u64) -> gst::ClockTime {
        gst::ClockTime::from_nseconds((u128::from(sample) * 1_000_000_000 / u128::from(self.rate)) as u64)
    }

    /// Buffers of `size` samples, the first of them at sample `first` of the stream.
    pub fn buffers(&self, size: usize, first: u64) -> Vec<gst::Buffer> {
        let bytes = self.bytes();
        let frame = bytes.len() / (self.len().max(1) as usize);
        let mut at = first;
        let buffer = |chunk: &[u8]| {
            let mut buffer = gst::Buffer::from_slice(chunk.to_vec());
            let samples = (chunk.len() / frame) as u64;
            let data = buffer.get_mut().unwrap();
            data.set_pts(self.time(at));
            data.set_duration(self.time(at + samples) - self.time(at));
            at += samples;
            buffer
        };
        bytes.chunks(size * frame).map(buffer).collect()
    }
}

pub const SMALL: &str = "video/x-raw,format=RGBA,width=64,height=36,framerate=30/1";

/// `visualscope` with `properties` such as `scene=wave-line`, PLAYING, and pictures of `video` coming out.
#[track_caller]
pub fn scope(properties: &str, video: &str) -> Between {
    let scope = Between::new("visualscope");
    for property in properties.split_whitespace() {
        let (name, value) = property.split_once('=').unwrap();
        scope.element.set_property_from_str(name, value);
    }
    let caps: gst::Caps = video.parse().unwrap();
    scope.link_sink_of(&caps, |_| false);
    scope.set_state(gst::State::Playing);
    scope
}

/// Stream start, caps and a segment.
#[track_caller]
pub fn begin(scope: &Between, audio: &Audio) {
    begin_with(scope, audio, &gst::FormattedSegment::new());
}

/// As [`begin`], with that segment.
#[track_caller]
pub fn begin_with(scope: &Between, audio: &Audio, segment: &gst::FormattedSegment<gst::ClockTime>) {
    assert!(scope.src.push_event(gst::event::StreamStart::new("test")));
    assert!(scope.src.push_event(gst::event::Caps::new(&audio.caps())));
    assert!(scope.src.push_event(gst::event::Segment::new(segment)));
}

/// Pushes `buffers`, all of which must be taken.
#[track_caller]
pub fn push(scope: &Between, buffers: impl IntoIterator<Item = gst::Buffer>) {
    for buffer in buffers {
        assert_eq!(scope.src.push(buffer), Ok(gst::FlowSuccess::Ok));
    }
}

/// Ends the stream, and waits until all has come out.
#[track_caller]
pub fn end(scope: &Between) {
    assert!(scope.src.push_event(gst::event::Eos::new()));
    wait_for_eos(scope);
}

/// Waits for the end of the stream.
#[track_caller]
pub fn wait_for_eos(scope: &Between) {
    scope.wait_for("EOS", |out| matches!(out.last(), Some(Out::Event(event)) if event.type_() == gst::EventType::Eos));
}

/// The frames that came out.
pub fn delivered(scope: &Between) -> Vec<Delivered> {
    scope.buffers().iter().map(|buffer| Delivered::of(buffer)).collect()
}

/// Every frame of `audio`, which goes in in buffers of `size` samples.
#[track_caller]
pub fn frames(properties: &str, video: &str, audio: &Audio, size: usize) -> Vec<Delivered> {
    let scope = scope(properties, video);
    begin(&scope, audio);
    push(&scope, audio.buffers(size, 0));
    end(&scope);
    delivered(&scope)
}

/// Large enough for a title.
pub const TITLED: &str = "video/x-raw,format=RGBA,width=320,height=180,framerate=30/1";

/// A tag event with a title.
pub fn title() -> gst::Event {
    let mut tags = gst::TagList::new();
    tags.make_mut().add::<gst::tags::Title>(&"A title", gst::TagMergeMode::Append);
    gst::event::Tag::new(tags)
}

/// Every frame of `audio` with a title.
pub fn titled(properties: &str, audio: &Audio) -> Vec<Delivered> {
    let scope = scope(properties, TITLED);
    begin(&scope, audio);
    assert!(scope.src.push_event(title()));
    push(&scope, audio.buffers(4410, 0));
    end(&scope);
    delivered(&scope)
}
