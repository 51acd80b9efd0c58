//! The video that every element that draws gives: caps, their defaults, and buffers.

use gst::prelude::*;

use crate::logic::frame_grid::FrameGrid;
use crate::logic::render::look::{MAX_SIDE, MIN_SIDE};

const DEFAULT_SIZE: (i32, i32) = (1280, 720);
const DEFAULT_FPS: i32 = 30;

/// The formats pixels can be written in; they are drawn in the first.
const FORMATS: [gst_video::VideoFormat; 4] = [
    gst_video::VideoFormat::Rgba,
    gst_video::VideoFormat::Bgra,
    gst_video::VideoFormat::Argb,
    gst_video::VideoFormat::Rgbx,
];

/// The caps of everything that can be drawn.
pub fn template_caps() -> gst::Caps {
    let side = gst::IntRange::new(MIN_SIDE as i32, MAX_SIDE as i32);
    let slowest = gst::Fraction::new(1, i32::MAX);
    gst_video::VideoCapsBuilder::new()
        .format_list(FORMATS)
        .field("width", side)
        .field("height", side)
        .field("framerate", gst::FractionRange::new(slowest, gst::Fraction::new(i32::MAX, 1)))
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .field("interlace-mode", "progressive")
        .build()
}

/// Chooses from what is left of the template the video that is nearest to 1280×720 at 30 frames a second.
pub fn fixate(mut caps: gst::Caps) -> gst::Caps {
    caps.truncate();
    if let Some(structure) = caps.make_mut().structure_mut(0) {
        structure.fixate_field_nearest_int("width", DEFAULT_SIZE.0);
        structure.fixate_field_nearest_int("height", DEFAULT_SIZE.1);
        structure.fixate_field_nearest_fraction("framerate", gst::Fraction::new(DEFAULT_FPS, 1));
        if !structure.has_field("colorimetry") {
            structure.set("colorimetry", "sRGB");
        }
    }
    caps
}

/// The grid of that video over audio at `rate` Hz; `None` where its frame rate is not constant.
pub fn grid_of(info: &gst_video::VideoInfo, rate: u32) -> Option<FrameGrid> {
    let (fps_n, fps_d) = (info.fps().numer(), info.fps().denom());
    FrameGrid::new(rate, u32::try_from(fps_n).ok()?, u32::try_from(fps_d).ok()?).ok()
}

/// The pool that an answered allocation query asks for, configured for its caps: the one that downstream offers, else
/// a new one. The query says so as well afterwards.
pub fn decide_pool(query: &mut gst::query::Allocation) -> Result<gst::BufferPool, gst::glib::BoolError> {
    let (caps, _) = query.get_owned();
    let info = caps.as_ref().and_then(|caps| gst_video::VideoInfo::from_caps(caps).ok());
    let (Some(caps), Some(info)) = (caps, info) else {
        return Err(gst::glib::bool_error!("an allocation query without video caps"));
    };
    let offered = query.allocation_pools().next();
    let known = offered.is_some();
    let (pool, size, min, max) = offered.unwrap_or((None, 0, 0, 0));
    let size = size.max(info.size() as u32);
    let pool = pool.unwrap_or_else(|| gst_video::VideoBufferPool::new().upcast());
    let mut config = pool.config();
    config.set_params(Some(&caps), size, min, max);
    if query.find_allocation_meta::<gst_video::VideoMeta>().is_some() {
        config.add_option(gst_video::BUFFER_POOL_OPTION_VIDEO_META.as_str());
    }
    pool.set_config(config)?;
    if known {
        query.set_nth_allocation_pool(0, Some(&pool), size, min, max);
    } else {
        query.add_allocation_pool(Some(&pool), size, min, max);
    }
    Ok(pool)
}
