//! What elements that decode a file tell of themselves, whoever put them into the pipeline.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use gst::prelude::*;

/// Decoders that are taken before all others, whatever their ranks: the same pictures with every version of GStreamer.
/// Debian 12's ranks choose avdec_mp3, later ones mpg123audiodec, whose samples differ in their last bits.
const PREFERRED: [(&str, &str); 1] = [("audio/mpeg, mpegversion=(int)1, layer=(int)3", "mpg123audiodec")];

/// Watches a bin, from before it starts.
#[derive(Debug, Clone, Default)]
pub struct Decoding(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    parser_trims: AtomicBool,
    decoder: OnceLock<String>,
}

impl Decoding {
    /// What the elements of `bin` will tell, also those that it makes while it runs.
    pub fn of(bin: &gst::Bin) -> Self {
        let decoding = Self::default();
        let told = decoding.0.clone();
        bin.connect_deep_element_added(move |_, _, element| told.look_at(element));
        decoding
    }

    /// Whether an MP3 parser has told its decoder to leave out the samples that were not encoded. Known once the decoder
    /// has delivered anything.
    pub fn parser_trims(&self) -> bool {
        self.0.parser_trims.load(Ordering::Relaxed)
    }

    /// The factory of the first audio decoder.
    pub fn decoder(&self) -> Option<&str> {
        self.0.decoder.get().map(String::as_str)
    }
}

impl Told {
    fn look_at(self: &Arc<Self>, element: &gst::Element) {
        let Some(factory) = element.factory() else { return };
        if is_audio_decoder(&factory) {
            let _ = self.decoder.set(factory.name().to_string());
        }
        if factory.name() != "mpegaudioparse" {
            return;
        }
        let Some(pad) = element.static_pad("src") else { return };
        let told = self.clone();
        // The first frame is always one with samples to leave out, if there are any.
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let clipped = info.buffer().is_some_and(|buffer| buffer.meta::<gst_audio::AudioClippingMeta>().is_some());
            told.parser_trims.store(clipped, Ordering::Relaxed);
            gst::PadProbeReturn::Remove
        });
    }
}

fn is_audio_decoder(factory: &gst::ElementFactory) -> bool {
    factory.metadata("klass").is_some_and(|klass| klass.contains("Decoder") && klass.contains("Audio"))
}

/// Whether another decoder than `factory` is to take `caps`: the handler of `autoplug-select` then skips it.
pub fn another_is_preferred(factory: &gst::ElementFactory, caps: &gst::Caps) -> bool {
    let for_caps = PREFERRED.iter().find(|(of, _)| of.parse::<gst::Caps>().is_ok_and(|of| caps.is_subset(&of)));
    // One that the user has ruled out by its rank stays out.
    let usable = |name: &str| gst::ElementFactory::find(name).is_some_and(|found| found.rank() > gst::Rank::NONE);
    for_caps.is_some_and(|(_, name)| is_audio_decoder(factory) && factory.name() != *name && usable(name))
}
