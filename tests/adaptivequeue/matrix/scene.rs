//! A pipeline with what happens around it.

use gst::prelude::*;

use super::row::{Make, Row, Times};
use crate::common::TestPipeline;

/// Another element in the queue's place, for runs by hand.
pub const PEER: &str = "STEADY_MATRIX_PEER";

/// What builders get.
pub struct Kit {
    pub times: Times,
    queue: String,
}

impl Kit {
    pub fn new(row: &Row, times: Times) -> Self {
        let queue = std::env::var(PEER).unwrap_or_else(|_| {
            if row.traced {
                return "queue".into();
            }
            let on_timeout = row.on_timeout.map_or_else(String::new, |value| format!(" on-timeout={value}"));
            format!("adaptivequeue push-timeout={}{on_timeout}", times.timeout.as_nanos())
        });
        Self { times, queue }
    }

    /// The description with these words replaced: `Q` by the queue under test, `VIDEO` by a source of small frames, `CLIP`
    /// by one that ends, `SLOWVIDEO` by one whose frames are more than twelve timeouts apart, `AUDIO` by a source of
    /// sound; `LIVEVIDEO` and `LIVEAUDIO` are live. `property=2xTIMEOUT` becomes twice the timeout, in the unit of the property.
    pub fn words(&self, description: &str) -> String {
        const SMALL: &str = "video/x-raw,format=I420,width=64,height=48";
        let word = |word: &str| match word.split_once('=') {
            None if word == "Q" => self.queue.clone(),
            None if word == "VIDEO" => format!("videotestsrc ! {SMALL},framerate=30/1"),
            None if word == "CLIP" => format!("videotestsrc num-buffers=120 ! {SMALL},framerate=30/1"),
            None if word == "LIVEVIDEO" => format!("videotestsrc is-live=true ! {SMALL},framerate=30/1"),
            None if word == "SLOWVIDEO" => format!("videotestsrc ! {SMALL},framerate=1/{}", self.slow()),
            None if word == "AUDIO" => "audiotestsrc ! audio/x-raw,format=S16LE,rate=44100,channels=1".into(),
            None if word == "LIVEAUDIO" => {
                "audiotestsrc is-live=true ! audio/x-raw,format=S16LE,rate=44100,channels=1".into()
            }
            // The value of a property in nanoseconds: so many timeouts.
            Some((property, times)) if times.ends_with("xTIMEOUT") => {
                let times: f64 = times.trim_end_matches("xTIMEOUT").parse().unwrap();
                let timeout = self.times.timeout.mul_f64(times);
                match property {
                    "sleep-time" => format!("{property}={}", timeout.as_micros()),
                    _ => format!("{property}={}", timeout.as_nanos()),
                }
            }
            _ => word.into(),
        };
        description.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
    }

    /// Seconds between two frames of a slow video: past the twelvefold timeout.
    fn slow(&self) -> u64 {
        (self.times.timeout.as_secs_f64() * 14.0).ceil() as u64
    }

    #[track_caller]
    pub fn parse(&self, description: &str) -> TestPipeline {
        TestPipeline::parse(&self.words(description))
    }

    /// A scene with nothing around it.
    #[track_caller]
    pub fn scene(&self, description: &str) -> Scene {
        Scene::new(self.parse(description))
    }

    pub fn build(&self, row: &Row) -> Scene {
        match row.make {
            Make::Launch(description) => self.scene(description),
            Make::Build(build) => build(self),
        }
    }
}

type Act = Box<dyn FnOnce(&TestPipeline)>;
type Release = Box<dyn FnOnce() + Send>;

/// A pipeline, what is done to it, and what ends that.
pub struct Scene {
    pub pipeline: TestPipeline,
    /// Other pipelines of the process. Nothing may be said of them.
    pub others: Vec<TestPipeline>,
    /// The state to go to.
    pub state: gst::State,
    /// Done once it is on its way to that state; the times count from its end.
    pub act: Option<Act>,
    /// Done before the pipeline goes to NULL: lets callbacks return and readers read.
    pub release: Vec<Release>,
    /// The elements that get nothing any more in a scene that hangs, or something until the end in one that flows; all sinks,
    /// where none is named.
    pub watched: Vec<gst::Element>,
}

impl Scene {
    pub fn new(pipeline: TestPipeline) -> Self {
        Self { pipeline, others: vec![], state: gst::State::Playing, act: None, release: vec![], watched: vec![] }
    }

    #[track_caller]
    pub fn element(&self, name: &str) -> gst::Element {
        self.pipeline.element(name)
    }

    #[track_caller]
    pub fn pad(&self, element: &str, pad: &str) -> gst::Pad {
        self.element(element).static_pad(pad).unwrap_or_else(|| panic!("{element} has no pad {pad}"))
    }

    pub fn act(mut self, act: impl FnOnce(&TestPipeline) + 'static) -> Self {
        self.act = Some(Box::new(act));
        self
    }

    pub fn release(mut self, release: impl FnOnce() + Send + 'static) -> Self {
        self.release.push(Box::new(release));
        self
    }

    pub fn state(self, state: gst::State) -> Self {
        Self { state, ..self }
    }

    pub fn other(mut self, other: TestPipeline) -> Self {
        self.others.push(other);
        self
    }

    /// Names an element whose input shows whether data flow.
    pub fn watch(mut self, element: &str) -> Self {
        self.watched.push(self.element(element));
        self
    }

    /// Every sink in the pipeline, however deep.
    pub fn sinks(&self) -> Vec<gst::Element> {
        let leaf = |e: &gst::Element| e.element_flags().contains(gst::ElementFlags::SINK) && !e.is::<gst::Bin>();
        let mut sinks = Vec::new();
        let mut elements = self.pipeline.iterate_recurse();
        while let Ok(Some(element)) = elements.next() {
            sinks.extend(Some(element).filter(leaf));
        }
        sinks
    }
}
