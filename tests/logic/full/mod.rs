//! What takes minutes: music whose score is known, recordings that other trackers have judged or that are loud, what is claimed
//! of structure, and what the analysis costs.

mod cost;
mod dance;
mod music;
mod recordings;
mod score;
mod structure;
