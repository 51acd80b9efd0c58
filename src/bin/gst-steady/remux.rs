//! Repairs an unfinished recording by writing its streams into a new file.

use std::path::{Path, PathBuf};

use gst::prelude::*;

/// The muxer that a repaired file is written with.
fn muxer(path: &Path) -> (&'static str, &'static str) {
    match path.extension().and_then(|e| e.to_str()).unwrap_or_default() {
        "mp4" | "m4v" | "m4a" => ("mp4mux", ""),
        "mov" | "qt" => ("qtmux", ""),
        "ts" | "m2ts" => ("mpegtsmux", ""),
        "webm" => ("webmmux", ""),
        "avi" => ("avimux", ""),
        "flv" => ("flvmux", ""),
        "mkv" | "mka" => ("matroskamux", ""),
        // Matroska takes nearly everything.
        _ => ("matroskamux", ".mkv"),
    }
}

/// Copies the streams of the file at `path` into a new one beside `target`, which a muxer finishes, and returns its path.
pub fn remux(path: &Path, target: &Path) -> Result<PathBuf, String> {
    let (factory, more) = muxer(target);
    let stem = target.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let extension = target.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
    let output = target.with_file_name(format!("{stem}-repaired{extension}{more}"));
    let make = |name: &str| gst::ElementFactory::make(name).build().map_err(|e| e.to_string());
    let (source, parse, mux, sink) = (make("filesrc")?, make("parsebin")?, make(factory)?, make("crashsafesink")?);
    source.set_property("location", path);
    sink.set_property("location", &output);
    sink.set_property_from_str("on-exists", "number");
    let pipeline = gst::Pipeline::new();
    pipeline.add_many([&source, &parse, &mux, &sink]).map_err(|e| e.to_string())?;
    source.link(&parse).and_then(|()| mux.link(&sink)).map_err(|e| e.to_string())?;
    let (weak_pipeline, weak_mux) = (pipeline.downgrade(), mux.downgrade());
    parse.connect_pad_added(move |_, pad| {
        let (Some(pipeline), Some(mux)) = (weak_pipeline.upgrade(), weak_mux.upgrade()) else { return };
        // A stream that the container cannot take is left out, and its data goes nowhere.
        let into_mux = mux.compatible_pad(pad, pad.current_caps().as_ref());
        let end = match &into_mux {
            Some(_) => gst::ElementFactory::make("queue").property("max-size-time", 0_u64).build(),
            None => gst::ElementFactory::make("fakesink").property("async", false).build(),
        };
        let Ok(end) = end else { return };
        // A failure here shows as a stream without data.
        let _ = pipeline.add(&end);
        if let (Some(into_mux), Some(out)) = (into_mux, end.static_pad("src")) {
            let _ = out.link(&into_mux);
        }
        let _ = end.sync_state_with_parent();
        if let Some(sink_pad) = end.static_pad("sink") {
            let _ = pad.link(&sink_pad);
        }
    });
    let result = drain(&pipeline, &mux, &sink);
    let _ = pipeline.set_state(gst::State::Null);
    result
}

/// Runs to the end; an error of the reading side, which a torn file may well give, ends the streams instead.
fn drain(pipeline: &gst::Pipeline, mux: &gst::Element, sink: &gst::Element) -> Result<PathBuf, String> {
    pipeline.set_state(gst::State::Playing).map_err(|e| e.to_string())?;
    let bus = pipeline.bus().ok_or("no bus")?;
    let (mut path, mut torn) = (None, false);
    loop {
        let Some(message) = bus.timed_pop(gst::ClockTime::from_seconds(60)) else {
            return Err("reading it takes too long".into());
        };
        match message.view() {
            gst::MessageView::Element(e) => {
                if let Some(s) = e.structure().filter(|s| s.name() == "crashsafesink-finished") {
                    path = s.get::<String>("location").ok().map(PathBuf::from);
                }
            }
            gst::MessageView::Eos(_) => return path.ok_or_else(|| "there is no data in it".into()),
            gst::MessageView::Error(error) => {
                let writing = message.src().is_some_and(|src| src == sink || src == mux);
                if writing || torn || mux.sink_pads().is_empty() {
                    return Err(error.error().message().to_owned());
                }
                torn = true;
                for pad in mux.sink_pads() {
                    pad.send_event(gst::event::Eos::new());
                }
            }
            _ => {}
        }
    }
}
