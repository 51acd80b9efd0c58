//! The video that every element that draws gives: caps, their defaults, and buffers.

use gst::prelude::*;

use crate::logic::frame_grid::FrameGrid;
use crate::logic::render::look::{Background, MAX_SIDE, MIN_SIDE};

const DEFAULT_SIZE: (i32, i32) = (1280, 720);
const DEFAULT_FPS: i32 = 30;

/// The formats with red, green and blue, the one that pictures are drawn in first; the first three have alpha.
const RGB: [gst_video::VideoFormat; 4] = [
    gst_video::VideoFormat::Rgba,
    gst_video::VideoFormat::Bgra,
    gst_video::VideoFormat::Argb,
    gst_video::VideoFormat::Rgbx,
];

/// The formats that most encoders take, converted as pictures are drawn.
const YUV: [gst_video::VideoFormat; 2] = [gst_video::VideoFormat::I420, gst_video::VideoFormat::Nv12];

/// The formats in which a picture can be drawn on that background.
fn rgb(background: Background) -> &'static [gst_video::VideoFormat] {
    match background {
        Background::Transparent => &RGB[..3],
        _ => &RGB,
    }
}

/// Caps of pictures in `formats`.
fn caps_of(formats: &[gst_video::VideoFormat]) -> gst_video::VideoCapsBuilder<gst::caps::NoFeature> {
    let side = gst::IntRange::new(MIN_SIDE as i32, MAX_SIDE as i32);
    let slowest = gst::Fraction::new(1, i32::MAX);
    gst_video::VideoCapsBuilder::new()
        .format_list(formats.iter().copied())
        .field("width", side)
        .field("height", side)
        .field("framerate", gst::FractionRange::new(slowest, gst::Fraction::new(i32::MAX, 1)))
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .field("interlace-mode", "progressive")
}

/// Caps of what is converted. They say how, since small pictures would be taken for BT.601 otherwise.
fn yuv_caps() -> gst::Caps {
    caps_of(&YUV).field("colorimetry", "bt709").field("chroma-site", "mpeg2").build()
}

/// The caps of everything that can be drawn.
pub fn template_caps() -> gst::Caps {
    caps_on(Background::Dark)
}

/// The caps of everything that can be drawn on that background: with alpha where it is transparent.
fn caps_on(background: Background) -> gst::Caps {
    let mut caps = caps_of(rgb(background)).build();
    if background != Background::Transparent {
        caps.merge(yuv_caps());
    }
    caps
}

/// The same as the answer to whoever asks for the caps, with a filter or without.
pub fn offered(background: Background, filter: Option<&gst::Caps>) -> gst::Caps {
    let caps = caps_on(background);
    match filter {
        Some(filter) => filter.intersect_with_mode(&caps, gst::CapsIntersectMode::First),
        None => caps,
    }
}

/// Chooses what to give to a peer that takes `wanted`: of RGB what comes first here, YUV where that is all it takes,
/// and there what comes first with it; of sizes and rates those nearest to 1280×720 at 30 frames a second.
///
/// `None` where it takes nothing that can be drawn.
pub fn choose(wanted: &gst::Caps, background: Background) -> Option<gst::Caps> {
    let of_rgb =
        rgb(background).iter().map(|&format| caps_of(&[format]).build()).find_map(|ours| common(wanted, &ours));
    let of_yuv = || Some(yuv_caps()).filter(|_| background != Background::Transparent);
    of_rgb.or_else(|| common(wanted, &of_yuv()?)).map(fixate)
}

/// What is in both, if anything, in the order of the first.
fn common(wanted: &gst::Caps, ours: &gst::Caps) -> Option<gst::Caps> {
    let found = wanted.intersect_with_mode(ours, gst::CapsIntersectMode::First);
    (!found.is_empty()).then_some(found)
}

fn fixate(mut caps: gst::Caps) -> gst::Caps {
    caps.truncate();
    if let Some(structure) = caps.make_mut().structure_mut(0) {
        structure.fixate_field_nearest_int("width", DEFAULT_SIZE.0);
        structure.fixate_field_nearest_int("height", DEFAULT_SIZE.1);
        structure.fixate_field_nearest_fraction("framerate", gst::Fraction::new(DEFAULT_FPS, 1));
        if !structure.has_field("colorimetry") {
            structure.set("colorimetry", "sRGB");
        }
    }
    caps.fixate();
    caps
}

/// What `element` says where nothing that can be drawn on that background is taken.
pub fn refusal(element: &str, background: Background) -> String {
    let (formats, advice) = match background {
        Background::Transparent => (
            "RGBA, BGRA or ARGB pictures, which alone can be transparent,",
            "Put videoconvert after it, ask for another size or set another background.",
        ),
        _ => ("RGBA, BGRA, ARGB, RGBx, I420 or NV12 pictures", "Put videoconvert after it, or ask for another size."),
    };
    format!(
        "What follows {element} does not take {formats} of {MIN_SIDE} to {MAX_SIDE} pixels a side at a constant frame \
         rate. {advice}"
    )
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
