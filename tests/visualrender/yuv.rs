//! `visualrender` in front of encoders: which format is agreed on, what is said about it, and whether it is true.

use std::path::Path;
use std::process::Command;

use gst::prelude::*;

use crate::common::audio::{Fixtures, frames, render, sink};
use crate::common::media::colours;
use crate::common::process::alone;
use crate::common::{PATIENCE, TestPipeline};

/// The caps agreed on in `pipeline`, and the bytes of the first picture.
#[track_caller]
fn first(pipeline: &TestPipeline) -> (gst::Caps, Vec<u8>) {
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample = sink(pipeline).try_pull_sample(gst::ClockTime::try_from(PATIENCE).unwrap());
    let sample = sample.unwrap_or_else(|| panic!("no picture: {:?}", pipeline.wait(std::time::Duration::ZERO)));
    let bytes = sample.buffer().unwrap().map_readable().unwrap().to_vec();
    (sample.caps().unwrap().to_owned(), bytes)
}

#[test]
fn it_gives_rgba_where_that_is_taken_and_yuv_only_where_no_rgb_is() {
    let files = Fixtures::new();
    let wav = files.wav(8_000, 800);
    let chosen = |background: &str, wanted: &str| {
        let wanted = format!("{wanted},width=64,height=36");
        let (caps, _) = first(&render(&wav, &format!("background={background}"), &wanted));
        caps.structure(0).unwrap().get::<String>("format").unwrap()
    };
    for (background, wanted, format) in [
        ("dark", "format={I420,NV12,RGBA}", "RGBA"),
        ("dark", "format={I420,ARGB,BGRA}", "BGRA"),
        ("dark", "format={I420,RGBx}", "RGBx"),
        ("dark", "format={RGB,BGR,I420,NV12}", "I420"),
        ("dark", "format={Y444,NV12,I420}", "NV12"),
        ("#102030", "framerate=30/1", "RGBA"),
        ("transparent", "format={I420,RGBx,ARGB}", "ARGB"),
        ("transparent", "framerate=30/1", "RGBA"),
    ] {
        assert_eq!(chosen(background, wanted), format, "{wanted} on {background}");
    }
}

#[test]
fn what_is_converted_says_how_and_that_it_is_whole_pictures_of_square_pixels() {
    let files = Fixtures::new();
    let wav = files.wav(8_000, 800);
    for (format, size) in [("I420", (64, 36)), ("NV12", (641, 17)), ("I420", (1920, 1080))] {
        let (caps, _) = first(&render(&wav, "", &format!("format={format},width={},height={}", size.0, size.1)));
        let info = gst_video::VideoInfo::from_caps(&caps).unwrap();
        assert_eq!(info.colorimetry().to_string(), "bt709", "{caps}");
        assert_eq!(info.chroma_site(), gst_video::VideoChromaSite::MPEG2, "{caps}");
        assert_eq!(info.interlace_mode(), gst_video::VideoInterlaceMode::Progressive, "{caps}");
        assert_eq!(info.par(), gst::Fraction::new(1, 1), "{caps}");
        let said = caps.structure(0).unwrap();
        let fields = ["colorimetry", "chroma-site", "interlace-mode", "pixel-aspect-ratio"];
        assert!(fields.into_iter().all(|field| said.has_field(field)), "{caps}");
    }
}

#[test]
fn where_only_what_cannot_be_transparent_is_taken_a_transparent_picture_is_refused_in_words() {
    let files = Fixtures::new();
    let wav = files.wav(8_000, 800);
    let refused = |background: &str, wanted: &str| {
        let pipeline = TestPipeline::parse("visualrender name=render ! capsfilter name=filter ! fakesink");
        let render = pipeline.element("render");
        render.set_property("audio-location", wav.to_str().unwrap());
        render.set_property("background", background);
        pipeline.element("filter").set_property_from_str("caps", &format!("video/x-raw,{wanted}"));
        let (error, debug) = pipeline.run(PATIENCE).unwrap_error();
        assert!(error.matches(gst::CoreError::Negotiation), "{error:?} ({debug})");
        error.message().to_owned()
    };
    for formats in ["I420", "NV12", "RGBx", "{I420,RGBx,RGB}"] {
        let message = refused("transparent", &format!("format={formats}"));
        assert!(message.contains("alone can be transparent"), "{formats}: {message}");
    }
    for wanted in ["format=RGB", "format=I420,colorimetry=bt601", "format=Y444"] {
        assert!(refused("dark", wanted).contains("Put videoconvert after it"), "{wanted}");
    }
}

