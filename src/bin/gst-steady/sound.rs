//! Keeps the sound of an export to the samples that the renderer draws: those that were encoded, one after the other.

use std::sync::{Arc, Mutex};

use gst::prelude::*;

use gststeady::glue::encoded::Encoded;
use gststeady::logic::audio::gapless::Gapless;

use super::lock::lock;

/// The decoded sound on its way to the encoder.
struct Sound {
    encoded: Encoded,
    segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    /// Samples that have passed.
    position: u64,
}

/// Counts and cuts what leaves `convert`, an element without delay, whose samples those of `pipeline` decode. To be called
/// before it starts.
pub fn keep_to_encoded(convert: &gst::Element, pipeline: &gst::Pipeline, gapless: Option<Gapless>) -> Option<()> {
    let encoded = Encoded::new(pipeline.upcast_ref(), gapless);
    let sound = Arc::new(Mutex::new(Sound { encoded, segment: None, position: 0 }));
    let (sink, src) = (convert.static_pad("sink")?, convert.static_pad("src")?);
    let (at_end, out) = (sound.clone(), src.downgrade());
    // On the way in: once the end has left the element, nothing can follow.
    sink.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let is_end = info.event().is_some_and(|event| event.type_() == gst::EventType::Eos);
        if let Some(out) = out.upgrade().filter(|_| is_end)
            && let Some(silence) = format_of(&out).and_then(|format| lock(&at_end).left_out(&format))
        {
            // If it cannot pass, neither will the end of the stream, and that will be noticed.
            let _ = out.push(silence);
        }
        gst::PadProbeReturn::Ok
    });
    src.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM | gst::PadProbeType::BUFFER, move |pad, info| {
        match info.data.take() {
            Some(gst::PadProbeData::Event(event)) => {
                info.data = lock(&sound).event(event).map(gst::PadProbeData::Event);
            }
            // A buffer that cannot be read is left out; the renderer has reported it.
            Some(gst::PadProbeData::Buffer(buffer)) => {
                let format = format_of(pad);
                let part = format.and_then(|format| lock(&sound).part(buffer, &format));
                info.data = part.map(gst::PadProbeData::Buffer);
            }
            other => info.data = other,
        }
        // What was taken out of the probe must not be freed by it once more.
        if info.data.is_some() { gst::PadProbeReturn::Ok } else { gst::PadProbeReturn::Handled }
    });
    Some(())
}

fn format_of(pad: &gst::Pad) -> Option<gst_audio::AudioInfo> {
    pad.current_caps().and_then(|caps| gst_audio::AudioInfo::from_caps(&caps).ok())
}

impl Sound {
    /// Every segment becomes the same plain one, since time is what the samples say. `flacparse` gives the last packet of
    /// a stream that begins elsewhere than at zero a time without that begin.
    fn event(&mut self, event: gst::Event) -> Option<gst::Event> {
        let gst::EventView::Segment(found) = event.view() else { return Some(event) };
        let is_first = self.segment.is_none();
        self.segment = found.segment().downcast_ref::<gst::ClockTime>().cloned();
        let plain = gst::FormattedSegment::<gst::ClockTime>::new();
        is_first.then(|| gst::event::Segment::builder(&plain).seqnum(event.seqnum()).build())
    }

    /// The part of `buffer` that was encoded, if any of it was.
    fn part(&mut self, buffer: gst::Buffer, format: &gst_audio::AudioInfo) -> Option<gst::Buffer> {
        let mut part = self.encoded.part(buffer, self.segment.as_ref(), format)?;
        let samples = (part.size() / format.bpf() as usize) as u64;
        self.stamp(part.make_mut(), samples, format);
        Some(part)
    }

    /// Silence for what the demuxer has left out at the end, as in the pictures.
    fn left_out(&mut self, format: &gst_audio::AudioInfo) -> Option<gst::Buffer> {
        let missing = self.encoded.left_out();
        let mut silence = vec![0; missing as usize * format.bpf() as usize];
        format.format_info().fill_silence(&mut silence);
        let mut buffer = gst::Buffer::from_mut_slice(silence);
        let writable = buffer.get_mut().filter(|_| missing > 0)?;
        // It passes `part` like any other and gets its time there; the segment knows nothing of it.
        self.segment = None;
        if format.layout() == gst_audio::AudioLayout::NonInterleaved {
            gst_audio::AudioMeta::add(writable, format, missing as usize, &[]).ok()?;
        }
        Some(buffer)
    }

    /// Gives the next `samples` samples their time.
    fn stamp(&mut self, buffer: &mut gst::BufferRef, samples: u64, format: &gst_audio::AudioInfo) {
        let time = |samples| gst::ClockTime::SECOND.mul_div_floor(samples, u64::from(format.rate()));
        let (begin, end) = (time(self.position), time(self.position + samples));
        if self.position > 0 {
            // Where time stamps jump, as they do where a parser corrects them, the samples do not.
            buffer.unset_flags(gst::BufferFlags::DISCONT | gst::BufferFlags::RESYNC);
        }
        buffer.set_pts(begin);
        buffer.set_duration(end.zip(begin).map(|(end, begin)| end - begin));
        self.position += samples;
    }
}
