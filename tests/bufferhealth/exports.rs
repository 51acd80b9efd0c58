//! bufferhealth as monitoring systems see it: each reader is told the truth, none can disturb the stream.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::common::process::alone;
use crate::common::{PATIENCE, TestPipeline, init, wait_until};

/// A port that nobody uses. Another program could take it before we do, but the kernel goes round all of them first.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The answer to bytes sent: its head and its body.
fn answer(port: u16, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(local(port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    (head.to_owned(), body.to_owned())
}

pub fn get(port: u16, path: &str, accept: &str) -> (String, String) {
    answer(port, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: {accept}\r\n\r\n"))
}

fn metrics(port: u16) -> String {
    let (head, body) = get(port, "/metrics", "*/*");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    body
}

/// The value of the series of `name` whose labels contain `label`.
fn value(text: &str, name: &str, label: &str) -> Option<f64> {
    let mut lines = text.lines().filter(|line| !line.starts_with('#') && line.contains(label));
    let line = lines.find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

/// What promtool says of `input`; it must be content.
fn promtool(arguments: &[&str], input: &str) {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool, of Debian's prometheus");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}");
    assert!(
        !said.contains("error") && (arguments[0] != "check" || arguments[1] != "metrics" || said.is_empty()),
        "{said}"
    );
}

/// A live stream with a clock, a queue and a sink that waits, so that no metric is missing.
fn watched(port: u16) -> TestPipeline {
    let p = TestPipeline::parse(&format!(
        "videotestsrc is-live=true ! video/x-raw,framerate=50/1,width=64,height=48 ! queue ! \
         bufferhealth name=h label=camera interval=100000000 prometheus-address={port} pair-id=scraped pair-role=end ! \
         fakesink sync=true"
    ));
    p.set_property("name", "studio");
    p.set_state(gst::State::Playing).unwrap();
    p
}

/// The text of the first warning on the bus.
fn warning(p: &TestPipeline) -> String {
    let timeout = gst::ClockTime::try_from(PATIENCE).unwrap();
    let message = p.bus().unwrap().timed_pop_filtered(timeout, &[gst::MessageType::Warning]).expect("a warning");
    let gst::MessageView::Warning(warning) = message.view() else { unreachable!() };
    assert!(warning.error().matches(gst::ResourceError::Settings));
    warning.error().message().to_owned()
}

fn passed(p: &TestPipeline) -> u64 {
    p.element("h").property::<gst::Structure>("stats").get("buffers-out").unwrap()
}

#[test]
fn promtool_accepts_what_prometheus_gets_in_both_formats() {
    let port = free_port();
    let p = watched(port);
    // Once a frame has been rendered in the process there are figures of that.
    TestPipeline::parse("visualrender num-buffers=1 ! fakesink").run(PATIENCE).expect_eos();
    wait_until("figures of all kinds are there", || {
        let text = metrics(port);
        value(&text, "gst_health_lateness_seconds_count", "camera").is_some_and(|n| n > 3.0)
            && value(&text, "gst_health_fill_ratio", "camera").is_some()
    });
    let (head, text) = get(port, "/metrics", "text/plain;version=0.0.4");
    assert!(head.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
    promtool(&["check", "metrics"], &text);
    let labels = "{pipeline=\"studio\",element=\"camera\",pad=\"src\",media=\"video\"}";
    assert!(text.contains(&format!("\ngst_health_healthy{labels} 1\n")), "{text}");
    assert!(value(&text, "process_resident_memory_bytes", "").is_some_and(|bytes| bytes > 1e6));

    let (head, open) = get(port, "/metrics", "application/openmetrics-text;version=1.0.0,*/*;q=0.1");
    assert!(
        head.contains("\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"),
        "{head}"
    );
    // Its `check metrics` reads the older format alone, but it can import the other one, if there are times.
    let dated: Vec<_> = open
        .lines()
        .map(|line| if line.starts_with('#') { line.to_owned() } else { format!("{line} 1700000000") })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metrics");
    std::fs::write(&file, dated.join("\n") + "\n").unwrap();
    let data = folder.path().join("data");
    promtool(&["tsdb", "create-blocks-from", "openmetrics", file.to_str().unwrap(), data.to_str().unwrap()], "");
    drop(p);

    // Every metric of the table was there, but for what needs a recording.
    for entry in gststeady::logic::metrics::entries() {
        let there = text.contains(&format!("# TYPE {} {}\n", entry.name, entry.kind.name()));
        assert_eq!(there, !entry.name.starts_with("gst_steady_sink_"), "{}", entry.name);
    }
}

#[test]
fn every_scrape_balances() {
    let port = free_port();
    let p = TestPipeline::parse(&format!("fakesrc ! bufferhealth prometheus-address={port} ! fakesink"));
    p.set_state(gst::State::Playing).unwrap();
    let mut before = 0.0;
    for _ in 0..10 {
        let mut text = String::new();
        wait_until("there is a new answer", || {
            text = metrics(port);
            value(&text, "gst_health_buffers_in_total", "") > Some(before)
        });
        let [arrived, out, dropped, held] = ["in_total", "out_total", "dropped_total", "held"]
            .map(|what| value(&text, &format!("gst_health_buffers_{what}"), "").unwrap());
        assert_eq!(arrived, out + dropped + held);
        before = arrived;
    }
}

#[test]
fn slow_mad_and_silent_readers_cost_the_stream_nothing() {
    let port = free_port();
    // Twenty points make a page too long for the buffers of a socket.
    let probes = format!("bufferhealth prometheus-address={port} ! ").repeat(20);
    let p = TestPipeline::parse(&format!(
        "videotestsrc is-live=true ! video/x-raw,framerate=100/1,width=16,height=16 ! {probes} \
         bufferhealth name=h late-threshold=300000000 prometheus-address=:{port} ! fakesink sync=true"
    ));
    p.set_state(gst::State::Playing).unwrap();
    wait_until("it runs", || passed(&p) > 10);
    assert!(metrics(port).len() > 200_000, "one page has all points");
    let connect = || TcpStream::connect(local(port)).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                let mut stream = connect();
                let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n");
                while !done.load(Ordering::Relaxed) {
                    let _ = stream.read(&mut [0; 16]);
                    thread::sleep(Duration::from_millis(20));
                }
            });
        }
        let half_open: Vec<_> = (0..20)
            .map(|_| {
                let mut stream = connect();
                stream.write_all(b"GET /me").unwrap();
                stream
            })
            .collect();
        let mad = scope.spawn(|| {
            let mut n = 0u32;
            while !done.load(Ordering::Relaxed) {
                let mut stream = connect();
                let garbage: Vec<u8> = (0..3000).map(|i: u32| (i.wrapping_mul(n | 1) >> 3) as u8).collect();
                let _ = stream.write_all(&garbage);
                n += 1;
                thread::sleep(Duration::from_millis(5));
            }
            n
        });
        let (began, before) = (Instant::now(), passed(&p));
        let mut slowest = Duration::ZERO;
        while began.elapsed() < Duration::from_secs(3) {
            let asked = Instant::now();
            assert!(value(&metrics(port), "gst_health_buffers_in_total", "\"h\"").is_some());
            slowest = slowest.max(asked.elapsed());
            thread::sleep(Duration::from_millis(100));
        }
        let rate = (passed(&p) - before) as f64 / began.elapsed().as_secs_f64();
        done.store(true, Ordering::Relaxed);
        assert!(mad.join().unwrap() > 20);
        assert!((97.0..103.0).contains(&rate), "{rate} buffers a second instead of 100");
        assert!(slowest < Duration::from_secs(2), "an answer took {slowest:?}");
        drop(half_open);
    });
    let stats: gst::Structure = p.element("h").property("stats");
    assert_eq!((stats.get::<u64>("missing").unwrap(), stats.get::<u64>("late").unwrap()), (0, 0), "{stats}");
}

