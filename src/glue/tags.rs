//! Title, artist and cover from GStreamer's tags.

use crate::logic::audio::tags::Tags;

/// Collects the tags that demuxers and decoders find.
pub struct TagCollector {
    /// Of the file.
    global: gst::TagList,
    /// Of the audio in it.
    stream: gst::TagList,
}

impl Default for TagCollector {
    fn default() -> Self {
        Self { global: gst::TagList::new(), stream: gst::TagList::new() }
    }
}

impl TagCollector {
    /// Adds tags; what came first counts.
    pub fn add(&mut self, tags: &gst::TagList) {
        let list = match tags.scope() {
            gst::TagScope::Global => &mut self.global,
            _ => &mut self.stream,
        };
        list.make_mut().insert(tags, gst::TagMergeMode::Keep);
    }

    /// Title, artist and cover; of the file rather than of a stream in it.
    pub fn tags(&self) -> Tags {
        let lists = [&self.global, &self.stream];
        // In Matroska the title of a stream is a track's name, such as "Audio".
        let container = lists.iter().find_map(|list| list.get::<gst::tags::ContainerFormat>());
        let is_matroska = container.is_some_and(|format| format.get().contains("Matroska"));
        let titled = if is_matroska { &lists[..1] } else { &lists[..] };
        let text = |value: &str| Some(value.to_owned()).filter(|text| !text.trim().is_empty());
        Tags {
            title: titled.iter().find_map(|list| list.get::<gst::tags::Title>().and_then(|title| text(title.get()))),
            artist: lists.iter().find_map(|list| list.get::<gst::tags::Artist>().and_then(|name| text(name.get()))),
            cover: lists.iter().find_map(|list| picture(list)),
        }
    }
}

/// The bytes of the front cover, or of the first picture.
fn picture(list: &gst::TagListRef) -> Option<Vec<u8>> {
    let images = || list.iter_tag::<gst::tags::Image>().map(|image| image.get());
    let is_front = |sample: &gst::Sample| {
        let kind = sample.info().and_then(|info| info.value("image-type").ok()?.transform::<String>().ok());
        kind.is_some_and(|kind| kind.get::<String>().is_ok_and(|kind| kind.to_lowercase().contains("front")))
    };
    let preview = || list.get::<gst::tags::PreviewImage>().map(|image| image.get());
    let sample = images().find(is_front).or_else(|| images().next()).or_else(preview)?;
    let map = sample.buffer()?.map_readable().ok()?;
    Some(map.to_vec())
}
