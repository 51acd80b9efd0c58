//! Why a part of a pipeline stands still, and whether that is wrong. Pure: what is known of threads and waits comes as values.
//!
//! [`thread_state`] reads what the kernel says of a thread, [`waits`] finds out who could end a wait, [`work`] counts the time that
//! threads are at work, and [`detector`] weighs all of it over time.

pub mod detector;
pub mod thread_state;
pub mod waits;
pub mod work;
