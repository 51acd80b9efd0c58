//! Tests that need a process of their own: what they set up is read once and for the whole process.

use std::process::Command;

/// Lets the rest of the calling test run in another process, with these variables. True there. Here it is false, once
/// the test has passed there.
#[must_use]
pub fn is_own(test: &str, variables: &[(&str, &str)]) -> bool {
    const MARK: &str = "STEADY_TEST_IN_OWN_PROCESS";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(MARK, "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success() && text.contains("test result: ok. 1 passed"), "{text}");
    false
}
