//! An audio file as a video. Frame n is about the audio around the middle of its own time, its times follow the frame
//! law of `logic::frame_grid`, and its bytes do not depend on the machine, on seeks or on what was drawn before.
//!
//! ```text
//! gst-launch-1.0 visualrender audio-location=song.flac ! video/x-raw,width=1280,height=720,framerate=30/1 ! videoconvert ! autovideosink
//! ```

use std::io;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::base_src::CreateSuccess;
use gst_base::subclass::prelude::*;

use super::failure::Failure;
use super::frame_renderer::Painter;
use super::playback::{Next, State, segment_of};
use super::properties::{PROPERTIES, Settings};
use super::timeline_source::{Gate, Obtained};
use crate::glue::video::{self, grid_of};
use crate::logic::audio::options::Options;
use crate::logic::audio::timeline::Timeline;
use crate::logic::render::scene::{MAX_SIDE, MIN_SIDE};

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("visualrender", gst::DebugColorFlags::empty(), Some("Audio file to video"))
});

// Locks: `settings`, `state`, `painter` and the one in `gate`. No two are ever held together; `painter` is held while
// a frame is drawn, the others for moments.

#[derive(Default)]
pub struct VisualRender {
    settings: Mutex<Settings>,
    state: Mutex<State>,
    painter: Mutex<Option<Painter>>,
    pub(super) gate: Gate,
}

impl VisualRender {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn painter(&self) -> MutexGuard<'_, Option<Painter>> {
        self.painter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, failure: &Failure) -> gst::FlowError {
        gst::error!(CAT, imp = self, "{failure:?}");
        self.post_error_message(failure.to_message());
        gst::FlowError::Error
    }

    /// The analysed audio; analyses it first where that has not been done.
    fn timeline(&self) -> Result<Arc<Timeline>, gst::FlowError> {
        if let Some(timeline) = self.state().timeline.clone() {
            return Ok(timeline);
        }
        let settings = self.settings().clone();
        // What cannot be drawn is said before minutes are spent on the analysis.
        settings.look.check().map_err(|failure| self.fail(&Failure::Look(failure)))?;
        settings.scenes().map_err(|failure| self.fail(&failure))?;
        let analysed = self.obtain(&settings).map_err(|failure| self.fail(&failure))?;
        let Obtained { timeline, took_ns, decoder } = analysed.ok_or(gst::FlowError::Flushing)?;
        let timeline = Arc::new(timeline);
        gst::info!(
            CAT,
            imp = self,
            "{:?}, {:?}, decoded by {decoder:?}, in {took_ns} ns",
            timeline.info(),
            timeline.summary()
        );
        {
            let mut state = self.state();
            state.timeline = Some(timeline.clone());
            state.analysis_ns = took_ns;
            state.decoder = decoder;
        }
        for property in ["timeline-digest", "frame-count", "tempo"] {
            self.obj().notify(property);
        }
        let _ = self.obj().post_message(gst::message::DurationChanged::builder().src(&*self.obj()).build());
        Ok(timeline)
    }

    /// `frames` frames of silence at the frame rate that is negotiated.
    pub(super) fn silent_timeline(&self, frames: u64, options: Options) -> io::Result<Timeline> {
        let grid = { self.state().grid() };
        // fps_n samples a second make fps_d samples a frame, exactly.
        let (fps_n, fps_d) = grid.map_or((1, 1), |grid| grid.fps());
        Timeline::silent(fps_n, frames.saturating_mul(u64::from(fps_d)), options)
    }

    /// Whether there is a painter for what is negotiated now; makes one.
    fn prepare(&self, timeline: Arc<Timeline>) -> Result<(), gst::FlowError> {
        if self.painter().is_some() {
            return Ok(());
        }
        let (info, settings) = (self.state().info.clone(), self.settings().clone());
        let info = info.ok_or(gst::FlowError::NotNegotiated)?;
        let grid = { self.state().grid() }.ok_or(gst::FlowError::NotNegotiated)?;
        let programme = settings.programme(&timeline, grid, &mut || self.unless_flushing());
        let programme = programme.map_err(|failure| self.fail(&failure))?.ok_or(gst::FlowError::Flushing)?;
        let written =
            self.write_jsonl(&settings, &timeline, grid, &programme).map_err(|failure| self.fail(&failure))?;
        written.ok_or(gst::FlowError::Flushing)?;
        let painter =
            Painter::new(&settings, programme, timeline, grid, info).map_err(|failure| self.fail(&failure))?;
        *self.painter() = Some(painter);
        Ok(())
    }

    /// A buffer of the negotiated pool.
    fn allocate(&self) -> Result<gst::Buffer, gst::FlowError> {
        match self.obj().buffer_pool() {
            Some(pool) => pool.acquire_buffer(None),
            None => gst::Buffer::with_size(self.obj().blocksize() as usize).map_err(|_| gst::FlowError::Error),
        }
    }

    fn paint(&self, n: u64, buffer: &mut gst::BufferRef) -> Result<(), gst::FlowError> {
        let started = Instant::now();
        // The painter is gone only when the element has been stopped.
        let (painted, scene) = {
            let mut painter = self.painter();
            let painter = painter.as_mut().ok_or(gst::FlowError::Flushing)?;
            (painter.paint(n, buffer), painter.scene(n))
        };
        painted.map_err(|failure| self.fail(&failure))?;
        gst::trace!(CAT, imp = self, "frame {n}");
        let switched = {
            let mut state = self.state();
            state.frames += 1;
            state.render_ns += started.elapsed().as_nanos() as u64;
            state.shown.replace(scene).is_some_and(|shown| shown != scene)
        };
        if let (true, Some(pts)) = (switched, buffer.pts()) {
            self.tell_scene(n, pts, scene);
        }
        Ok(())
    }

    fn stats(&self) -> gst::Structure {
        let state = self.state();
        let mut stats = gst::Structure::builder("visualrender-stats")
            .field("frames", state.frames)
            .field("render-time", state.render_ns)
            .field("analysis-time", state.analysis_ns);
        if let Some(timeline) = &state.timeline {
            let info = timeline.info();
            // Silence was not sampled.
            if info.channels > 0 {
                stats = stats.field("rate", info.rate).field("channels", info.channels).field("samples", info.samples);
            }
            if let Some(decoder) = &state.decoder {
                stats = stats.field("decoder", decoder);
            }
            stats = stats.field("beats", timeline.beats().len() as u64);
            stats = stats.field("beat-confidence", timeline.summary().confidence);
            if let Some(loudness) = timeline.summary().loudness_lufs {
                stats = stats.field("loudness", loudness);
            }
        }
        stats.build()
    }

    fn convert(&self, from: gst::GenericFormattedValue, to: gst::Format) -> Option<gst::GenericFormattedValue> {
        use gst::GenericFormattedValue as Value;
        let grid = self.state().grid()?;
        match (from, to) {
            (value, to) if value.format() == to => Some(value),
            (Value::Time(time), gst::Format::Default) => {
                let frame = time.map(|time| gst::format::Default::from_u64(grid.frame_at(time.nseconds())));
                Some(frame.into())
            }
            (Value::Default(frame), gst::Format::Time) => {
                Some(frame.map(|frame| gst::ClockTime::from_nseconds(grid.pts(*frame))).into())
            }
            _ => None,
        }
    }
}

