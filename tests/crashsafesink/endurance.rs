//! Recorders that run for long: sources that are cut, resume and vanish, four at once, more than an hour of media.

use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::sink::{Recorder, names, playable_frames, playable_packets};
use crate::common::{self, wait_until};

/// A figure of a process's status file, in KiB.
fn memory(recorder: &Recorder, field: &str) -> u64 {
    let status = format!("/proc/{}/status", recorder.id().as_raw_nonzero());
    let status = std::fs::read_to_string(status).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Bytes of all files in a folder.
fn folder_size(folder: &Path) -> u64 {
    std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.metadata().unwrap().len()).sum()
}

/// Seconds of CPU time.
fn cpu(recorder: &Recorder) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", recorder.id().as_raw_nonzero())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
}

fn gst_launch(line: &str) -> Child {
    let mut command = Command::new("gst-launch-1.0");
    command.arg("-q").args(line.split_whitespace()).stdin(Stdio::null());
    command.spawn().expect("gst-launch-1.0")
}

fn run(line: &str) {
    assert!(gst_launch(line).wait().unwrap().success(), "{line}");
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).unwrap();
}

/// A UDP port that nobody has just now.
fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn is_bound(port: u16) -> bool {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap();
    table.contains(&format!(":{port:04X} "))
}

fn rtp_source(port: u16) -> String {
    format!(
        "udpsrc address=127.0.0.1 port={port} buffer-size=8388608 \
         caps=application/x-rtp,media=video,clock-rate=90000,encoding-name=H264 ! rtpjitterbuffer ! rtph264depay ! h264parse"
    )
}

/// Ends a recorder as Ctrl-C does, and expects it to end well.
fn end(recorder: Recorder) {
    rustix::process::kill_process(recorder.id(), rustix::process::Signal::INT).unwrap();
    let output = recorder.output();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("WARN") && !text.contains("ERROR"), "{text}");
}

#[test]
fn four_live_recorders_in_one_process_drop_nothing_and_stay_small() {
    const FRAMES: usize = 600;
    let dir = common::folder_on_disk();
    let clip = dir.path().join("clip.mp4");
    run(&format!(
        "videotestsrc num-buffers={FRAMES} pattern=ball ! video/x-raw,width=1920,height=1080,framerate=30/1 ! \
         x264enc speed-preset=ultrafast tune=zerolatency bitrate=8000 key-int-max=30 ! h264parse ! mp4mux ! filesink location={}",
        clip.display()
    ));
    let mut costs = Vec::new();
    for sink in ["filesink", "crashsafesink"] {
        let ports: Vec<u16> = (0..4).map(|_| free_port()).collect();
        let file = |n: usize| dir.path().join(format!("{sink}-{n}.mkv"));
        let branch = |(n, port): (usize, &u16)| {
            format!(
                "{} ! adaptivequeue ! matroskamux ! {sink} async=false location={}",
                rtp_source(*port),
                file(n).display()
            )
        };
        let line = ports.iter().enumerate().map(branch).collect::<Vec<_>>().join(" ");
        let recorder = Recorder::start(&format!("-e {line}"), &[]);
        wait_until("all listen", || ports.iter().all(|port| is_bound(*port)));
        let clients = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",");
        run(&format!(
            "filesrc location={} ! qtdemux ! h264parse ! rtph264pay config-interval=-1 mtu=1400 ! \
             multiudpsink clients={clients} sync=true",
            clip.display()
        ));
        // The jitter buffer holds the last frames for a moment.
        let size = || folder_size(dir.path());
        let mut before = 0;
        wait_until("no more comes", || {
            std::thread::sleep(Duration::from_millis(400));
            std::mem::replace(&mut before, size()) == before
        });
        costs.push((cpu(&recorder), memory(&recorder, "VmHWM")));
        end(recorder);
        for n in 0..4 {
            assert_eq!(playable_frames(&file(n)), FRAMES, "{sink} {n}");
        }
    }
    let [theirs, ours] = costs[..] else { unreachable!() };
    println!(
        "four recorders of 1080p30 for 20 s: {:.2} s of CPU and {} MiB with crashsafesink, {:.2} s and {} MiB with filesink",
        ours.0,
        ours.1 >> 10,
        theirs.0,
        theirs.1 >> 10
    );
    assert!(ours.1 <= 200 << 10, "{} MiB", ours.1 >> 10);
    assert!(ours.0 <= 1.2 * theirs.0 + 0.2, "{costs:?}");
}

