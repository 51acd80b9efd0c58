//! `visualrender`: what its pictures look like, which of them are wanted, and in which bytes.

use std::path::{Path, PathBuf};

use gst::prelude::*;

use crate::common::audio::{Fixtures, error_of, frames, pull, render, sink, write_wav};
use crate::common::media::convert;
use crate::common::process::alone;
use crate::common::{self, PATIENCE, TestPipeline};

const SMALL: &str = "format=RGBA,width=160,height=90,framerate=30/1";

fn picture(files: &Fixtures) -> PathBuf {
    let path = files.path("cover.png");
    image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([x as u8 * 4, 200, y as u8 * 4])).save(&path).unwrap();
    path
}

/// `wav` in a container with a title, an artist and the picture as its cover.
fn tagged(files: &Fixtures, wav: &Path, extension: &str) -> PathBuf {
    let path = files.path(&format!("tagged.{extension}"));
    let cover = picture(files);
    let words = ["-metadata", "title=Titel", "-metadata", "artist=Künstlerin"];
    let options =
        [&["-i", cover.to_str().unwrap(), "-map", "0", "-map", "1", "-disposition:v", "attached_pic"], &words[..]];
    convert(wav, &path, &options.concat());
    path
}

#[test]
fn title_artist_and_cover_come_from_the_tags_of_every_container() {
    let files = Fixtures::new();
    let wav = files.wav(44_100, 4_410);
    let plain = frames(&wav, "", SMALL);
    let cover = picture(&files);
    let set = format!("title=Titel artist=Künstlerin cover-location={}", cover.display());
    for extension in ["flac", "mp3"] {
        let audio = tagged(&files, &wav, extension);
        let untagged = frames(&audio, "tags=false", SMALL);
        let tagged = frames(&audio, "", SMALL);
        assert_ne!(tagged, untagged, "{extension}");
        assert_eq!(tagged, frames(&audio, &set, SMALL), "{extension}: tags and properties differ");
        assert_eq!(frames(&audio, "title=\"\" artist=\"\" cover-location=\"\"", SMALL), untagged, "{extension}");
        if extension == "flac" {
            assert_eq!(untagged, plain, "the same samples");
        }
    }
    // Ogg files keep their covers in a comment, which ffmpeg does not write.
    let ogg = files.path("tagged.ogg");
    convert(&wav, &ogg, &["-metadata", "title=Titel", "-metadata", "artist=Künstlerin"]);
    assert_eq!(frames(&ogg, "", SMALL), frames(&ogg, "title=Titel artist=Künstlerin tags=false", SMALL));
}

#[test]
fn a_timeline_keeps_the_tags_of_its_audio() {
    let files = Fixtures::new();
    let audio = tagged(&files, &files.wav(44_100, 4_410), "flac");
    let location = format!("timeline-location={}", files.path("tune.steadytl").display());
    let whole = frames(&audio, "", SMALL);
    assert_eq!(frames(&audio, &location, SMALL), whole, "written");
    std::fs::remove_file(&audio).unwrap();
    assert_eq!(frames(&audio, &location, SMALL), whole, "read");
    assert_ne!(frames(&audio, &format!("{location} tags=false"), SMALL), whole);
}

#[test]
fn a_cover_that_cannot_be_used_is_an_error_only_if_it_was_asked_for() {
    let files = Fixtures::new();
    let wav = files.wav(8_000, 800);
    let notes = files.path("notes.txt");
    std::fs::write(&notes, "no picture").unwrap();
    let render = |cover: &Path| {
        format!("visualrender audio-location={} cover-location={} ! fakesink", wav.display(), cover.display())
    };
    let folder = files.path("").display().to_string();
    let text = |description: &str| error_of(description).0.message().replace(&folder, "/covers/");
    insta::assert_snapshot!(text(&render(&files.path("none.png"))), @"The cover “/covers/none.png” cannot be read: there is no such file. Check its name and its permissions.");
    insta::assert_snapshot!(text(&render(&notes)), @"“/covers/notes.txt” cannot be used as a cover: the cover is neither a JPEG nor a PNG picture. Give a JPEG or PNG picture.");
    insta::assert_snapshot!(text(&format!("visualrender audio-location={} background=red ! fakesink", wav.display())), @"“red” is no background; it can be dark, transparent or a colour such as #101820.");
}

#[test]
fn a_part_of_the_video_is_the_same_frames_with_their_own_times() {
    let files = Fixtures::new();
    let wav = files.wav(44_100, 44_101);
    let whole = frames(&wav, "", SMALL);
    for (start, stop) in [(0, 31), (0, 7), (7, 19), (19, 31), (30, u64::MAX), (31, 40), (12, 12)] {
        let part = frames(&wav, &format!("start-frame={start} stop-frame={stop}"), SMALL);
        let wanted = whole.iter().filter(|frame| (start..stop).contains(&frame.offset)).cloned().collect::<Vec<_>>();
        assert_eq!(part, wanted, "{start}..{stop}");
    }
}

