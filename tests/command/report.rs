//! `--report`: a page about each export, however it ends.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::{self, media};

fn command(audio: &Path, video: &Path, report: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gst-steady"));
    command.args(["export", "--progress", "none"]).arg(audio).arg(video).arg("--report").arg(report);
    command
}

fn error_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The page, of which nothing else is left in its folder.
#[track_caller]
fn page(report: &Path) -> String {
    let page = std::fs::read_to_string(report).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    let others = std::fs::read_dir(report.parent().unwrap()).unwrap();
    let hidden = others.map(|entry| entry.unwrap().file_name()).find(|name| name.to_string_lossy().starts_with('.'));
    assert_eq!(hidden, None, "a temporary file is left");
    page
}

#[test]
fn an_export_is_reported_with_all_its_measuring_points_and_its_graph() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let [audio, ..] = media::four_containers(folder.path(), 441_000);
    let (video, report) = (path("a <b>&.mkv"), path("report.html"));
    let graphs = path("graphs");
    std::fs::create_dir(&graphs).unwrap();
    let small = |mut command: Command| command.args(["--size", "192x108"]).output().unwrap();
    let mut first = command(&audio, &video, &report);
    first.env("GST_DEBUG_DUMP_DOT_DIR", &graphs);
    let output = small(first);
    assert!(output.status.success(), "{}", error_of(&output));
    let page = page(&report);
    for said in
        ["Export of a &lt;b&gt;&amp;.mkv", "Healthy", "<b>render</b>", "<b>encode</b>", "<b>file</b>", "--report"]
    {
        assert!(page.contains(said), "no {said} in {page}");
    }
    // Ten seconds at 30 a second, at each of the three; the last one has the sound too.
    assert!(page.contains("300\u{a0}buffers in"), "{page}");
    assert!(page.contains("gst-steady-export.dot") && graphs.join("gst-steady-export.dot").exists(), "{page}");
    // As any file that is written here.
    std::fs::write(path("other"), "").unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&report), mode(&path("other")));
    // Another export replaces it.
    let again = path("again.mkv");
    let output = small(command(&audio, &again, &report));
    assert!(output.status.success(), "{}", error_of(&output));
    assert!(std::fs::read_to_string(&report).unwrap().contains("Export of again.mkv"));
}

#[test]
fn an_export_that_fails_is_reported_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    // Its header promises more than there is: that is noticed when the first picture is there.
    let audio = media::long_tune(folder.path(), 10);
    let length = std::fs::metadata(&audio).unwrap().len();
    std::fs::File::options().write(true).open(&audio).unwrap().set_len(length / 2).unwrap();
    let (video, report) = (folder.path().join("out.mp4"), folder.path().join("report.html"));
    let output = command(&audio, &video, &report).output().unwrap();
    assert!(!output.status.success() && !video.exists(), "{}", error_of(&output));
    let page = page(&report);
    assert!(page.contains("The run failed") && page.contains("it is cut short"), "{page}");
}

#[test]
fn an_export_that_is_interrupted_is_reported_as_far_as_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let audio = media::long_tune(folder.path(), 10);
    let (video, report) = (folder.path().join("out.mp4"), folder.path().join("report.html"));
    let child = command(&audio, &video, &report).args(["--size", "640x360"]).spawn().unwrap();
    let temp = folder.path().join("out.recording.mp4");
    common::wait_until("something is written", || std::fs::metadata(&temp).is_ok_and(|data| data.len() > 100_000));
    media::output_of(Command::new("kill").arg("-INT").arg(child.id().to_string()));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", error_of(&output));
    assert!(page(&report).contains("The run was interrupted"));
}

#[test]
fn a_report_replaces_nothing_that_is_no_report() {
    let folder = tempfile::tempdir().unwrap();
    let [audio, ..] = media::four_containers(folder.path(), 44_100);
    let before = std::fs::read(&audio).unwrap();
    let video = folder.path().join("out.mkv");
    let notes = folder.path().join("notes.txt");
    std::fs::write(&notes, "do not lose this").unwrap();
    for (report, code, said) in [
        (audio.clone(), 64, "cannot be the report as well"),
        (video.clone(), 64, "cannot be the report as well"),
        (notes.clone(), 73, "something else is there already"),
        (folder.path().to_owned(), 73, "it is a folder"),
        (folder.path().join("no/such.html"), 73, "its folder does not exist"),
    ] {
        let output = command(&audio, &video, &report).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{report:?}: {}", error_of(&output));
        assert!(error_of(&output).contains(said), "{}", error_of(&output));
        assert!(!video.exists(), "it is found out before anything is made");
    }
    assert_eq!(std::fs::read(&audio).unwrap(), before);
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "do not lose this");
}

#[test]
fn the_tracer_reports_on_an_export_too_wherever_the_plugin_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let [audio, ..] = media::four_containers(folder.path(), 44_100);
    let (video, report, traced) = (path("video.mkv"), path("report.html"), path("traced.html"));
    let output = command(&audio, &video, &report)
        .args(["--size", "192x108"])
        .env("GST_PLUGIN_PATH", common::plugin_folder())
        .env("GST_REGISTRY", path("registry"))
        // Not beside `latency`, which deadlocks by itself from GStreamer 1.26.0 to 1.26.3.
        .env("GST_TRACERS", format!("stats;pipelinehealth(report={})", traced.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", error_of(&output));
    let page = std::fs::read_to_string(&traced).unwrap();
    assert!(page.contains("Health of") && page.contains("pipeline0"), "{page}");
}

#[test]
fn what_is_no_file_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let [audio, ..] = media::four_containers(folder.path(), 44_100);
    let link = path("link.html");
    std::os::unix::fs::symlink(path("elsewhere.html"), &link).unwrap();
    let output = command(&audio, &path("video.mkv"), &link).arg("--overwrite").output().unwrap();
    assert!(!output.status.success() && error_of(&output).contains("a link, a device"), "{}", error_of(&output));
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
}
