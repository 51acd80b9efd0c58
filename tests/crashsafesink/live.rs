//! Recorders that live: sources that stop, resume and vanish, slow disks, kills by the hundred, and what all of it costs.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::common::sink::{Recorder, names, playable_frames, playable_packets, shim};
use crate::common::{self, wait_until};
use crate::kill_loss::OPUS;

#[test]
fn at_64_kbit_a_second_the_file_grows_in_the_eyes_of_others_every_second() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(
        &format!("{OPUS} ! matroskamux ! crashsafesink location={}", dir.path().join("out.mkv").display()),
        &[],
    );
    let temp = dir.path().join("out.recording.mkv");
    let size = || std::fs::metadata(&temp).map_or(0, |m| m.len());
    wait_until("it records", || size() > 0);
    let (began, mut seen, mut grown, mut longest) = (Instant::now(), size(), Instant::now(), Duration::ZERO);
    while began.elapsed() < Duration::from_secs(6) {
        if size() > seen {
            (seen, longest) = (size(), longest.max(grown.elapsed()));
            grown = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    longest = longest.max(grown.elapsed());
    assert!(recorder.kill() && seen > 30_000, "{seen} bytes");
    assert!(longest < Duration::from_secs(1), "{longest:?} without growth");
}

#[test]
fn a_disk_that_takes_four_seconds_a_sync_costs_a_live_source_no_frame() {
    let tools = tempfile::tempdir().unwrap();
    let shim = shim(tools.path());
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.mkv");
    // What cannot go on within a second is dropped at the source, as a camera does.
    let line = format!(
        "videotestsrc is-live=true num-buffers=300 pattern=snow ! video/x-raw,width=320,height=240,framerate=30/1 ! \
         queue leaky=downstream max-size-buffers=30 max-size-bytes=0 max-size-time=0 ! \
         x264enc tune=zerolatency speed-preset=ultrafast bitrate=2000 ! h264parse ! matroskamux ! crashsafesink location={}",
        out.display()
    );
    let slow = [("LD_PRELOAD", shim.to_str().unwrap()), ("SHIM", "fdatasync:0:delay=4000")];
    let output = Recorder::start(&line, &slow).output();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(playable_frames(&out), 300);
}

/// A muxer setting with which a recording plays from its first frame on, and the encoder before it.
type KillSafe = (&'static str, &'static str);

const H264: &str = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=1 ! h264parse";
const KILL_SAFE: [KillSafe; 8] = [
    ("matroskamux", H264),
    ("matroskamux streamable=true", H264),
    ("webmmux", "vp8enc deadline=1 cpu-used=16"),
    ("mp4mux fragment-duration=50", H264),
    ("mp4mux fragment-duration=50 fragment-mode=first-moov-then-finalise", H264),
    ("mp4mux reserved-max-duration=20000000000 reserved-moov-update-period=50000000", H264),
    ("mpegtsmux", H264),
    ("flvmux", H264),
];

/// Frames of a recording that is not killed.
const FRAMES: usize = 30;

/// Kills of one recorder after another, beside somebody who looks all the time.
fn kill_and_look(form: usize, kills: usize) {
    let (muxer, encoder) = KILL_SAFE[form];
    let dir = tempfile::tempdir().unwrap();
    let (out, temp) = (dir.path().join("out"), dir.path().join("out.recording"));
    let line = format!(
        "videotestsrc is-live=true num-buffers={FRAMES} ! video/x-raw,width=64,height=64,framerate=30/1 ! \
         {encoder} ! {muxer} ! crashsafesink location={}",
        out.display()
    );
    let check_whole = |context: &str| {
        let frames = playable_frames(&out);
        assert_eq!(frames, FRAMES, "{context}: not all of it is under the final name");
    };
    for n in 0..kills {
        let context = format!("{muxer}, kill {n}");
        let recorder = Recorder::start(&line, &[]);
        let bytes = || [&out, &temp].iter().any(|file| std::fs::metadata(file).is_ok_and(|m| m.len() > 0));
        wait_until("there are bytes", bytes);
        let began = Instant::now();
        // Up to a little beyond the end, which needs a second.
        let until = Duration::from_millis((n as u64 * 397 + form as u64 * 131) % 1400);
        let mut seen = false;
        while began.elapsed() < until {
            if out.exists() && !seen {
                seen = true;
                check_whole(&context);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let age = began.elapsed();
        recorder.kill();
        let left = names(dir.path());
        if out.exists() {
            check_whole(&context);
        } else if age > Duration::from_millis(200) {
            assert!(playable_frames(&temp) > 0, "{context}: {} ms old and does not play", age.as_millis());
        }
        assert!(left.len() == 1, "{context}: {left:?}");
        let _ = std::fs::remove_file(&out);
        let _ = std::fs::remove_file(&temp);
    }
}

/// All forms at the same time.
pub fn kills_leave_what_plays(kills: usize) {
    std::thread::scope(|scope| {
        for form in 0..KILL_SAFE.len() {
            scope.spawn(move || kill_and_look(form, kills.div_ceil(KILL_SAFE.len())));
        }
    });
}

#[test]
fn what_kills_leave_plays_and_no_final_name_is_partial() {
    kills_leave_what_plays(if cfg!(feature = "soak") {
        5000
    } else if cfg!(feature = "full") {
        500
    } else {
        24
    });
}

#[cfg(feature = "full")]
mod long {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A figure of a process's status file, in KiB.
    fn memory(recorder: &Recorder, field: &str) -> u64 {
        let status = format!("/proc/{}/status", recorder.id().as_raw_nonzero());
        let status = std::fs::read_to_string(status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
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
            let sizes = || {
                (0..4)
                    .map(|n| {
                        std::fs::read_dir(dir.path())
                            .unwrap()
                            .flatten()
                            .filter(|e| e.file_name().to_string_lossy().contains(&format!("{sink}-{n}")))
                            .map(|e| e.metadata().unwrap().len())
                            .sum::<u64>()
                    })
                    .collect::<Vec<_>>()
            };
            let mut before = Vec::new();
            wait_until("no more comes", || {
                std::thread::sleep(Duration::from_millis(400));
                std::mem::replace(&mut before, sizes()) == before
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

    /// Sends bytes at a live pace, from `sent` on; at most one second's worth at the last step.
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
            wait_until("all that came is in the file", || {
                std::fs::metadata(&temp).is_ok_and(|m| m.len() == half as u64)
            });
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
            &format!(
                "-e {} ! adaptivequeue ! matroskamux ! crashsafesink location={}",
                rtp_source(port),
                out.display()
            ),
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
}
