//! From the audio timeline to pictures: [`scene`] is the interface, `scenes` the scenes, the rest what they draw with.
//!
//! A picture is a pure function of (window, frame, look): no scene keeps a history, so frames can be drawn in any
//! order, on any thread and in horizontal bands, and have the same bytes on every CPU.

mod backdrop;
pub mod canvas;
mod capsule;
mod colour;
mod composition;
pub mod cover;
mod cover_colours;
pub mod cuts;
mod field;
mod glyphs;
pub mod look;
mod math;
mod noise;
pub mod palette;
mod polar;
pub mod programme;
mod progress_bar;
pub mod scene;
pub mod scenes;
pub mod schedule;
mod shapes;
mod stars;
pub mod transition;
mod transparent;
pub mod yuv;
