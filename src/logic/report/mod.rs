//! A run from beginning to end in constant memory, and the page that shows it to people.
//!
//! A [`Recorder`] is fed with the [`Reading`](super::health::reading::Reading)s of all measuring points several times a second.
//! However long the run, it keeps [`SLOTS`] spans of time: when they are full, they merge in pairs and are twice as long from
//! then on. [`page`] makes one HTML file of it, with nothing to load and nothing to run.

mod bottleneck;
mod environment;
mod file;
mod markup;
mod moments;
mod page;
mod recorder;
mod slot;
mod slots;
mod spread;
#[cfg(any(test, feature = "test-harness"))]
pub mod testing;
mod track;
mod units;

pub use environment::{Environment, Outcome};
pub use file::is_page;
pub use moments::{MOMENTS, Moment};
pub use page::{PAGE_LIMIT, page};
pub use recorder::{Process, Recorder, STALLS, Stall};
pub use slot::{Slot, Sum};
pub use slots::SLOTS;
pub use track::{Around, PROBES, Track};