#[test]
fn whoever_asks_for_something_else_is_told_so() {
    let port = free_port();
    let _p = watched(port);
    let line = |request: &str| answer(port, request).0.lines().next().unwrap().to_owned();
    assert_eq!(line("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 200 OK");
    assert_eq!(line("GET /etc/passwd HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 Not Found");
    assert_eq!(line("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"), "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(line("\0\r\n\r\n"), "HTTP/1.1 400 Bad Request");
    let long = format!("GET / HTTP/1.1\r\nCookie: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(line(&long), "HTTP/1.1 431 Request Header Fields Too Large");
    let (head, body) = answer(port, "HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(body.is_empty() && !head.contains("Content-Length: 0"), "{head}");
    assert_eq!(line("GET /me"), "HTTP/1.1 408 Request Timeout");
}

#[test]
fn health_is_503_while_a_stream_stands_still() {
    let port = free_port();
    let p = TestPipeline::parse(&format!(
        "appsrc name=src format=time ! bufferhealth name=h stall-timeout=300000000 prometheus-address={port} ! fakesink async=false"
    ));
    let src: gst_app::AppSrc = p.element("src").downcast().unwrap();
    p.set_state(gst::State::Playing).unwrap();
    let (head, _) = get(port, "/health", "*/*");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "nothing has begun: {head}");
    src.push_buffer(gst::Buffer::with_size(8).unwrap()).unwrap();
    let mut body = String::new();
    wait_until("it stalls", || {
        let (head, said) = get(port, "/health", "*/*");
        body = said;
        head.starts_with("HTTP/1.1 503 ")
    });
    let json: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&json["status"], &json["points"][0]["element"]), (&"stalled".into(), &"h".into()));
    assert_eq!(json["points"][0]["reasons"], serde_json::json!(["stalled", "starved"]));
}

#[test]
fn series_vanish_with_their_element_and_the_port_is_free_at_once() {
    let port = free_port();
    let first = watched(port);
    let second = TestPipeline::parse(&format!(
        "fakesrc ! bufferhealth label=second prometheus-address=127.0.0.1:{port} ! fakesink"
    ));
    second.set_state(gst::State::Playing).unwrap();
    let both = metrics(port);
    assert!(both.contains("element=\"camera\"") && both.contains("element=\"second\""));
    first.set_state(gst::State::Null).unwrap();
    wait_until("the first is gone", || !metrics(port).contains("camera"));
    for _ in 0..20 {
        second.set_state(gst::State::Null).unwrap();
        assert!(TcpStream::connect(local(port)).is_err(), "somebody still listens");
        second.set_state(gst::State::Playing).unwrap();
        assert!(metrics(port).contains("second"));
    }
    let bus = second.bus().unwrap();
    assert!(bus.pop_filtered(&[gst::MessageType::Warning]).is_none(), "a start found the port taken by the one before");
}

#[test]
fn a_busy_port_and_what_is_no_address_are_warned_of_and_the_stream_goes_on() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let p = watched(port);
    assert_eq!(
        warning(&p),
        format!(
            "Cannot listen at 127.0.0.1:{port}: address already in use. Another program uses that port: stop it, or choose another \
             port. Within one program all may name the same one. The stream goes on without."
        )
    );
    wait_until("the stream goes on", || passed(&p) > 20);
    let told = |setting: &str| {
        let p = TestPipeline::parse(&format!("fakesrc ! bufferhealth name=h {setting} ! fakesink"));
        p.set_state(gst::State::Playing).unwrap();
        let text = warning(&p);
        wait_until("the stream goes on", || passed(&p) > 20);
        text
    };
    assert!(told("prometheus-address=here").contains("\"here\" is no address to listen at. Write a port, as in 9464"));
    assert!(told("prometheus-address=192.0.2.1:9464").contains("This machine does not have that address"));
    assert!(told("statsd-address=8125").contains("\"8125\" is no address to send to. Write a host"));
    assert!(
        told("statsd-address=no-such-host.invalid").starts_with("Cannot send metrics to no-such-host.invalid:8125: ")
    );
}

#[test]
fn a_textfile_is_whole_readable_and_gone_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gst.prom");
    let file = path.display();
    let p = TestPipeline::parse(&format!(
        "videotestsrc is-live=true ! queue ! bufferhealth name=h interval=100000000 textfile={file} ! fakesink sync=true"
    ));
    p.set_state(gst::State::Playing).unwrap();
    let read = || std::fs::read_to_string(&path).unwrap_or_default();
    wait_until("it is written again and again", || value(&read(), "gst_health_buffers_out_total", "\"h\"") > Some(3.0));
    let text = read();
    promtool(&["check", "metrics"], &text);
    assert!(!text.contains("process_") && text.contains("\ngst_steady_memory_limit_bytes "));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
    p.set_state(gst::State::Null).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file, or another one, is still there");
}

