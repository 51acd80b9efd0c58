//! The frame cache behind `visualrender`: which frames are kept, which are rendered ahead, and what is said of it.

pub mod extent;
pub mod frames;
pub mod playhead;
pub mod runs;
pub mod status;
pub mod store;
