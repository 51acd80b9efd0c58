//! Writing a file so that its name is either absent or complete, and nothing that was accepted gets lost on the way.
//!
//! A [`Recording`] writes to a temporary name beside the target; [`Recording::finish`] makes it durable and gives it its
//! name without replacing anything. [`Session`] shares one recording between the thread that writes and the one that syncs.
//! All input and output goes through [`storage`], which has a real ([`storage::fs`]) and an in-memory form ([`storage::fake`]).

mod begin;
mod failure;
mod names;
mod options;
mod pending_overwrites;
mod publish;
mod session;
mod state_machine;
mod write_buffer;

pub mod recover;
pub mod storage;

pub use begin::{Begun, Leftover, OpenDirectory, begin};
pub use failure::{Failure, FailureKind};
pub use names::{NameError, Names};
pub use options::{Durability, OnExists, Options};
pub use pending_overwrites::HELD_BUDGET;
pub use session::{Report, Session, WriteError};
pub use state_machine::{Counters, Finished, Kept, Recording, Retry, SyncJob};
pub use write_buffer::Lent;