#[test]
fn encoders_can_follow_without_a_converter_and_converters_get_rgba() {
    let files = Fixtures::new();
    let wav = files.wav(8_000, 800);
    for (next, format) in [
        ("x264enc", "I420"),
        ("x265enc", "I420"),
        ("openh264enc", "I420"),
        ("vp8enc", "I420"),
        ("vp9enc", "I420"),
        ("theoraenc", "I420"),
        ("avenc_ffv1", "BGRA"),
        ("videoconvert ! x264enc", "RGBA"),
        ("pngenc", "RGBA"),
        ("identity", "RGBA"),
    ] {
        if gst::ElementFactory::find(next.split(' ').next().unwrap()).is_none() {
            continue;
        }
        let line = format!("visualrender name=render audio-location={} ! {next} ! fakesink", wav.display());
        let pipeline = TestPipeline::parse(&line);
        let render = pipeline.element("render").static_pad("src").unwrap();
        let (told, caps) = std::sync::mpsc::channel();
        render.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            if let Some(gst::EventView::Caps(caps)) = info.event().map(|event| event.view()) {
                let _ = told.send(caps.caps_owned());
            }
            gst::PadProbeReturn::Ok
        });
        pipeline.run(PATIENCE).expect_eos();
        let told: Vec<_> = caps.try_iter().collect();
        let formats = told.iter().map(|caps| caps.structure(0).unwrap().get_optional::<&str>("format").unwrap());
        assert!(formats.eq([Some(format)]), "{next}: {told:?}");
    }
}

/// The samples of a plane of `width` × `height` in a buffer of GStreamer's own layout, which pads rows to four bytes.
fn plane(bytes: &[u8], at: usize, width: usize, height: usize) -> Vec<u8> {
    let stride = width.next_multiple_of(4);
    let rows = bytes[at..].chunks(stride).take(height);
    rows.flat_map(|row| {
        assert!(row[width..].iter().all(|&byte| byte == 0), "padding that is not zero");
        row[..width].iter().copied()
    })
    .collect()
}

#[test]
fn buffers_are_laid_out_as_gstreamer_has_them_and_the_same_each_time() {
    // New memory is full of something, so that what is not written shows.
    alone!("MALLOC_PERTURB_" = "90");
    let files = Fixtures::new();
    let wav = files.wav(44_100, 22_050);
    for (w, h) in [(64usize, 36usize), (333, 17), (18, 31), (35, 40)] {
        let of =
            |format: &str| first(&render(&wav, "scene=wave-line", &format!("format={format},width={w},height={h}"))).1;
        let (i420, nv12) = (of("I420"), of("NV12"));
        let (half, rows) = (w.div_ceil(2), h.div_ceil(2));
        let luma = w.next_multiple_of(4) * h.next_multiple_of(2);
        let chroma = half.next_multiple_of(4) * rows;
        assert_eq!(i420.len(), luma + 2 * chroma, "{w}×{h}");
        let below = w.next_multiple_of(4) * h..luma;
        assert!(i420[below.clone()].iter().chain(&nv12[below]).all(|&byte| byte == 0), "{w}×{h}: below the last row");
        let [cb, cr] = [luma, luma + chroma].map(|at| plane(&i420, at, half, rows));
        let pairs: Vec<u8> = cb.iter().zip(&cr).flat_map(|(&cb, &cr)| [cb, cr]).collect();
        assert!(plane(&nv12, luma, 2 * half, rows) == pairs, "{w}×{h}");
        assert!(plane(&nv12, 0, w, h) == plane(&i420, 0, w, h), "{w}×{h}");
        // Luma is near to that of the RGBA picture: no row has gone elsewhere.
        let rgba = of("RGBA");
        for (luma, pixel) in plane(&i420, 0, w, h).iter().zip(rgba.chunks(4)) {
            let [r, g, b] = [0, 1, 2].map(|c| f64::from(pixel[c]));
            let want = 16.0 + (0.2126 * r + 0.7152 * g + 0.0722 * b) * 219.0 / 255.0;
            assert!((f64::from(*luma) - want).abs() < 0.52, "{w}×{h}: {luma} for {want}");
        }
        let caps = format!("format=I420,width={w},height={h},framerate=30/1");
        let delivered = frames(&wav, "scene=wave-line", &caps);
        assert!(delivered == frames(&wav, "scene=wave-line", &caps), "{w}×{h}: another run, other bytes");
    }
}