#[test]
fn a_textfile_that_cannot_be_written_or_is_somebody_elses_is_warned_of_and_the_stream_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let told = |path: &std::path::Path| {
        let p = TestPipeline::parse(&format!("fakesrc ! bufferhealth name=h textfile={} ! fakesink", path.display()));
        p.set_state(gst::State::Playing).unwrap();
        let text = warning(&p);
        wait_until("the stream goes on", || passed(&p) > 20);
        text
    };
    let nowhere = folder.path().join("gone/gst.prom");
    assert_eq!(
        told(&nowhere),
        format!(
            "Cannot write the metrics to {}: no such file or directory. Set textfile to a file in a folder that may be written to, \
             such as that of node_exporter's --collector.textfile.directory. The stream goes on without.",
            nowhere.display()
        )
    );
    let theirs = folder.path().join("diary.txt");
    std::fs::write(&theirs, "Dear diary").unwrap();
    assert!(told(&theirs).contains("is there and is no file of metrics, so it stays as it is."));
    assert!(told(folder.path()).contains("is there and is no file of metrics"));
    assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "Dear diary");
    // One that an earlier process has left is taken over.
    let left = folder.path().join("left.prom");
    std::fs::write(&left, "# HELP gst_health_healthy x\n").unwrap();
    let p = TestPipeline::parse(&format!("fakesrc ! bufferhealth name=h textfile={} ! fakesink", left.display()));
    p.set_state(gst::State::Playing).unwrap();
    wait_until("it is replaced", || std::fs::read_to_string(&left).unwrap().contains("gst_health_healthy{"));
}

