//! The tracer `pipelinehealth`, in this process and from `GST_TRACERS`. What it says of pipelines that hang is in the matrix of
//! `adaptivequeue`'s tests, in which other queues take its place.
#![allow(clippy::unwrap_used, reason = "a failed step should end the test where it stands")]

#[path = "../common/mod.rs"]
mod common;

mod counts;
mod launched;
