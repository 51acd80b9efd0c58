//! What `crashsafesink` says to people, word for word: what happened, why, what to do next.

use std::path::Path;
use std::sync::Arc;

use gst::prelude::*;
use gststeady::logic::recording::storage::fake::{FakeDirectory, Limits};
use gststeady::logic::recording::storage::faults::{Call, Fault, Faults, FaultyDirectory};
use gststeady::logic::recording::storage::{Directory, Errno};
use gststeady::logic::recording::{Durability, Failure, OnExists, Options, begin};

use crate::bytes::pushed_to;
use crate::common::{PATIENCE, TestPipeline, wait_until};

/// The failure of a recording in `/recordings` whose `nth` call of a kind fails, and its warnings.
fn failure(location: &str, disk: &FakeDirectory, fault: Option<(Call, u64, Errno)>) -> (Option<Failure>, Vec<String>) {
    let faults = Faults::new(move |call, n| match fault {
        Some((which, nth, errno)) if call == which && n == nth => Some(Fault::Fail(errno)),
        _ => None,
    });
    let directory: Arc<dyn Directory> = Arc::new(FaultyDirectory::new(Arc::new(disk.clone()), faults));
    let options = Options {
        threshold: 4096,
        interval: 0,
        durability: Durability::Sync,
        bounded_cache: true,
        digest: false,
        on_exists: OnExists::Error,
    };
    let begun = match begin(Path::new(location), options, &|_| Ok(directory.clone()), 1, 1_769_903_999) {
        Ok(begun) => begun,
        Err(failure) => return (Some(failure), Vec::new()),
    };
    let mut recording = begun.recording;
    let result = recording.write(&[&[1; 100]], 0, 0).and_then(|_| recording.finish(1_769_903_999, 0));
    let failure = result.err().or(recording.close().err());
    (failure, begun.warnings)
}

