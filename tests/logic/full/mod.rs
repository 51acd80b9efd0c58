//! What takes minutes: music whose score is known, recordings that other trackers have judged or that are loud, and what the analysis costs.

mod cost;
mod dance;
mod music;
mod recordings;
mod score;
