//! Writing a file so that its name is either absent or complete, and nothing that was accepted gets lost on the way.
//!
//! [`begin()`] opens a temporary file beside the target. [`Recording`] writes to it; [`Recording::finish`] makes it durable and
//! gives it its name without replacing anything. [`Session`] shares one recording between the thread that writes and the one
//! that syncs. All input and output goes through [`storage`]. [`recover`] finds what interrupted recordings have left.

mod begin;
mod failure;
mod leftover;
mod lock_table;
mod names;
mod options;
mod pending_overwrites;
mod publish;
pub mod recover;
mod rename;
mod session;
mod state_machine;
pub mod storage;
mod write_buffer;

pub use begin::{begin, check};
pub use failure::{DATA_AT, Failure, FailureKind};
#[cfg(feature = "plugin")]
pub(crate) use leftover::Leftover;
pub use options::{Durability, OnExists, Options};
pub use session::{Notice, Session, WriteError};
#[cfg(feature = "plugin")]
pub(crate) use state_machine::{Finished, Kept};
pub use state_machine::{Recording, SyncJob};
#[cfg(feature = "plugin")]
pub(crate) use write_buffer::LentBytes;
