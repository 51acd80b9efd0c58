//! Plans the pipeline of an export, and checks that the finished file is what was asked for.

pub mod codecs;
pub mod launch;
pub mod plan;
pub mod verify;