#[glib::object_subclass]
impl ObjectSubclass for VisualRender {
    const NAME: &'static str = "GstVisualRender";
    type Type = super::VisualRender;
    type ParentType = gst_base::PushSrc;
    type Interfaces = (gst::Preset,);
}

impl ObjectImpl for VisualRender {
    fn properties() -> &'static [glib::ParamSpec] {
        &PROPERTIES
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        obj.set_live(false);
        obj.set_format(gst::Format::Time);
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        self.settings().set(pspec.name(), value);
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "frame-count" => self.state().frame_count().unwrap_or(0).to_value(),
            "timeline-digest" => self.state().timeline.as_ref().map(|timeline| timeline.digest()).to_value(),
            "tempo" => {
                let state = self.state();
                state.timeline.as_ref().and_then(|timeline| timeline.summary().tempo).unwrap_or(0.0).to_value()
            }
            "stats" => self.stats().to_value(),
            name => self.settings().get(name),
        }
    }
}

impl GstObjectImpl for VisualRender {}

/// Looks can be saved and loaded.
impl PresetImpl for VisualRender {}

impl ElementImpl for VisualRender {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Audio file to video",
                "Source/Video",
                "Draws an audio file as a video: frame-exact, seekable and the same bytes on every machine",
                "The gst-plugin-steady developers",
            )
        });
        Some(&*METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = video::template_caps();
            let pad = gst::PadTemplate::new("src", gst::PadDirection::Src, gst::PadPresence::Always, &caps);
            vec![pad.expect("a static template is valid")]
        });
        &TEMPLATES
    }
}

