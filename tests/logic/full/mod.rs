//! What takes minutes: music whose score is known, and what the analysis costs.

mod cost;
mod music;
mod score;
