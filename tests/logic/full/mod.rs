//! What takes minutes: music whose score is known, recordings that other trackers have judged, and what the analysis costs.

mod cost;
mod music;
mod recordings;
mod score;
