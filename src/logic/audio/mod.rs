//! From decoded samples to the timeline that every picture is drawn from.
//!
//! [`analyze::Analyzer`] takes samples in pushes of any size and measures them into a file; [`timeline::Timeline`] is
//! what comes out, read through a [`features::HopWindow`] per frame. Resident memory does not depend on the length.
//! [`live::Live`] does the same for audio that is heard now, and keeps no more than is being drawn.

pub mod analyze;
mod attack;
mod bands;
mod bars;
pub mod beat_grid;
mod beat_prediction;
mod beat_tracking;
mod decimate;
mod envelope;
mod feature_extraction;
pub mod features;
mod fft;
mod fft_window;
mod first_pass;
pub mod gapless;
pub mod hops;
pub mod jsonl;
pub mod live;
mod loudness;
pub mod moment;
mod novelty;
mod onset;
pub mod options;
mod percentile;
mod quantise;
mod record;
mod rise;
mod scaling;
pub mod scratch;
mod second_pass;
pub mod tags;
mod tempo;
#[cfg(test)]
mod tests;
pub mod timeline;
pub mod timeline_file;
