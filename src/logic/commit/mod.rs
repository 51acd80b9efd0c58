//! Writing a file so that its name is either absent or complete, and nothing that was accepted gets lost on the way.
//!
//! A [`Recording`] writes to a temporary name beside the target; [`Recording::finish`] makes it durable and gives it its
//! name without replacing anything. [`Session`] shares one recording between the thread that writes and the one that syncs.
//! All input and output goes through [`storage`], which has a real ([`fs`]) and an in-memory form ([`fake`]).

mod begin;
mod failure;
mod held;
mod names;
mod options;
mod publish;
mod recording;
mod session;
mod slab;

pub mod fake;
pub mod faults;
pub mod fs;
pub mod recover;
pub mod storage;

pub use begin::{Begun, Leftover, OpenDirectory, begin};
pub use failure::{Failure, FailureKind};
pub use held::HELD_BUDGET;
pub use names::{NameError, Names};
pub use options::{Durability, OnExists, Options};
pub use recording::{Counters, Finished, Kept, Recording, Retry, SyncJob};
pub use session::{Report, Session, WriteError};
pub use slab::Lent;
