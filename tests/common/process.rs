//! Tests that need a process of their own: what they set up is read once and for the whole process, or they stop it.

use std::process::{Child, Command, Stdio};

const MARK: &str = "STEADY_TEST_IN_OWN_PROCESS";

/// Starts another process that runs only this test. None there.
pub fn start(test: &str, variables: &[(&str, &str)]) -> Option<Child> {
    if std::env::var_os(MARK).is_some() {
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
    assert!(output.status.success() && text.contains("test result: ok. 1 passed"), "{text}");
}

/// Lets the rest of the calling test run in another process, with these variables. True there. Here it is false, once
/// the test has passed there.
#[must_use]
#[track_caller]
pub fn is_own(test: &str, variables: &[(&str, &str)]) -> bool {
    let Some(child) = start(test, variables) else { return true };
    expect_pass(child);
    false
}