#[test]
fn running_time_of_a_part_begins_with_its_first_frame_and_seeks_stay_in_it() {
    let files = Fixtures::new();
    let wav = files.wav(44_100, 44_101);
    let whole = frames(&wav, "", SMALL);
    let pipeline = render(&wav, "start-frame=10 stop-frame=20", SMALL);
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample = sink(&pipeline).try_pull_sample(gst::ClockTime::try_from(PATIENCE).unwrap()).unwrap();
    let segment = sample.segment().unwrap().downcast_ref::<gst::ClockTime>().unwrap();
    let pts = sample.buffer().unwrap().pts();
    assert_eq!(
        (pts, segment.to_running_time(pts)),
        (Some(gst::ClockTime::from_nseconds(whole[10].pts)), Some(gst::ClockTime::ZERO))
    );
    assert_eq!(pull(&pipeline), whole[11..20]);
    let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
    let seek = |rate, start: u64, stop: u64| {
        let at = gst::ClockTime::from_nseconds;
        pipeline.seek(rate, flags, gst::SeekType::Set, at(start), gst::SeekType::Set, at(stop)).unwrap();
        pull(&pipeline)
    };
    let end = whole[30].pts;
    assert_eq!(seek(1.0, 0, end), whole[10..20]);
    assert_eq!(seek(1.0, whole[15].pts, end), whole[15..20]);
    let mut backwards = whole[10..18].to_vec();
    backwards.reverse();
    assert_eq!(seek(-1.0, 0, whole[18].pts), backwards);
}

#[test]
fn the_tail_of_a_video_is_a_frame_that_reaches_past_the_audio_or_none() {
    let files = Fixtures::new();
    // This scene does not show how long the video is.
    let frames_of = |samples, tail| frames(&files.wav(44_100, samples), &format!("scene=bars-mirror {tail}"), SMALL);
    let whole = frames_of(44_101, "");
    assert_eq!((whole.len(), &whole), (31, &frames_of(44_101, "tail=ceil")));
    assert_eq!(frames_of(44_101, "tail=floor"), whole[..30]);
    assert_eq!(frames_of(44_100, "tail=floor").len(), 30, "nothing is cut off where audio ends with a frame");
    assert_eq!(frames_of(100, "tail=floor"), []);
}

#[test]
fn without_audio_there_are_as_many_pictures_of_silence_as_buffers_are_wanted() {
    let files = Fixtures::new();
    for (fps, samples) in [("30/1", 44_100), ("30000/1001", 44_144)] {
        let silence = files.path("silence.wav");
        write_wav(&silence, 44_100, 1, &vec![0; samples]);
        let caps = format!("format=RGBA,width=160,height=90,framerate={fps}");
        let heard = frames(&silence, "", &caps);
        let unheard = |properties: &str| {
            let pipeline = TestPipeline::parse(&format!(
                "visualrender {properties} ! video/x-raw,{caps} ! appsink name=sink sync=false"
            ));
            pipeline.set_state(gst::State::Playing).unwrap();
            pull(&pipeline)
        };
        assert_eq!(heard.len(), 30);
        assert_eq!(unheard("num-buffers=30"), heard, "{fps}");
        assert_eq!(unheard("num-buffers=20 start-frame=10"), heard[10..], "{fps}");
        assert_eq!(unheard("num-buffers=0"), []);
    }
    let text = error_of("visualrender ! fakesink").0.message().to_owned();
    insta::assert_snapshot!(text, @"No audio to draw: set audio-location to a file, audio-uri to a URI or timeline-location to a timeline; or num-buffers, for that many pictures of silence.");
}

/// The bytes of the first frame.
fn first_bytes(audio: &Path, properties: &str, caps: &str) -> Vec<u8> {
    let pipeline = render(audio, properties, caps);
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample = sink(&pipeline).try_pull_sample(gst::ClockTime::try_from(PATIENCE).unwrap()).unwrap();
    sample.buffer().unwrap().map_readable().unwrap().to_vec()
}

#[test]
fn every_format_has_the_same_pixels_in_its_own_order() {
    let files = Fixtures::new();
    let wav = files.wav(8_000, 800);
    for background in ["dark", "transparent"] {
        let properties = format!("background={background}");
        let bytes = |format: &str| first_bytes(&wav, &properties, &SMALL.replace("RGBA", format));
        let rgba = bytes("RGBA");
        for (format, order) in [("BGRA", [2, 1, 0, 3]), ("ARGB", [3, 0, 1, 2]), ("RGBx", [0, 1, 2, 3])] {
            // RGBx has no alpha, so nothing transparent is drawn in it.
            if (background, format) == ("transparent", "RGBx") {
                continue;
            }
            let reordered: Vec<u8> = rgba.chunks(4).flat_map(|pixel| order.map(|i| pixel[i])).collect();
            assert!(bytes(format) == reordered, "{format} on {background}");
        }
    }
}

