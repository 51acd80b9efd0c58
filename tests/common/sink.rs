//! Faults for recordings: small disks, a preloaded library that meddles with file calls, recorders that can be killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use super::process::test_of;

/// Runs `body` where it may mount: the test that it is written in once more, in a namespace of its own. Nothing is skipped:
/// where that is impossible the test fails and says why.
pub fn with_mounts<F: FnOnce()>(body: F) {
    const MARK: &str = "STEADY_TEST_MAY_MOUNT";
    if std::env::var_os(MARK).is_some() {
        return body();
    }
    let test = test_of(body);
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount"]).arg(std::env::current_exe().unwrap());
    let output = command.args(["--exact", test, "--nocapture"]).env(MARK, "1").output().expect("unshare (util-linux)");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success() && text.contains("1 passed"),
        "in a mount namespace (needs unprivileged user namespaces or root): {text}"
    );
}

fn system(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
}

/// A file system mounted on a directory until dropped.
pub struct Disk(PathBuf);

impl Disk {
    /// A tmpfs of so many bytes.
    pub fn tmpfs(at: &Path, bytes: u64) -> Self {
        system("mount", &["-t", "tmpfs", "-o", &format!("size={bytes}"), "none", at.to_str().unwrap()]);
        Self(at.to_owned())
    }

    /// A file system of a kind that `mkfs` can make, in a file beside the directory. Needs root and loop devices; a test that
    /// cannot have them fails.
    pub fn image(at: &Path, kind: &str, mebibytes: u64) -> Self {
        let image = at.with_extension("img");
        std::fs::File::create(&image).unwrap().set_len(mebibytes << 20).unwrap();
        let (image, folder) = (image.to_str().unwrap(), at.to_str().unwrap());
        system(&format!("mkfs.{kind}"), &["-q", image]);
        let mounted = Command::new("mount").args(["-o", "loop", image, folder]).output().unwrap();
        assert!(
            mounted.status.success(),
            "a loop mount failed; run the full tests as root on a machine with loop devices: {}",
            String::from_utf8_lossy(&mounted.stderr)
        );
        Self(at.to_owned())
    }

    pub fn remount(&self, options: &str) {
        system("mount", &["-o", &format!("remount,{options}"), self.0.to_str().unwrap()]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The plugin as cargo built it for these tests.
pub fn plugin() -> PathBuf {
    let path = std::env::current_exe().unwrap().with_file_name("libgststeady.so");
    assert!(path.exists(), "{} is missing: cargo builds it with the integration tests", path.display());
    path
}

/// The preloaded library, compiled into `folder`.
pub fn shim(folder: &Path) -> PathBuf {
    let library = folder.join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/shim.c");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-U_FORTIFY_SOURCE", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl")
        .status()
        .expect("a C compiler called cc");
    assert!(status.success());
    library
}

/// A `gst-launch-1.0` process that records; killed when dropped.
pub struct Recorder(Child);

impl Recorder {
    /// Starts one with a pipeline description and further environment.
    pub fn start(pipeline: &str, environment: &[(&str, &str)]) -> Self {
        Self::start_after("", pipeline, environment)
    }

    /// Starts one after a line of shell, such as one that sets a limit.
    pub fn start_after(shell: &str, pipeline: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{shell}\nexec \"$@\"")).args(["sh", "gst-launch-1.0", "-m"]);
        command.arg(format!("--gst-plugin-load={}", plugin().display()));
        // The shell-like splitting that a user's shell would do; descriptions here contain no quotes.
        command.args(pipeline.split_whitespace());
        command.envs(environment.iter().copied()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("gst-launch-1.0"))
    }

    /// SIGKILL; says whether it was still running.
    pub fn kill(mut self) -> bool {
        let running = self.0.try_wait().unwrap().is_none();
        let _ = self.0.kill();
        self.0.wait().unwrap();
        running
    }

    pub fn id(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.0)
    }

    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }

    /// Waits for its end and returns what it said; panics after a minute.
    pub fn output(mut self) -> Output {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.0.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the recorder hangs");
            std::thread::sleep(Duration::from_millis(2));
        }
        // wait_with_output consumes the child, which Drop forbids; its pipes are small enough to be read now.
        let mut output = Output { status: self.0.wait().unwrap(), stdout: Vec::new(), stderr: Vec::new() };
        use std::io::Read;
        self.0.stdout.take().unwrap().read_to_end(&mut output.stdout).unwrap();
        self.0.stderr.take().unwrap().read_to_end(&mut output.stderr).unwrap();
        output
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Errors of the sink's own that a recorder printed.
pub fn sink_errors(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stderr)
        .lines()
        .filter(|l| l.starts_with("ERROR: from element") && l.contains("CrashSafeSink"))
        .map(str::to_owned)
        .collect()
}

/// Frames of video that ffprobe finds in a file; 0 for one that it cannot open.
pub fn playable_frames(file: &Path) -> usize {
    playable_packets(file, "v")
}

/// Packets of a kind of stream (`v`, `a`) that ffprobe finds in a file; 0 for one that it cannot open.
pub fn playable_packets(file: &Path, kind: &str) -> usize {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_packets", "-select_streams", kind, "-show_entries", "stream=nb_read_packets"])
        .args(["-of", "csv=p=0"])
        .arg(file)
        .output()
        .expect("ffprobe");
    // Where there are programs, the figure comes once for each of them too.
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().find_map(|line| line.trim_end_matches(',').parse().ok()).unwrap_or(0)
}

/// The pattern that `fakesrc filltype=pattern-span` writes.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| i as u8).collect()
}

/// Names in a directory, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