/// Colours that are told apart from what another matrix, another range or swapped channels make of them.
pub(crate) const COLOURS: [[u8; 3]; 4] = [[224, 32, 16], [16, 192, 64], [32, 64, 240], [255, 255, 255]];

/// Encoders and muxers, with what the file is called.
const FILES: [(&str, &str); 9] = [
    ("x264enc pass=qual quantizer=10 ! h264parse ! mp4mux", "h264.mp4"),
    ("x264enc pass=qual quantizer=10 ! h264parse ! qtmux", "h264.mov"),
    ("x264enc pass=qual quantizer=10 ! h264parse ! matroskamux", "h264.mkv"),
    ("x265enc option-string=crf=10 ! h265parse ! mp4mux", "hevc.mp4"),
    ("x265enc option-string=crf=10 ! h265parse ! matroskamux", "hevc.mkv"),
    ("vp9enc deadline=1 end-usage=cq cq-level=8 target-bitrate=9000000 ! webmmux", "vp9.webm"),
    ("vp9enc deadline=1 end-usage=cq cq-level=8 target-bitrate=9000000 ! vp9parse ! matroskamux", "vp9.mkv"),
    ("capsfilter caps=video/x-raw,format=I420 ! avenc_ffv1 ! matroskamux", "ffv1-i420.mkv"),
    ("avenc_ffv1 ! matroskamux", "ffv1.mkv"),
];

/// The mean red, green and blue of the top left corner of the last but one of a film's pictures, as ffmpeg shows it.
fn corner(film: &Path) -> [f64; 3] {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-i"]).arg(film);
    // The default of the scaler is to believe what the stream says of its colours.
    command.args(["-vf", "select=eq(n\\,2),scale=flags=accurate_rnd+full_chroma_int,format=rgb24,crop=16:16:0:0"]);
    command.args(["-frames:v", "1", "-f", "rawvideo", "-"]);
    let bytes = command.output().unwrap().stdout;
    assert_eq!(bytes.len(), 16 * 16 * 3, "{}", film.display());
    [0, 1, 2].map(|c| bytes.iter().skip(c).step_by(3).map(|&v| f64::from(v)).sum::<f64>() / 256.0)
}

#[test]
fn known_colours_come_out_of_every_codec_and_container_as_they_were_drawn() {
    let files = Fixtures::new();
    let silence = files.path("silence.wav");
    crate::common::audio::write_wav(&silence, 8_000, 1, &[0; 4_000]);
    for (encoder, name) in FILES {
        let factory = encoder.split(" ! ").find(|part| part.contains("enc")).unwrap().split(' ').next().unwrap();
        if gst::ElementFactory::find(factory).is_none() {
            continue;
        }
        for colour in COLOURS {
            let film = files.path(name);
            let hex: String = colour.iter().map(|v| format!("{v:02x}")).collect();
            TestPipeline::parse(&format!(
                "visualrender audio-location={} scene=bars-mirror background=#{hex} ! \
                 video/x-raw,width=192,height=108,framerate=10/1 ! {encoder} ! filesink location={}",
                silence.display(),
                film.display()
            ))
            .run(PATIENCE)
            .expect_eos();
            let shown = corner(&film);
            let off = shown.iter().zip(colour).map(|(shown, v)| (shown - f64::from(v)).abs()).fold(0.0, f64::max);
            assert!(off <= 2.5, "{name}: #{hex} is shown as {shown:?}; {}", colours(&film));
        }
        let said = colours(&files.path(name));
        let converted = "color_range=tv color_space=bt709 color_transfer=bt709 color_primaries=bt709";
        assert_eq!(said.starts_with(converted), name != "ffv1.mkv", "{name}: {said}");
        // VP9 and FFV1 have no word for it; Matroska and WebM have, which later versions write and read.
        let sited = name.starts_with("h264") || name.starts_with("hevc");
        let left = said.ends_with("chroma_location=left");
        assert!(left || !sited && said.ends_with("chroma_location=unspecified"), "{name}: {said}");
    }
}
