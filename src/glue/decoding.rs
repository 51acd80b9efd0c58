//! The choice of decoders, and which one was taken.

use std::sync::{Arc, OnceLock};

use gst::prelude::*;

/// Decoders that are taken before all others, whatever their ranks: the same pictures with every version of GStreamer.
/// Debian 12's ranks choose avdec_mp3, later ones mpg123audiodec, whose samples differ in their last bits.
const PREFERRED: [(&str, &str); 1] = [("audio/mpeg, mpegversion=(int)1, layer=(int)3", "mpg123audiodec")];

/// Whether another decoder than `factory` is to take `caps`: a handler of `autoplug-select` then skips it.
pub fn another_is_preferred(factory: &gst::ElementFactory, caps: &gst::Caps) -> bool {
    let for_caps = PREFERRED.iter().find(|(of, _)| of.parse::<gst::Caps>().is_ok_and(|of| caps.is_subset(&of)));
    // One that the user has ruled out by its rank stays out.
    let usable = |name: &str| gst::ElementFactory::find(name).is_some_and(|found| found.rank() > gst::Rank::NONE);
    for_caps.is_some_and(|(_, name)| is_audio_decoder(factory) && factory.name() != *name && usable(name))
}

fn is_audio_decoder(factory: &gst::ElementFactory) -> bool {
    factory.metadata("klass").is_some_and(|klass| klass.contains("Decoder") && klass.contains("Audio"))
}

/// The first audio decoder in a bin.
#[derive(Debug, Clone, Default)]
pub struct DecoderName(Arc<OnceLock<String>>);

impl DecoderName {
    /// Of `bin`, which finds one once it runs.
    pub fn of(bin: &gst::Bin) -> Self {
        let name = Self::default();
        let found = name.clone();
        bin.connect_deep_element_added(move |_, _, element| {
            if let Some(factory) = element.factory().filter(is_audio_decoder) {
                // Later ones belong to other streams.
                let _ = found.0.set(factory.name().to_string());
            }
        });
        name
    }

    /// Its factory, once it is there.
    pub fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// Takes away the clipping metas by which the MP3 parsers of `bin` ask decoders to leave out what was not encoded, so that
/// only the receiver of the samples does so. Parsers put them on for tags of LAME alone, some decoders do not know
/// them, and mpg123audiodec of GStreamer 1.22 prints a critical warning where they cover a whole frame.
pub fn take_over_trimming(bin: &gst::Bin) {
    bin.connect_deep_element_added(|_, _, element| {
        let is_parser = element.factory().is_some_and(|factory| factory.name() == "mpegaudioparse");
        let Some(pad) = element.static_pad("src").filter(|_| is_parser) else { return };
        pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
            if let Some(buffer) =
                info.buffer_mut().filter(|buffer| buffer.meta::<gst_audio::AudioClippingMeta>().is_some())
                && let Some(meta) = buffer.make_mut().meta_mut::<gst_audio::AudioClippingMeta>()
            {
                let _ = meta.remove();
            }
            gst::PadProbeReturn::Ok
        });
    });
}