/// Sends bytes in pieces, at a live pace.
fn send(stream: &mut TcpStream, bytes: &[u8]) {
    for piece in bytes.chunks(13_160) {
        stream.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn transport_stream(folder: &Path) -> Vec<u8> {
    let clip = folder.join("clip.ts");
    run(&format!(
        "videotestsrc num-buffers=300 pattern=snow ! video/x-raw,width=320,height=240,framerate=30/1 ! \
         x264enc speed-preset=ultrafast bitrate=1500 key-int-max=30 ! h264parse ! mpegtsmux ! filesink location={}",
        clip.display()
    ));
    std::fs::read(clip).unwrap()
}

#[test]
fn a_tcp_source_that_is_cut_for_half_a_minute_resumes_and_vanishes_loses_no_byte() {
    let dir = common::folder_on_disk();
    let bytes = transport_stream(dir.path());
    let half = bytes.len() / 2;
    for vanishes in ["ends", "is reset"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (out, temp) = (dir.path().join("out.ts"), dir.path().join("out.recording.ts"));
        let line = format!(
            "-e tcpclientsrc host=127.0.0.1 port={port} ! adaptivequeue ! crashsafesink location={}",
            out.display()
        );
        let recorder = Recorder::start(&line, &[]);
        let (mut stream, _) = listener.accept().unwrap();
        send(&mut stream, &bytes[..half]);
        wait_until("all that came is in the file", || std::fs::metadata(&temp).is_ok_and(|m| m.len() == half as u64));
        // The pause is what is tested.
        std::thread::sleep(Duration::from_secs(30));
        send(&mut stream, &bytes[half..]);
        wait_until("all that came is in the file", || {
            std::fs::metadata(&temp).is_ok_and(|m| m.len() == bytes.len() as u64)
        });
        if vanishes == "ends" {
            drop(stream);
            let output = recorder.output();
            assert!(output.status.success(), "{output:?}");
            assert!(std::fs::read(&out).unwrap() == bytes);
            std::fs::remove_file(&out).unwrap();
        } else {
            // Unsent data in a socket that closes at once, as when a machine goes.
            let linger = libc::linger { l_onoff: 1, l_linger: 0 };
            let size = std::mem::size_of::<libc::linger>() as libc::socklen_t;
            // SAFETY: the socket is open and the option is of the size that is given.
            let set = unsafe {
                libc::setsockopt(
                    std::os::fd::AsRawFd::as_raw_fd(&stream),
                    libc::SOL_SOCKET,
                    libc::SO_LINGER,
                    (&raw const linger).cast(),
                    size,
                )
            };
            assert_eq!(set, 0);
            drop(stream);
            let output = recorder.output();
            // The source fails; what it sent is kept or, if it took that for an end, finished.
            let kept = [&out, &temp].into_iter().find(|file| file.exists()).unwrap();
            assert!(std::fs::read(kept).unwrap() == bytes, "{output:?}");
        }
    }
}

#[test]
fn an_rtp_source_that_is_cut_for_half_a_minute_resumes_and_vanishes_leaves_a_whole_recording() {
    let dir = common::folder_on_disk();
    let out = dir.path().join("out.mkv");
    let port = free_port();
    let recorder = Recorder::start(
        &format!("-e {} ! adaptivequeue ! matroskamux ! crashsafesink location={}", rtp_source(port), out.display()),
        &[],
    );
    wait_until("it listens", || is_bound(port));
    let mut sender = gst_launch(&format!(
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 ! \
         x264enc tune=zerolatency speed-preset=ultrafast bitrate=1000 key-int-max=30 ! h264parse ! \
         rtph264pay config-interval=-1 ! udpsink host=127.0.0.1 port={port} sync=false"
    ));
    let temp = dir.path().join("out.recording.mkv");
    let frames = || playable_frames(&temp);
    wait_until("three seconds are in the file", || frames() >= 90);
    signal(&sender, rustix::process::Signal::STOP);
    // The pause is what is tested.
    std::thread::sleep(Duration::from_secs(30));
    let before = frames();
    signal(&sender, rustix::process::Signal::CONT);
    wait_until("it goes on", || frames() >= before + 60);
    sender.kill().unwrap();
    sender.wait().unwrap();
    let left = frames();
    end(recorder);
    assert!(playable_frames(&out) >= left);
    assert_eq!(names(dir.path()), ["out.mkv"]);
}

#[test]
fn seventy_minutes_of_media_take_no_more_memory_than_seven() {
    let dir = common::folder_on_disk();
    let recorder = |sink: &str, file: &Path| {
        Recorder::start(
            &format!(
                "videotestsrc num-buffers=126000 pattern=ball ! video/x-raw,width=160,height=120,framerate=30/1 ! \
                 x264enc speed-preset=ultrafast key-int-max=60 bitrate=300 ! h264parse ! queue ! mux. \
                 audiotestsrc num-buffers=210000 samplesperbuffer=960 ! audio/x-raw,rate=48000,channels=1 ! \
                 opusenc bitrate=32000 ! queue ! mux. mpegtsmux name=mux ! {sink} location={}",
                file.display()
            ),
            &[],
        )
    };
    let out = dir.path().join("out.ts");
    let temp: PathBuf = dir.path().join("out.recording.ts");
    let mut recorder = recorder("crashsafesink", &out);
    let mut samples: Vec<(u64, u64)> = Vec::new();
    while recorder.ended().is_none() {
        let size = std::fs::metadata(&temp).map_or(0, |m| m.len());
        samples.push((size, memory(&recorder, "VmRSS")));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(recorder.output().status.success());
    let whole = std::fs::metadata(&out).unwrap().len();
    let most = |from: u64, to: u64| {
        samples
            .iter()
            .filter(|(size, _)| (whole * from / 100..whole * to / 100).contains(size))
            .map(|s| s.1)
            .max()
            .unwrap()
    };
    let (early, late) = (most(5, 10), most(90, 100));
    println!("{early} KiB until 7 minutes, {late} KiB in the last 7");
    assert!(late <= early + early / 20, "{early} KiB, {late} KiB");
    // The encoder's delay may make one packet more.
    assert!(playable_frames(&out) == 126_000 && playable_packets(&out, "a") >= 210_000);
}
