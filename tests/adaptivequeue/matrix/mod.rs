//! The fault matrix: pipelines from ordinary use, healthy ones and such that hang, and what the queue has to say of each.
//!
//! A healthy pipeline must never get an error, nor a warning that blames an element that is well; one that hangs must be told
//! of in time, with the name of the element that is the cause. Each pipeline runs in a process of its own, since work
//! elsewhere in a process is evidence as well; several processes run at a time, because they mostly sleep.
//!
//! By hand: `STEADY_MATRIX_ONLY` (a part of the names) picks rows, and `STEADY_MATRIX_PEER=queue` puts another element in the
//! queue's place, to see that what is said to hang does so with it, too.

mod hanging;
mod healthy;
mod judge;
mod parts;
mod row;
mod scene;
mod stage;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::process::{self, name_of};
use row::{Pace, Row};

/// The name of the row that this process is for.
const ROW: &str = "STEADY_MATRIX_ROW";
/// Picks rows by a part of their names.
const ONLY: &str = "STEADY_MATRIX_ONLY";
/// A machine on which queues begin and stay small, so that they are full at once, whatever machine this is.
const MEMORY: (&str, &str) = ("STEADY_ASSUME_MEMORY", "1G");
/// So many processes at a time: nearly all of them sleep nearly all the time.
const AT_A_TIME: usize = 16;
/// A process writes what came of its row behind this.
const RESULT: &str = "matrix: ";

#[test]
fn a_few_pipelines_quickly() {
    let rows = healthy::rows().into_iter().chain(hanging::rows()).filter(|row| row.quick).collect();
    check(name_of(a_few_pipelines_quickly), rows, Pace::Quick);
}

#[test]
fn a_few_pipelines_of_other_queues_quickly() {
    let rows = healthy::rows().into_iter().chain(hanging::rows());
    let rows = rows.filter(|row| row.quick).filter_map(Row::traced).collect();
    check(name_of(a_few_pipelines_of_other_queues_quickly), rows, Pace::Quick);
}

#[cfg(feature = "full")]
#[test]
fn every_pipeline_of_other_queues() {
    let traced = |rows: Vec<Row>| rows.into_iter().filter_map(Row::traced).collect::<Vec<_>>();
    let (healthy, hanging) = (traced(healthy::rows()), traced(hanging::rows()));
    assert!(healthy.len() >= 40 && hanging.len() >= 25, "{} healthy, {} hanging", healthy.len(), hanging.len());
    check(name_of(every_pipeline_of_other_queues), [healthy, hanging].concat(), Pace::Full);
}

#[cfg(feature = "full")]
#[test]
fn every_pipeline() {
    let (healthy, hanging) = (healthy::rows(), hanging::rows());
    assert!(healthy.len() >= 40 && hanging.len() >= 25, "{} healthy, {} hanging", healthy.len(), hanging.len());
    let rows = healthy.into_iter().chain(hanging).collect();
    check(name_of(every_pipeline), rows, Pace::Full);
}

/// Runs every row in a process of its own and panics with all that failed.
#[track_caller]
fn check(test: &str, mut rows: Vec<Row>, pace: Pace) {
    if let Ok(name) = std::env::var(ROW) {
        // Sets a limit to this process.
        assert!(process::start(test, &[]).is_none(), "this is the process of a row");
        let row = rows.into_iter().find(|row| row.name == name).expect("a row of the matrix");
        let (seen, verdict) = stage::play(&row, pace);
        println!("\n{RESULT}{seen}");
        return verdict.unwrap_or_else(|why| panic!("{why}"));
    }
    if let Ok(only) = std::env::var(ONLY) {
        rows.retain(|row| row.name.contains(&only));
    }
    // The longest first, so that none runs alone at the end.
    rows.sort_by_key(|row| std::cmp::Reverse(row.times(pace).hold));
    let mut names: Vec<_> = rows.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows.len(), "names are unique");
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME.min(rows.len()) {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(line) = in_own_process(test, row) {
                        failed.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), rows.len(), failed.join("\n"));
}

/// Prints one line about the row, and returns it where the row has failed.
fn in_own_process(test: &str, row: &Row) -> Result<(), String> {
    let variables: Vec<_> = [(ROW, row.name), MEMORY].into_iter().chain(row.variable).collect();
    let child = process::start(test, &variables).expect("this is no process of a row");
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let passed = output.status.success() && text.contains("test result: ok. 1 passed");
    let seen = text.lines().find_map(|line| line.strip_prefix(RESULT));
    let line = format!("{} | expected {} | seen {}", row.name, row.expect, seen.unwrap_or("nothing"));
    println!("{} | {line}", if passed { "ok" } else { "FAILED" });
    match (passed, seen) {
        (true, _) => Ok(()),
        // The panic says what is wrong; the runner's own lines around it say nothing more.
        (false, Some(_)) => Err(format!("{line} | {}", reason(&text))),
        (false, None) => Err(format!("{line} | {}:\n{text}", output.status)),
    }
}

/// The first line of the panic's message.
fn reason(text: &str) -> &str {
    text.lines().skip_while(|line| !line.contains("panicked at")).nth(1).unwrap_or("no reason")
}
