//! Why a part of a pipeline stands still: the evidence, read from any thread and from outside.
//!
//! Nothing here waits for a lock that an element may hold, and nothing calls into foreign code: only object locks are taken, which no
//! element holds while it waits, and fields of the base classes are read. What is found goes to [`logic::stall`](crate::logic::stall).

mod elements;
mod evidence;
mod pads;
mod report;
mod survey;
mod threads;
mod traffic;
mod unseen;

pub(crate) use elements::{inside, is_playing, is_prerolling, is_running};
pub(crate) use evidence::Evidence;
pub(crate) use pads::{has_task, is_held};
pub(crate) use report::{Halted, Kind, StallReport, Waiting};
pub(crate) use survey::{Finding, Reason, Survey};
pub(crate) use traffic::Traffic;
pub(crate) use unseen::UnseenWork;