#[test]
fn every_failure_of_a_recording_says_what_happened_why_and_what_to_do() {
    let mut said = Vec::new();
    let mut says = |fault| {
        let (failure, _) = failure("/recordings/out.mp4", &FakeDirectory::default(), fault);
        let failure = failure.unwrap();
        said.push(format!("{:?}: {}\n    [{}]", failure.kind, failure.text, failure.debug));
    };
    for fault in [
        (Call::Stat, 1, Errno::ACCESS),
        (Call::Create, 1, Errno::ACCESS),
        (Call::Create, 1, Errno::ROFS),
        (Call::Create, 1, Errno::NAMETOOLONG),
        (Call::Create, 1, Errno::MFILE),
        (Call::Lock, 1, Errno::IO),
        (Call::SyncDirectory, 1, Errno::IO),
        (Call::StatFile, 1, Errno::IO),
        (Call::Write, 1, Errno::NOSPC),
        (Call::Write, 1, Errno::DQUOT),
        (Call::Write, 1, Errno::FBIG),
        (Call::Write, 1, Errno::ROFS),
        (Call::Write, 1, Errno::IO),
        (Call::SyncData, 1, Errno::IO),
        (Call::SyncData, 1, Errno::NOSPC),
        (Call::Stat, 3, Errno::IO),
        (Call::RenameNoReplace, 2, Errno::EXIST),
        (Call::RenameNoReplace, 2, Errno::ACCESS),
        (Call::RenameNoReplace, 2, Errno::NOENT),
        (Call::SyncDirectory, 2, Errno::IO),
        (Call::Close, 1, Errno::IO),
    ] {
        says(Some(fault));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
OpenWrite: Could not look at /recordings/out.mp4: Permission denied. Choose a place that this user may write to, or change its permissions.
    [look at /recordings/out.mp4 at /recordings/out.mp4: errno 13]
OpenWrite: Could not create a file for recording /recordings/out.mp4: Permission denied. Choose a place that this user may write to, or change its permissions.
    [create a file for recording /recordings/out.mp4 at /recordings/out.recording-new1.mp4: errno 13]
OpenWrite: Could not create a file for recording /recordings/out.mp4: Read-only file system. Record to another one, or look in the system log for the reason.
    [create a file for recording /recordings/out.mp4 at /recordings/out.recording-new1.mp4: errno 30]
OpenWrite: Could not create a file for recording /recordings/out.mp4: File name too long. Choose a shorter name.
    [create a file for recording /recordings/out.mp4 at /recordings/out.recording-new1.mp4: errno 36]
OpenWrite: Could not create a file for recording /recordings/out.mp4: Too many open files. Raise the limit (ulimit -n) or record fewer at a time.
    [create a file for recording /recordings/out.mp4 at /recordings/out.recording-new1.mp4: errno 24]
OpenWrite: Could not lock /recordings/out.recording.mp4: Input/output error. The disk reported an error: check it, and record to another one.
    [lock /recordings/out.recording.mp4 at /recordings/out.recording.mp4: errno 5]
Sync: Could not make the name /recordings/out.recording.mp4 durable: Input/output error. The disk reported an error: check it, and record to another one.
    [make the name /recordings/out.recording.mp4 durable at /recordings/out.recording.mp4: errno 5]
OpenWrite: Could not look at /recordings/out.recording.mp4: Input/output error. The disk reported an error: check it, and record to another one.
    [look at /recordings/out.recording.mp4 at /recordings/out.recording.mp4: errno 5]
NoSpace: Could not write to /recordings/out.recording.mp4: No space left on device. Free some space on that file system or record to another one. What was recorded so far is in /recordings/out.recording.mp4.
    [write to /recordings/out.recording.mp4 at /recordings/out.recording.mp4: errno 28]
NoSpace: Could not write to /recordings/out.recording.mp4: Disk quota exceeded. Free some space or record elsewhere. What was recorded so far is in /recordings/out.recording.mp4.
    [write to /recordings/out.recording.mp4 at /recordings/out.recording.mp4: errno 122]
Write: Could not write to /recordings/out.recording.mp4: File too large. It has reached the largest size that the file system or the process limit (ulimit -f) allows: raise the limit, or record into several files with splitmuxsink. What was recorded so far is in /recordings/out.recording.mp4.
    [write to /recordings/out.recording.mp4 at /recordings/out.recording.mp4: errno 27]
Write: Could not write to /recordings/out.recording.mp4: Read-only file system. Record to another one, or look in the system log for the reason. What was recorded so far is in /recordings/out.recording.mp4.
    [write to /recordings/out.recording.mp4 at /recordings/out.recording.mp4: errno 30]
Write: Could not write to /recordings/out.recording.mp4: Input/output error. The disk reported an error: check it, and record to another one. What was recorded so far is in /recordings/out.recording.mp4.
    [write to /recordings/out.recording.mp4 at /recordings/out.recording.mp4: errno 5]
Sync: Could not bring /recordings/out.recording.mp4 safely to the disk: Input/output error. The disk reported an error: check it, and record to another one. What was recorded so far is in /recordings/out.recording.mp4. Its newest part may be damaged.
    [bring /recordings/out.recording.mp4 safely to the disk at /recordings/out.recording.mp4: errno 5]
NoSpace: Could not bring /recordings/out.recording.mp4 safely to the disk: No space left on device. Free some space on that file system or record to another one. What was recorded so far is in /recordings/out.recording.mp4.
    [bring /recordings/out.recording.mp4 safely to the disk at /recordings/out.recording.mp4: errno 28]
Close: Could not look at /recordings/out.recording.mp4: Input/output error. The disk reported an error: check it, and record to another one. What was recorded so far is in /recordings/out.recording.mp4.
    [look at /recordings/out.recording.mp4 at /recordings/out.recording.mp4: errno 5]
Close: /recordings/out.mp4 has appeared while it was being recorded, and stays as it is. The complete recording is in /recordings/out.recording.mp4: rename it, or use on-exists=replace or on-exists=number.
    [/recordings/out.mp4]
Close: Could not give the finished recording its name /recordings/out.mp4: Permission denied. Choose a place that this user may write to, or change its permissions. What was recorded so far is in /recordings/out.recording.mp4.
    [give the finished recording its name /recordings/out.mp4 at /recordings/out.mp4: errno 13]
Close: Could not give the finished recording its name /recordings/out.mp4: No such file or directory. Something has removed the directory or the file: find out what cleans up there, or record elsewhere.
    [give the finished recording its name /recordings/out.mp4 at /recordings/out.mp4: errno 2]
Sync: Could not make the name /recordings/out.mp4 durable: Input/output error. The disk reported an error: check it, and record to another one. What was recorded so far is in /recordings/out.mp4.
    [make the name /recordings/out.mp4 durable at /recordings/out.mp4: errno 5]
Close: Could not close /recordings/out.mp4: Input/output error. The disk reported an error: check it, and record to another one. What was recorded so far is in /recordings/out.mp4.
    [close /recordings/out.mp4 at /recordings/out.mp4: errno 5]
"#);
}

#[test]
fn every_refusal_to_begin_says_what_is_in_the_way() {
    let mut said = Vec::new();
    let existing = FakeDirectory::default();
    existing.plant("out.mp4", b"theirs");
    let locked = FakeDirectory::default();
    locked.plant("out.recording.mp4", b"being written");
    let holder = locked.open("out.recording.mp4".as_ref()).unwrap();
    holder.lock().unwrap();
    let long = format!("/recordings/{}", "x".repeat(256));
    let none = FakeDirectory::default();
    for (location, disk) in [
        ("", &none),
        ("/recordings/", &none),
        ("/recordings/out.recording.mp4", &none),
        (long.as_str(), &none),
        ("/recordings/out.mp4", &existing),
        ("/recordings/out.mp4", &locked),
    ] {
        said.push(failure(location, disk, None).0.unwrap().text);
    }
    let planted = FakeDirectory::default();
    planted.plant("out.recording.mp4", b"old");
    for (call, nth, errno) in [
        (Call::Stat, 2, Errno::IO),
        (Call::Open, 1, Errno::ACCESS),
        (Call::Lock, 1, Errno::OPNOTSUPP),
        (Call::RenameNoReplace, 1, Errno::ACCESS),
    ] {
        said.push(failure("/recordings/out.mp4", &planted, Some((call, nth, errno))).0.unwrap().text);
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
No location was given. Set the location property to the file to write.
The location names a directory. Add a file name to it.
The location already carries the mark of an unfinished recording (.recording). Choose the name that the finished file should have.
The file name is longer than 255 bytes. Choose a shorter one.
/recordings/out.mp4 exists already and stays as it is. Choose another location, or use on-exists=replace or on-exists=number.
Another recorder is writing /recordings/out.mp4: /recordings/out.recording.mp4 is locked. Choose another location, or wait until it has finished.
Could not look at the unfinished recording /recordings/out.recording.mp4: Input/output error. The disk reported an error: check it, and record to another one.
Could not open the unfinished recording /recordings/out.recording.mp4: Permission denied. Choose a place that this user may write to, or change its permissions.
/recordings/out.recording.mp4 is there already and the file system has no locks that would tell whether it is still being written. Move it away, or choose another location.
Could not set aside the unfinished recording /recordings/out.recording.mp4: Permission denied. Choose a place that this user may write to, or change its permissions.
"#);
}

#[test]
fn every_warning_about_a_file_system_says_which_promise_it_cannot_keep() {
    let plain = FakeDirectory::with_limits(Limits { no_rename_no_replace: true, no_links: true });
    let (failed, mut said) = failure("/recordings/out.mp4", &plain, None);
    assert_eq!(failed, None);
    let unlocked = failure("/recordings/out.mp4", &FakeDirectory::default(), Some((Call::Lock, 1, Errno::NOLCK)));
    said.extend(unlocked.1);
    insta::assert_snapshot!(said.join("\n"), @r#"
The file system of /recordings/out.recording.mp4 can neither rename without replacing nor make links: for an instant before it is complete, the finished file's name will show an empty file. Record to another file system if something waits for that name.
The file system of /recordings/out.recording.mp4 has no locks: nothing keeps a second recorder from taking this recording for a leftover. Let only one recorder write there, or choose another place.
"#);
}

/// Errors and warnings of the sink's until its pipeline ends, with the folder called `/recordings`.
fn told(pipeline: &TestPipeline, folder: &Path) -> String {
    let bus = pipeline.bus().unwrap();
    let kinds = [gst::MessageType::Warning, gst::MessageType::Error, gst::MessageType::Eos];
    let mut said = Vec::new();
    loop {
        let message = bus.timed_pop_filtered(gst::ClockTime::try_from(PATIENCE).unwrap(), &kinds).unwrap();
        let (text, last) = match message.view() {
            gst::MessageView::Warning(w) => (format!("warning: {}", w.error().message()), false),
            gst::MessageView::Error(e) => (format!("error: {}", e.error().message()), true),
            _ => ("end".to_owned(), true),
        };
        said.push(text.replace(folder.to_str().unwrap(), "/recordings"));
        if last {
            return said.join("\n");
        }
    }
}

fn recording(folder: &Path, source: &str, name: &str, more: &str) -> TestPipeline {
    let pipeline = TestPipeline::parse(&format!(
        "{source} ! crashsafesink name=sink location={} {more}",
        folder.join(name).display()
    ));
    let _ = pipeline.set_state(gst::State::Playing);
    pipeline
}

#[test]
fn every_word_of_the_element_s_own_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    std::fs::create_dir(folder.join("folder")).unwrap();
    std::os::unix::fs::symlink("/nowhere", folder.join("link")).unwrap();
    std::os::unix::fs::symlink("/nowhere", folder.join("planted.recording.bin")).unwrap();
    std::fs::write(folder.join("file"), b"").unwrap();
    let mut said = Vec::new();
    for name in ["folder", "link", "missing/out.bin", "file/out.bin", "planted.bin"] {
        said.push(told(&recording(folder, "fakesrc num-buffers=1", name, ""), folder));
    }
    said.push(told(&recording(folder, "fakesrc num-buffers=0", "empty.bin", ""), folder));
    let film = "videotestsrc num-buffers=5 ! x264enc ! h264parse ! mp4mux name=mux";
    said.push(told(&recording(folder, film, "film.mp4", ""), folder));

    let pipeline = pushed_to(&folder.join("taken.bin"), "");
    pipeline.push([1; 1000]);
    let temp = folder.join("taken.recording.bin");
    wait_until("it has begun", || temp.exists());
    std::fs::remove_file(&temp).unwrap();
    pipeline.end();
    said.push(told(&pipeline, folder));
    insta::assert_snapshot!(said.join("\n"), @r#"
error: /recordings/folder is a directory, not a regular file. Choose another location.
error: /recordings/link is a symbolic link, not a regular file. Choose another location.
error: The directory /recordings/missing does not exist. Create it first, or choose another location.
error: /recordings/file is not a directory. Choose another location.
error: /recordings/planted.recording.bin should be the file to record into, but it is a link, directory or device. Move it away, or choose another location.
warning: The stream ended without any data, so no file was made. Check the source.
end
warning: mux writes its index last: if this recording is interrupted, no player will open what is left. Set fragment-duration=1000 on it (with fragment-mode=first-moov-then-finalise for an ordinary file in the end), or reserved-max-duration, or use matroskamux.
end
warning: /recordings/taken.recording.bin was removed or replaced while it was being recorded; its contents have been saved as /recordings/taken.bin. Find out what cleans up there.
end
"#);
}

#[test]
fn low_space_is_said_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let more = format!("min-free-space={} eos-on-low-space=true flush-interval=1000000", u64::MAX / 2);
    let pipeline =
        recording(dir.path(), "fakesrc is-live=true sizetype=fixed sizemax=100 do-timestamp=true", "out.bin", &more);
    let said = told(&pipeline, dir.path());
    let free = said.split_whitespace().find(|word| word.parse::<f64>().is_ok()).unwrap();
    insta::assert_snapshot!(said.replace(free, "N"), @r#"
warning: Only N MiB is left where /recordings/out.recording.bin is being recorded. Free some space, or end the recording while its index still fits.
end
"#);
}
