//! What a browser shows of films: Chromium, which finds out about colours for itself, and tells what it has drawn.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::common::audio::{Fixtures, write_wav};
use crate::common::{PATIENCE, TestPipeline};
use crate::yuv::COLOURS;

const PAGE: &str = include_str!("browser.html");

/// Encoders of pictures, those of sound with the muxer, and what the file is called: all that Debian's Chromium plays.
/// HEVC is not among it.
const FILMS: [(&str, &str, &str); 8] = [
    ("x264enc pass=qual quantizer=10 ! h264parse", "avenc_aac ! mp4mux", "h264.mp4"),
    ("x264enc pass=qual quantizer=10 ! h264parse", "avenc_aac ! qtmux", "h264.mov"),
    ("x264enc pass=qual quantizer=10 ! h264parse", "opusenc ! matroskamux", "h264.mkv"),
    ("vp8enc deadline=1 end-usage=cq cq-level=8 target-bitrate=9000000", "opusenc ! webmmux", "vp8.webm"),
    ("vp9enc deadline=1 end-usage=cq cq-level=8 target-bitrate=9000000", "opusenc ! webmmux", "vp9.webm"),
    ("vp9enc deadline=1 end-usage=cq cq-level=8 target-bitrate=9000000 ! vp9parse", "opusenc ! matroskamux", "vp9.mkv"),
    ("av1enc usage-profile=realtime cpu-used=8 target-bitrate=9000 ! av1parse", "opusenc ! webmmux", "av1.webm"),
    ("av1enc usage-profile=realtime cpu-used=8 target-bitrate=9000 ! av1parse", "avenc_aac ! mp4mux", "av1.mp4"),
];

/// One of SD, for which a player that is told nothing takes BT.601, and one of HD. Not 720×576: for that `qtmux` states an aperture
/// that Chromium refuses.
const SIZES: [(u32, u32); 2] = [(640, 360), (1280, 720)];

/// Ways in which Chromium converts to RGB, what chooses them, and how far red, green and blue may be off.
///
/// With shaders, here run on the CPU, as on any screen with a GPU: as exact as ffmpeg. Without, the factors of libyuv are bytes
/// of which 64 is one, so that blue gets twice of Cb instead of 1.86 · 255 / 224 = 2.11 times as much: up to 8 less in a deep blue
/// is its doing. Whoever takes the films for BT.601 is 8 or more off in green in each of the colours but white.
const WAYS: [(&str, &[&str], [f64; 3]); 2] = [
    ("shaders", &["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"], [2.5; 3]),
    ("no shaders", &["--disable-gpu"], [2.5, 2.5, 9.0]),
];

/// How long a browser may take for one film, its own start included.
const BROWSER_PATIENCE: Duration = PATIENCE.saturating_mul(3);

/// Answers requests for the page and for films by their number. What it is told comes out of the receiver.
fn serve(films: Vec<PathBuf>) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (teller, told) = channel();
    let films = Arc::new(films);
    // Both end with the process. A thread for each connection, since a browser opens some in advance.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (films, teller) = (films.clone(), teller.clone());
            std::thread::spawn(move || answer(&stream.unwrap(), &films, &teller));
        }
    });
    (address, told)
}

