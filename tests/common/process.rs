//! Tests that need a process of their own, whoever runs them: cargo runs many in one process, cargo-nextest one in each.
//! They look at something that belongs to the whole process (its CPU time, its memory, the numbers in the names of
//! elements), or change it (environment, folder, priority of reused threads), or stop the process.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

const MARK: &str = "STEADY_TEST_IN_OWN_PROCESS";
/// A process that hangs ends itself after this time, so that the test fails.
const LIMIT: Duration = Duration::from_secs(match (cfg!(feature = "soak"), cfg!(feature = "full")) {
    (true, _) => 7200,
    (false, true) => 1200,
    (false, false) => 180,
});

/// Lets the rest of the calling test run in a process of its own, and ends the test here once it has passed there.
/// Variables for its environment: `alone!("NAME" = "value")`.
#[allow(unused_macros, reason = "each test binary uses a part of it")]
macro_rules! alone {
    ($($name:literal = $value:expr),*) => {
        fn here() {}
        if !$crate::common::process::is_own($crate::common::process::test_of(here), &[$(($name, $value)),*]) {
            return;
        }
    };
}
#[allow(unused_imports, reason = "each test binary uses a part of it")]
pub(crate) use alone;

/// The name of a test as the test runner knows it, with the modules it is in.
pub fn name_of<F>(_test: F) -> &'static str {
    let (_binary, name) = std::any::type_name::<F>().split_once("::").expect("a path");
    name
}

/// The name of the test in which this function or closure is defined. A wrong one fails: no test passes.
pub fn test_of<F>(inner: F) -> &'static str {
    let (test, _inner) = name_of(inner).rsplit_once("::").expect("a function in a function");
    test
}

/// Starts another process that runs only this test. None there.
pub fn start(test: &str, variables: &[(&str, &str)]) -> Option<Child> {
    if std::env::var_os(MARK).is_some() {
        std::thread::spawn(|| {
            std::thread::sleep(LIMIT);
            eprintln!("not done after {LIMIT:?}");
            std::process::abort();
        });
        return None;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(MARK, "1").envs(variables.iter().copied());
    Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Panics unless the test passes there.
#[track_caller]
pub fn expect_pass(child: Child) {
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(
        output.status.success() && text.contains("test result: ok. 1 passed"),
        "in a process of its own, which ended with {}:\n{text}",
        output.status
    );
}

/// Whether this is the process for the test, and has these variables. If not, the test has passed in one that is.
#[must_use]
#[track_caller]
pub fn is_own(test: &str, variables: &[(&str, &str)]) -> bool {
    let one_each = std::env::var_os("NEXTEST_EXECUTION_MODE").is_some_and(|mode| mode == "process-per-test");
    if one_each && variables.is_empty() {
        return true;
    }
    let Some(child) = start(test, variables) else { return true };
    expect_pass(child);
    false
}
