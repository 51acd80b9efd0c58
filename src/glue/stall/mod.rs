//! Why a part of a pipeline stands still: the evidence, read from any thread and from outside.
//!
//! Nothing here waits for a lock that an element may hold, and nothing calls into foreign code: only object locks are taken, which no
//! element holds while it waits, and fields of the base classes are read. What is found goes to [`logic::stall`](crate::logic::stall).

mod elements;
mod pads;
mod survey;
mod threads;
mod traffic;

pub(crate) use elements::{is_prerolling, is_running};
pub(crate) use survey::{Finding, Reason, Survey};
pub(crate) use threads::Threads;
pub(crate) use traffic::Traffic;