/// Answers one request, if there comes one.
fn answer(mut stream: &TcpStream, films: &[PathBuf], teller: &Sender<String>) {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    for line in reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
        head.push(line);
    }
    let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else { return };
    let film = || films.get(path[1..].parse::<usize>().ok()?);
    let (status, kind, body) = if path.starts_with("/?") {
        ("200 OK", "text/html", PAGE.into())
    } else if path == "/told" {
        let length = head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap()];
        reader.read_exact(&mut body).unwrap();
        // A test may have ended.
        let _ = teller.send(String::from_utf8(body).unwrap());
        ("204 No Content", "text/plain", Vec::new())
    } else if let Some(film) = film() {
        ("200 OK", "application/octet-stream", std::fs::read(film).unwrap())
    } else {
        ("404 Not Found", "text/plain", Vec::new())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // A browser may have gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

/// A browser with nothing but a page, which ends with the value.
struct Browser {
    child: Child,
    log: PathBuf,
}

impl Browser {
    fn open(url: &str, folder: &Path, options: &[&str]) -> Self {
        std::fs::create_dir(folder).unwrap();
        let log = folder.join("log");
        let mut command = Command::new("chromium");
        command
            .args(["--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", folder.join("profile").display()))
            .args(options)
            .arg(url)
            .env("HOME", folder)
            // Its own libraries may grumble.
            .env_remove("G_DEBUG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            // So that its helpers end with it.
            .process_group(0);
        let child = command
            .spawn()
            .unwrap_or_else(|e| panic!("the slow tests need chromium, Debian's package of that name: {e}"));
        Self { child, log }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process_group(
            rustix::process::Pid::from_child(&self.child),
            rustix::process::Signal::KILL,
        );
        let _ = self.child.wait();
    }
}

#[test]
fn a_browser_shows_known_colours_as_they_were_drawn() {
    let files = Fixtures::new();
    let silence = files.path("silence.wav");
    write_wav(&silence, 8_000, 1, &[0; 2_400]);
    let (mut films, mut wanted) = (Vec::new(), Vec::new());
    for (pictures, sound, name) in FILMS {
        // No other encoder takes NV12.
        let formats = if pictures.starts_with("x264enc") { &["I420", "NV12"][..] } else { &["I420"] };
        for format in formats {
            for (width, height) in SIZES {
                for colour in COLOURS {
                    let hex: String = colour.iter().map(|v| format!("{v:02x}")).collect();
                    let film = files.path(&format!("{format}-{width}-{hex}-{name}"));
                    TestPipeline::parse(&format!(
                        "visualrender audio-location={} scene=bars-mirror background=#{hex} ! \
                         video/x-raw,format={format},width={width},height={height},framerate=10/1 ! {pictures} ! mux. \
                         audiotestsrc wave=silence num-buffers=3 samplesperbuffer=4800 ! audio/x-raw,rate=48000 ! \
                         audioconvert ! {sound} name=mux ! filesink location={}",
                        silence.display(),
                        film.display()
                    ))
                    .run(PATIENCE)
                    .expect_eos();
                    films.push(film);
                    wanted.push((format!("{name} of {format}, {width}×{height}, #{hex}"), colour, [width, height]));
                }
            }
        }
    }
    for (way, options, tolerance) in WAYS {
        let (address, told) = serve(films.clone());
        let url = format!("http://{address}/?{}", films.len());
        let browser = Browser::open(&url, &files.path(way), options);
        let mut worst = [0.0f64; 3];
        for (film, colour, size) in &wanted {
            let told = told.recv_timeout(BROWSER_PATIENCE).unwrap_or_else(|_| {
                panic!("{film}, {way}: the browser is silent: {}", std::fs::read_to_string(&browser.log).unwrap())
            });
            let told: serde_json::Value = serde_json::from_str(&told).unwrap();
            assert!(told["error"].is_null(), "{film}, {way}: {}", told["error"]);
            assert_eq!(told["size"], serde_json::json!(size), "{film}, {way}");
            let said = "matrix bt709, primaries bt709, transfer bt709, full range false";
            assert_eq!(told["said"], said, "{film}, {way}");
            for (c, &drawn) in colour.iter().enumerate() {
                let off = (told["rgb"][c].as_f64().unwrap() - f64::from(drawn)).abs();
                assert!(off <= tolerance[c], "{film}, {way}: shown as {}", told["rgb"]);
                worst[c] = worst[c].max(off);
            }
        }
        println!("{} films, {way}: red, green and blue off by {worst:?} at most", films.len());
    }
}