#[test]
fn statsd_gets_what_counters_grew_by() {
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = server.local_addr().unwrap().port();
    let p = TestPipeline::parse(&format!(
        "fakesrc num-buffers=1000 sizetype=fixed sizemax=10 ! bufferhealth name=h interval=100000000 statsd-address=127.0.0.1:{port} ! fakesink"
    ));
    p.set_property("name", "a.b");
    p.set_state(gst::State::Playing).unwrap();
    let (mut buffers, mut bytes, mut gauges) = (0, 0, 0);
    let mut datagram = [0; 65536];
    while bytes < 10_000 || gauges < 2 {
        let length = server.recv(&mut datagram).expect("a datagram");
        assert!(length <= 1432, "{length}");
        for line in std::str::from_utf8(&datagram[..length]).unwrap().split('\n') {
            let (name, value) = line.split_once(':').unwrap();
            match (name, value.strip_suffix("|c")) {
                ("gst_health.a_b.h.src.buffers_in", Some(n)) => buffers += n.parse::<u64>().unwrap(),
                ("gst_health.a_b.h.src.bytes", Some(n)) => bytes += n.parse::<u64>().unwrap(),
                ("gst_health.a_b.h.src.healthy", None) => gauges += 1,
                _ => {}
            }
        }
    }
    assert_eq!((buffers, bytes), (1000, 10_000));
}

/// What is over before the first interval is sent at the end.
#[test]
fn statsd_gets_the_last_of_a_stream_that_ends() {
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = server.local_addr().unwrap().port();
    let p = TestPipeline::parse(&format!(
        "fakesrc num-buffers=20 sizetype=fixed sizemax=10 ! bufferhealth name=h interval=3600000000000 statsd-address=127.0.0.1:{port} ! fakesink"
    ));
    p.set_property("name", "short");
    p.run(PATIENCE).expect_eos();
    p.set_state(gst::State::Null).unwrap();
    let (mut buffers, mut datagram) = (0, [0; 65536]);
    while buffers < 20 {
        let length = server.recv(&mut datagram).expect("a datagram");
        let lines = std::str::from_utf8(&datagram[..length]).unwrap().split('\n');
        let counts =
            lines.filter_map(|line| line.strip_prefix("gst_health.short.h.src.buffers_in:")?.strip_suffix("|c"));
        buffers += counts.map(|count| count.parse::<u64>().unwrap()).sum::<u64>();
    }
    assert_eq!(buffers, 20);
}

