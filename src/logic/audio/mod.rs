//! From decoded samples to the timeline that every picture is drawn from.
//!
//! [`analyze::Analyzer`] takes samples in pushes of any size and measures them into a file; [`timeline::Timeline`] is
//! what comes out, read through a [`features::Window`] per frame. Resident memory does not depend on the length.
//! [`live::Live`] does the same for audio that is heard now, and keeps no more than is being drawn.

pub mod analyze;
mod bands;
mod bars;
mod beat;
pub mod beat_grid;
mod decimate;
pub mod features;
mod fft;
mod finish;
mod forward;
pub mod gapless;
mod hops;
pub mod jsonl;
pub mod live;
mod loudness;
mod measure;
mod novelty;
mod onset;
mod percentile;
mod record;
mod scaling;
pub mod scratch;
mod shape;
mod steps;
pub mod tags;
#[cfg(test)]
mod tests;
pub mod timeline;
pub mod timeline_file;
mod window;
