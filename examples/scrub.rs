//! Scrubs through a song: jumps from frame to frame in a paused `visualrender`, and draws which frames are ready.
//!
//! ```text
//! cargo run --example scrub -- song.flac
//! ```
//!
//! Keys: `h` and `l` a frame back and on, `j` and `k` a second, a number and Enter that frame, space plays and pauses, `q` ends. From a
//! file or a pipe it takes the same; there it waits after each jump until the frame is shown, and draws the strip once.

use std::io::{IsTerminal, Read, Write};
use std::process::Command;
use std::time::Duration;

use gst::prelude::*;

type Failure = Box<dyn std::error::Error>;

/// Cells of the strip.
const WIDTH: u64 = 72;

fn main() -> Result<(), Failure> {
    gst::init()?;
    gststeady::plugin_register_static()?;
    let song = std::env::args().nth(1).unwrap_or_else(|| "examples/media/demo.flac".into());
    let pipeline = gst::parse::launch(
        "visualrender name=render ! video/x-raw,width=1280,height=720,framerate=30/1 ! appsink name=sink max-buffers=1",
    )?
    .downcast::<gst::Pipeline>()
    .map_err(|_| "not a pipeline")?;
    let render = pipeline.by_name("render").ok_or("no visualrender")?;
    render.set_property("audio-location", &song);
    let sink = pipeline.by_name("sink").and_downcast::<gst_app::AppSink>().ok_or("no appsink")?;
    pipeline.set_state(gst::State::Paused)?;
    pipeline.state(None).0?;
    let count: u64 = render.property("frame-count");
    let terminal = std::io::stdin().is_terminal().then(Terminal::new);

    let (mut frame, mut number, mut playing) = (0, String::new(), false);
    draw(&render, frame, count)?;
    // Locked, it is read through a buffer.
    for key in std::io::stdin().lock().bytes() {
        match key? {
            b'h' => frame = frame.saturating_sub(1),
            b'l' => frame += 1,
            b'j' => frame = frame.saturating_sub(30),
            b'k' => frame += 30,
            digit @ b'0'..=b'9' => {
                number.push(digit.into());
                continue;
            }
            b'\n' if !number.is_empty() => frame = std::mem::take(&mut number).parse()?,
            b' ' => {
                playing = !playing;
                pipeline.set_state(if playing { gst::State::Playing } else { gst::State::Paused })?;
                continue;
            }
            b'q' => break,
            _ => continue,
        }
        frame = frame.min(count.saturating_sub(1));
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
        pipeline.seek_simple(flags, gst::format::Default::from_u64(frame))?;
        if terminal.is_none() {
            let shown = sink.pull_preroll()?.buffer().map(gst::BufferRef::offset);
            assert_eq!(shown, Some(frame), "the frame that was asked for");
        }
        draw(&render, frame, count)?;
    }
    if terminal.is_none() {
        // What is near is rendered meanwhile, until there is nothing more to do.
        let mut before = String::new();
        while before != render.property::<String>("cache-status") {
            before = render.property("cache-status");
            std::thread::sleep(Duration::from_millis(100));
        }
        draw(&render, frame, count)?;
    }
    pipeline.set_state(gst::State::Null)?;
    println!();
    Ok(())
}

/// Takes keys one by one while it lives.
struct Terminal;

impl Terminal {
    fn new() -> Self {
        let _ = Command::new("stty").args(["-icanon", "-echo"]).status();
        Self
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("stty").args(["icanon", "echo"]).status();
    }
}

/// Draws the strip: each cell a part of the video, as ready as the least ready frame in it.
fn draw(render: &gst::Element, frame: u64, count: u64) -> Result<(), Failure> {
    let status: String = render.property("cache-status");
    let mut frames = Vec::new();
    for run in status.split_inclusive(char::is_alphabetic) {
        let (length, letter) = run.split_at(run.len() - 1);
        frames.extend(std::iter::repeat_n(letter, length.parse()?));
    }
    let mut line = String::new();
    for cell in 0..WIDTH {
        let part = cell * count / WIDTH..((cell + 1) * count / WIDTH).max(cell * count / WIDTH + 1);
        let least = part.clone().filter_map(|n| frames.get(n as usize)).min_by_key(|letter| "ewphl".find(**letter));
        let (colour, glyph) = match least.copied() {
            Some("l") => ("32", '█'),
            Some("w") => ("38;5;208", '▒'),
            Some("h") => ("34", '░'),
            Some("e") => ("31", '×'),
            _ => ("90", '·'),
        };
        let here = if part.contains(&frame) { ";7" } else { "" };
        line += &format!("\x1b[{colour}{here}m{glyph}\x1b[0m");
    }
    let stats: gst::Structure = render.property("memory-stats");
    let bytes = |name: &str| stats.get::<u64>(name).unwrap_or_default() as f64 / 1e6;
    print!("\r{line} {frame:>5} of {count}  {:.0}/{:.0} MB\x1b[K", bytes("charged"), bytes("limit"));
    std::io::stdout().flush()?;
    Ok(())
}