#[test]
fn recordings_and_what_they_left_are_shown() {
    alone!();
    let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
    let (out, left) = (folder.path().join("out.bin"), folder.path().join("old.recording.bin"));
    let age = Duration::from_secs(7200);
    std::fs::File::create(&left).unwrap().set_modified(std::time::SystemTime::now() - age).unwrap();
    let p = TestPipeline::parse(&format!(
        "appsrc name=src ! bufferhealth prometheus-address={port} ! \
         crashsafesink name=sink async=false flush-interval=0 flush-threshold=1000000 durability=sync location={}",
        out.display()
    ));
    let src: gst_app::AppSrc = p.element("src").downcast().unwrap();
    assert!(p.set_state(gst::State::Playing).is_ok());
    let shown = |what: &str| value(&metrics(port), &format!("gst_steady_sink_{what}"), "");
    wait_until("it is being recorded", || shown("recordings") == Some(1.0));
    assert_eq!((shown("unsynced_bytes"), shown("since_flush_seconds")), (Some(0.0), Some(0.0)), "nothing waits");
    let pushed = Instant::now();
    src.push_buffer(gst::Buffer::with_size(100).unwrap()).unwrap();
    wait_until("bytes wait, and for long", || {
        shown("unsynced_bytes") == Some(100.0) && shown("since_flush_seconds").is_some_and(|waited| waited > 0.5)
    });
    assert!(shown("since_flush_seconds").unwrap() <= pushed.elapsed().as_secs_f64());
    wait_until("the folder has been looked into", || shown("leftovers") == Some(1.0));
    assert!(shown("leftover_age_seconds").is_some_and(|seconds| (7200.0..7400.0).contains(&seconds)));
    // A window that is full is flushed, and what comes after it has not waited.
    src.push_buffer(gst::Buffer::with_size(1_000_000 - 100).unwrap()).unwrap();
    wait_until("all is safe", || shown("unsynced_bytes") == Some(0.0));
    let again = Instant::now();
    src.push_buffer(gst::Buffer::with_size(7).unwrap()).unwrap();
    wait_until("other bytes wait", || shown("unsynced_bytes") == Some(7.0));
    assert!(shown("since_flush_seconds").unwrap() <= again.elapsed().as_secs_f64());
}

#[test]
fn ten_thousand_elements_come_and_go_and_leave_nothing() {
    alone!();
    init();
    let port = free_port();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gst.prom");
    let status = |what: &str| {
        let text = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':').map(str::to_owned)).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    let files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let no_threads = || {
        wait_until("threads have ended", || {
            let tasks = std::fs::read_dir("/proc/self/task").unwrap();
            let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
            names.filter(|name| name.starts_with("steady-")).count() == 0
        });
    };
    let mut early = None;
    for n in 0..10_000 {
        let h =
            gst::ElementFactory::make("bufferhealth").property("prometheus-address", port.to_string()).build().unwrap();
        if n % 10 == 0 {
            h.set_property("textfile", path.to_str().unwrap());
            h.set_property("statsd-address", "127.0.0.1:9");
        }
        h.set_state(gst::State::Paused).unwrap();
        if n % 100 == 0 {
            assert!(metrics(port).contains("gst_health_healthy{"), "round {n}");
        }
        h.set_state(gst::State::Null).unwrap();
        if n == 2000 {
            no_threads();
            early = Some((status("VmRSS"), files()));
        }
    }
    no_threads();
    let (kib, descriptors) = early.unwrap();
    assert!(status("VmRSS") <= kib + 2048, "grew from {kib} to {} KiB", status("VmRSS"));
    assert!(files() <= descriptors, "{descriptors} files became {}", files());
}

/// What alerts and the dashboard ask for.
pub fn queries() -> Vec<String> {
    let text = include_str!("../../examples/operator/dashboard.json");
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    let panels = json["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

pub const ALERTS: &str = include_str!("../../examples/operator/alerts.yml");

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
    promtool(&["check", "rules", concat!(env!("CARGO_MANIFEST_DIR"), "/examples/operator/alerts.yml")], "");
    let known: Vec<String> = gststeady::logic::metrics::entries().into_iter().map(|entry| entry.name).collect();
    let expressions = ALERTS.lines().filter_map(|line| line.trim().strip_prefix("expr: ").map(str::to_owned));
    let mut asked = 0;
    for query in expressions.chain(queries()) {
        let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for word in
            words.filter(|w| ["gst_", "process_"].iter().any(|p| w.starts_with(p)) && *w != "gst_health_reason_")
        {
            let name = word.strip_suffix("_bucket").unwrap_or(word);
            assert!(known.iter().any(|known| known == name), "{word} in {query}");
            asked += 1;
        }
    }
    assert!(asked > 30, "{asked}");
}
