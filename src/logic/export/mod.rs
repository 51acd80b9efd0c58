//! From what a user asks for to a pipeline, and from the finished file back to whether it is what was asked for.

pub mod codecs;
pub mod launch;
pub mod plan;
pub mod verify;