impl BaseSrcImpl for VisualRender {
    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let tail = { self.settings().tail };
        self.state().tail = tail;
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        if self.gate.abandon() {
            self.progress(gst::ProgressType::Canceled, "The analysis was called off");
        }
        *self.painter() = None;
        *self.state() = State::default();
        Ok(())
    }

    fn unlock(&self) -> Result<(), gst::ErrorMessage> {
        self.gate.close();
        Ok(())
    }

    fn unlock_stop(&self) -> Result<(), gst::ErrorMessage> {
        self.gate.open();
        Ok(())
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn do_seek(&self, segment: &mut gst::Segment) -> bool {
        let Some(segment) = segment.downcast_mut::<gst::ClockTime>() else { return false };
        let mut state = self.state();
        let duration = state.frame_count().zip(state.grid()).map(|(count, grid)| grid.pts(count));
        let duration = duration.map(gst::ClockTime::from_nseconds);
        if duration.is_some() {
            segment.set_duration(duration);
        }
        state.backwards = segment.rate() < 0.0;
        if state.backwards {
            // Backwards from the end needs to know where that is.
            let Some(stop) = segment.stop().into_iter().chain(duration).min() else { return false };
            segment.set_stop(stop);
            segment.set_position(stop);
        }
        segment.set_time(segment.start());
        let position = segment.position().unwrap_or(gst::ClockTime::ZERO);
        state.next = Next::At(position);
        drop(state);
        gst::debug!(CAT, imp = self, "seek to {position} at rate {}", segment.rate());
        true
    }

    fn query(&self, query: &mut gst::QueryRef) -> bool {
        use gst::QueryViewMut;
        match query.view_mut() {
            QueryViewMut::Duration(duration) => {
                let known = { self.state().frame_count() };
                let Some(count) = known else { return false };
                let frames = gst::format::Default::from_u64(count).into();
                let Some(value) = self.convert(frames, duration.format()) else { return false };
                duration.set(value);
                true
            }
            QueryViewMut::Convert(convert) => {
                let (from, to) = convert.get();
                let Some(value) = self.convert(from, to) else { return false };
                convert.set(from, value);
                true
            }
            QueryViewMut::Seeking(seeking) if matches!(seeking.format(), gst::Format::Time | gst::Format::Default) => {
                let format = seeking.format();
                let known = { self.state().frame_count() };
                let end = known.map(gst::format::Default::from_u64).and_then(|end| self.convert(end.into(), format));
                match (format, end) {
                    (_, Some(gst::GenericFormattedValue::Time(end))) => {
                        seeking.set(true, gst::ClockTime::ZERO, end);
                    }
                    (_, Some(gst::GenericFormattedValue::Default(end))) => {
                        seeking.set(true, gst::format::Default::ZERO, end);
                    }
                    (gst::Format::Time, _) => seeking.set(true, gst::ClockTime::ZERO, None::<gst::ClockTime>),
                    _ => seeking.set(true, gst::format::Default::ZERO, None::<gst::format::Default>),
                }
                true
            }
            _ => BaseSrcImplExt::parent_query(self, query),
        }
    }

    fn fixate(&self, caps: gst::Caps) -> gst::Caps {
        self.parent_fixate(video::fixate(caps))
    }

    fn negotiate(&self) -> Result<(), gst::LoggableError> {
        self.parent_negotiate().inspect_err(|_| {
            let wanted = self.obj().src_pad().peer_query_caps(None);
            gst::element_imp_error!(
                self,
                gst::CoreError::Negotiation,
                ("What follows visualrender does not take RGBA, BGRA, ARGB or RGBx pictures of {MIN_SIDE} to {MAX_SIDE} pixels a side \
                     at a constant frame rate. Put videoconvert behind it, or ask for another size."),
                ["wanted: {wanted}"]
            );
        })
    }

    fn set_caps(&self, caps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info = gst_video::VideoInfo::from_caps(caps)
            .map_err(|_| gst::loggable_error!(CAT, "{caps} does not describe a picture"))?;
        if grid_of(&info, 1).is_none() {
            return Err(gst::loggable_error!(CAT, "{caps} has no constant frame rate"));
        }
        // At most 1 GiB, see MAX_SIDE.
        self.obj().set_blocksize(info.size() as u32);
        {
            let mut state = self.state();
            // With another frame rate the next frame has another number.
            if let (Next::Frame(n), Some(grid)) = (state.next, state.grid()) {
                let time = if state.backwards { grid.pts(n + 1) } else { grid.pts(n) };
                state.next = Next::At(gst::ClockTime::from_nseconds(time));
            }
            state.info = Some(info);
        }
        *self.painter() = None;
        self.parent_set_caps(caps)
    }

    fn decide_allocation(&self, query: &mut gst::query::Allocation) -> Result<(), gst::LoggableError> {
        video::decide_pool(query)?;
        self.parent_decide_allocation(query)
    }
}

impl PushSrcImpl for VisualRender {
    fn create(&self, buffer: Option<&mut gst::BufferRef>) -> Result<CreateSuccess, gst::FlowError> {
        let timeline = self.timeline()?;
        self.prepare(timeline)?;
        let wanted = { self.settings().range };
        let (next, segment) = {
            let mut state = self.state();
            let (grid, count) = state.grid().zip(state.frame_count()).ok_or(gst::FlowError::NotNegotiated)?;
            let wanted = wanted.of(count);
            let is_part = wanted != (0..count) && !std::mem::replace(&mut state.segment_set, true);
            (state.step(grid, &wanted), is_part.then(|| segment_of(grid, &wanted)))
        };
        if let Some(segment) = segment {
            self.obj().new_segment(segment.upcast_ref()).map_err(|_| gst::FlowError::Error)?;
        }
        let Some(n) = next else {
            gst::debug!(CAT, imp = self, "that was the last frame");
            return Err(gst::FlowError::Eos);
        };
        match buffer {
            Some(buffer) => self.paint(n, buffer).map(|()| CreateSuccess::FilledBuffer),
            None => {
                let mut buffer = self.allocate()?;
                self.paint(n, buffer.make_mut())?;
                Ok(CreateSuccess::NewBuffer(buffer))
            }
        }
    }
}