#[test]
fn on_nothing_pictures_have_straight_alpha_that_compositor_lays_over_another_video() {
    let files = Fixtures::new();
    let wav = files.wav(44_100, 22_050);
    for scene in [
        "cover-pulse",
        "bars-mirror",
        "wave-line",
        "podcast-bars",
        "stem-dots",
        "aurora",
        "particles-burst",
        "tunnel",
        "terrain",
    ] {
        let bytes = |background: &str| first_bytes(&wav, &format!("scene={scene} background={background}"), SMALL);
        let (clear, red) = (bytes("transparent"), bytes("#602010"));
        let alphas: Vec<_> = clear.chunks(4).map(|pixel| pixel[3]).collect();
        assert!(alphas.iter().any(|&alpha| alpha < 32), "{scene}: nothing shows through");
        assert!(alphas.iter().any(|&alpha| alpha > 200), "{scene}: nothing is opaque");
        // Laid over a colour it is what is drawn on that colour, but that light is mixed where it was added.
        let mut off = 0u64;
        for (clear, red) in clear.chunks(4).zip(red.chunks(4)) {
            let alpha = u32::from(clear[3]);
            for ((over, below), want) in clear[..3].iter().zip([0x60u32, 0x20, 0x10]).zip(red) {
                let laid = (u32::from(*over) * alpha + below * (255 - alpha) + 127) / 255;
                off += u64::from(laid.abs_diff(u32::from(*want)));
            }
        }
        let mean = off as f64 / (alphas.len() * 3) as f64;
        // Where nearly all of it is light, or light fills the picture, more is off.
        let allowed = if ["aurora", "tunnel"].contains(&scene) { 20.0 } else { 8.0 };
        assert!(mean < allowed, "{scene}: {mean} levels off");
    }
}

#[test]
fn a_finer_quality_is_nearly_the_same_picture() {
    let files = Fixtures::new();
    let wav = files.wav(44_100, 22_050);
    let caps = "format=RGBA,width=640,height=360,framerate=30/1";
    for scene in [
        "cover-pulse",
        "bars-mirror",
        "wave-line",
        "podcast-bars",
        "stem-dots",
        "aurora",
        "particles-burst",
        "tunnel",
        "terrain",
    ] {
        let bytes = |quality: &str| first_bytes(&wav, &format!("scene={scene} quality={quality}"), caps);
        let best = bytes("ultra");
        let off = |other: &[u8]| {
            let sum: u64 = best.iter().zip(other).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            sum as f64 / best.len() as f64
        };
        let [fast, balanced] = ["fast", "balanced"].map(|quality| off(&bytes(quality)));
        assert!(balanced < 1.0 && balanced <= fast, "{scene}: {balanced} levels off, {fast} when fast");
        assert!(fast < 4.0, "{scene}: {fast} levels off when fast");
    }
}

#[test]
fn a_progress_bar_grows_with_the_frames() {
    let files = Fixtures::new();
    let wav = files.wav(8_000, 8_000);
    let pipeline = render(&wav, "progress-bar=true scene=bars-mirror", SMALL);
    pipeline.set_state(gst::State::Playing).unwrap();
    let sink = sink(&pipeline);
    let done = std::iter::from_fn(|| sink.pull_sample().ok()).map(|sample| {
        let map = sample.buffer().unwrap().map_readable().unwrap();
        let row = &map[87 * 160 * 4..88 * 160 * 4];
        row.chunks(4).filter(|pixel| pixel[..3].iter().any(|&v| v > 140)).count()
    });
    let done: Vec<_> = done.collect();
    assert!(done.is_sorted() && done[0] < 10 && done[29] > 145, "{done:?}");
}

#[test]
fn a_look_is_saved_and_loaded_as_a_preset() {
    let home = tempfile::tempdir().unwrap();
    alone!("XDG_DATA_HOME" = home.path().to_str().unwrap());
    common::init();
    let make = || gst::ElementFactory::make("visualrender").build().unwrap();
    let (saved, loaded) = (make(), make());
    saved.set_property("palette", "ember");
    saved.set_property_from_str("quality", "high");
    let presets = [&saved, &loaded].map(|element| element.dynamic_cast_ref::<gst::Preset>().unwrap());
    presets[0].save_preset("night").unwrap();
    presets[1].load_preset("night").unwrap();
    assert_eq!(loaded.property::<String>("palette"), "ember");
    presets[0].delete_preset("night").unwrap();
}

#[test]
fn a_palette_of_the_cover_has_its_colours() {
    let files = Fixtures::new();
    let wav = files.wav(44_100, 22_050);
    let cover = files.path("red.png");
    image::RgbImage::from_pixel(8, 8, image::Rgb([220, 20, 20])).save(&cover).unwrap();
    let mean = |palette: &str| {
        let properties = format!("scene=bars-mirror palette={palette} cover-location={}", cover.display());
        let bytes = first_bytes(&wav, &properties, SMALL);
        // What is plainly brighter than the background.
        let bytes: Vec<u8> =
            bytes.chunks(4).filter(|pixel| pixel[..3].iter().any(|&v| v > 80)).flatten().copied().collect();
        [0, 1, 2].map(|c| bytes.chunks(4).map(|pixel| u64::from(pixel[c])).sum::<u64>())
    };
    let [red, green, blue] = mean("cover");
    assert!(red > 2 * green && red > 2 * blue, "{red} {green} {blue}");
    let [red, green, blue] = mean("#0000ff");
    assert!(blue > red && blue > green, "{red} {green} {blue}");
}
