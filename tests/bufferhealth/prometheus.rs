//! A real Prometheus beside a running pipeline.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::common::{TestPipeline, folder_on_disk};
use crate::exports::{ALERTS, free_port, get, queries};

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ask(port: u16, path: &str) -> serde_json::Value {
    let (head, body) = get(port, path, "application/json");
    // Its longer answers come in chunks, each after its length in a line of its own.
    let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") { unchunked(&body) } else { body };
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {head}\n{body}"))
}

fn unchunked(mut rest: &str) -> String {
    let mut whole = String::new();
    while let Some((length, more)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        whole.push_str(&more[..length]);
        if length == 0 {
            break;
        }
        rest = more[length..].trim_start_matches("\r\n");
    }
    whole
}

fn query(port: u16, query: &str) -> serde_json::Value {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    ask(port, &format!("/api/v1/query?query={encoded}"))
}

/// Slower than the tests' own patience: a server starts, and an alert waits for its minute.
fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(180);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_prometheus_scrapes_a_pipeline_fires_the_memory_alert_and_answers_the_dashboard() {
    let folder = folder_on_disk();
    let (port, own) = (free_port(), free_port());
    let recording = folder.path().join("out.wav");
    let p = TestPipeline::parse(&format!(
        "videotestsrc is-live=true ! video/x-raw,framerate=25/1,width=64,height=48 ! queue ! \
         bufferhealth label=camera late-threshold=300000000 prometheus-address={port} ! fakesink sync=true \
         audiotestsrc is-live=true ! audio/x-raw,format=S16LE ! wavenc ! crashsafesink location={} durability=sync",
        recording.display()
    ));
    p.set_property("name", "studio");
    p.set_state(gst::State::Playing).unwrap();

    assert_eq!(ALERTS.matches("300e6").count(), 1, "the number to adjust");
    let lowered = ALERTS.replace("300e6", "1e6").replace("for: 1m", "for: 2s");
    std::fs::write(folder.path().join("alerts.yml"), lowered).unwrap();
    std::fs::write(
        folder.path().join("prometheus.yml"),
        format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [alerts.yml]\n\
             scrape_configs: [{{job_name: gst, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
        ),
    )
    .unwrap();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let server = Command::new("prometheus")
        .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{own}"))
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("prometheus, of Debian's package");
    let _server = Server(server);
    wait_for("it listens", || TcpListener::bind(("127.0.0.1", own)).is_err());
    wait_for("it is ready", || get(own, "/-/ready", "*/*").0.starts_with("HTTP/1.1 200"));

    wait_for("it scrapes", || ask(own, "/api/v1/targets")["data"]["activeTargets"][0]["health"] == "up");
    let target = &ask(own, "/api/v1/targets")["data"]["activeTargets"][0];
    assert_eq!(target["lastError"], "", "OpenMetrics is what it asks for first: {target}");
    let unit = &ask(own, "/api/v1/metadata?metric=gst_health_push_seconds")["data"]["gst_health_push_seconds"][0];
    assert_eq!(unit["unit"], "seconds", "read as OpenMetrics: {unit}");

    // Pending ones do not count: a hiccup of the machine is what `for` is there for.
    let firing = || {
        let alerts = ask(own, "/api/v1/alerts");
        let alerts = alerts["data"]["alerts"].as_array().unwrap().clone();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        firing.map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    wait_for("the alert fires", || !firing().is_empty());
    assert_eq!(firing(), ["GstMemoryHigh"], "the others have no reason");

    for expression in queries() {
        let asked = expression.replace("$pipeline", ".*").replace("$__rate_interval", "5s");
        // Only of a stream that is ill there is nothing to see.
        let seen = |answer: &serde_json::Value| expression.ends_with("> 0") || answer["data"]["result"][0].is_object();
        wait_for(&format!("an answer to {asked}"), || {
            let answer = query(own, &asked);
            assert_eq!(answer["status"], "success", "{asked}: {answer}");
            seen(&answer)
        });
    }
    let scraped = query(own, "gst_health_buffers_in_total")["data"]["result"][0]["metric"].clone();
    assert_eq!(
        (&scraped["pipeline"], &scraped["element"], &scraped["media"]),
        (&"studio".into(), &"camera".into(), &"video".into())
    );
}
