//! The reading half of a pipeline: takes a file apart into its streams, and opens nothing but that file.

use gst::prelude::*;
use std::path::Path;

/// Media types that are lists of addresses; what is behind those is not part of the file.
const LISTS: [&str; 6] = [
    "application/x-hls",
    "application/dash+xml",
    "application/vnd.ms-sstr+xml",
    "application/sdp",
    "application/x-rtsp",
    "text/uri-list",
];

/// How certain a type must be, in per cent.
const CERTAIN: u32 = 80;

/// A pipeline with a source and a parser in it.
pub struct Reading {
    pub pipeline: gst::Pipeline,
    source: gst::Element,
    /// Its pads are the streams; a list of addresses comes out as one stream, unopened.
    pub parse: gst::Element,
}

impl Reading {
    pub fn new(path: &Path) -> Result<Self, String> {
        let make = |name: &str| gst::ElementFactory::make(name).build().map_err(|e| e.message.to_string());
        let (source, parse) = (make("filesrc")?, make("parsebin")?);
        source.set_property("location", path);
        parse.connect("autoplug-continue", false, |values| {
            let caps = values.get(2).and_then(|v| v.get::<gst::Caps>().ok());
            Some(caps.is_none_or(|caps| !leads_elsewhere(&caps)).to_value())
        });
        // Random bytes look like H.263 or MP3 now and then, with less certainty than the real ones.
        if let Some(typefind) = parse.downcast_ref::<gst::Bin>().and_then(|bin| bin.by_name("typefind")) {
            typefind.set_property("minimum", CERTAIN);
        }
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([&source, &parse]).map_err(|e| e.to_string())?;
        source.link(&parse).map_err(|e| e.to_string())?;
        Ok(Self { pipeline, source, parse })
    }

    /// Whether nothing more will come: whoever drove the data has stopped, at the end or after an error. That a demuxer found
    /// nothing in a file is not always told: parsebin keeps errors to itself which come while it is making links.
    pub fn is_at_rest(&self) -> bool {
        let Some(bin) = self.parse.downcast_ref::<gst::Bin>() else { return false };
        let mut stopped = false;
        for element in bin.iterate_recurse().into_iter().flatten().chain([self.source.clone()]) {
            for pad in element.pads() {
                // Elements drive their source pads, or pull through their sink pads.
                match pad.task_state() {
                    gst::TaskState::Started => return false,
                    gst::TaskState::Paused => stopped = true,
                    _ => {}
                }
            }
        }
        stopped
    }

    /// What kind of file it is, once that is known: `matroska`, `mpegts`.
    pub fn container(&self) -> Option<String> {
        let typefind = self.parse.downcast_ref::<gst::Bin>()?.by_name("typefind")?;
        let caps = typefind.property::<Option<gst::Caps>>("caps")?;
        Some(media_type(&caps).rsplit('/').next().unwrap_or_default().to_owned())
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// The media type that caps begin with.
pub fn media_type(caps: &gst::CapsRef) -> &str {
    caps.structure(0).map_or("unknown", |s| s.name().as_str())
}

/// Whether a stream is one that is seen or heard.
pub fn is_media(media_type: &str) -> bool {
    ["video/", "audio/", "image/"].iter().any(|kind| media_type.starts_with(kind))
}

/// Whether what takes such a stream apart would fetch what it names.
pub fn leads_elsewhere(caps: &gst::Caps) -> bool {
    let fetches = |factory: &gst::ElementFactory| {
        let class = factory.metadata("klass").unwrap_or_default();
        (class.contains("Adaptive") || class.contains("Network")) && factory.can_sink_any_caps(caps)
    };
    LISTS.contains(&media_type(caps))
        || gst::ElementFactory::factories_with_type(gst::ElementFactoryType::DEMUXER, gst::Rank::MARGINAL)
            .iter()
            .any(fetches)
}
