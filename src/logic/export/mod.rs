//! Plans the pipeline of an export, and checks that the finished file is what was asked for.

mod codecs;
mod launch;
mod plan;
mod verify;

pub use codecs::{AudioCodec, VideoCodec};
pub use launch::tokens;
pub use plan::{Plan, PlanError, Request, default_video, launch_path};
pub use verify::{Expected, FoundStream, StreamKind, problems};
