//! From decoded samples to the timeline that every picture is drawn from.

pub mod features;
