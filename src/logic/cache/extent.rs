//! How many frames are worth being kept and rendered ahead.
//!
//! A frame that is kept spares its rendering, and costs its memory. At 1080p a frame takes some 1.5 ms of a core and 3 to 8 MB, which is soon rendered
//! and much to keep; at 4K and 60 frames a second it takes half of the time that there is for it, and a player that jumps or loops
//! needs what it has.

use crate::logic::clock::Nanos;

/// Frames that take less than this part of their duration to render are soon rendered.
const DEAR: u64 = 8;
/// For how long playback can go on with what is kept of frames that are soon rendered.
const SECONDS: u64 = 2;
/// No fewer than this are kept of them.
const LEAST: u64 = 64;
/// Bytes of frames that are kept whatever they cost to render.
const LITTLE: u64 = 128 << 20;
/// The planner has been measured with as many.
const MOST: u64 = 10_000;

/// How much there is to be of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Frames to render ahead.
    pub ahead: u64,
    /// Frames to have at most, with those that are being rendered.
    pub most: usize,
}

/// What decides about it.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// Threads that render.
    pub threads: u64,
    /// Playback has jumped, so it may do that again: this is no export.
    pub jumped: bool,
    /// How long a frame takes to render, on one thread; 0 if that is not known.
    pub cost: Nanos,
    /// How long it is shown.
    pub duration: Nanos,
    /// Bytes of a frame.
    pub size: u64,
    /// Frames that the memory limit has room for.
    pub room: u64,
}

impl Extent {
    /// Enough to keep all threads busy; and where playback jumps, as much as is worth it.
    pub fn new(of: Circumstances) -> Self {
        // One frame for each thread beyond the one that is wanted, and one for each that is shown meanwhile.
        let busy = of.threads;
        if !of.jumped {
            return Self { ahead: busy, most: (2 * busy).max(2) as usize };
        }
        let dear = of.cost.saturating_mul(DEAR) >= of.duration;
        let short = (SECONDS * 1_000_000_000).div_ceil(of.duration.max(1)).max(LEAST).max(LITTLE / of.size.max(1));
        let most = if dear { of.room } else { of.room.min(short) }.clamp((2 * busy).max(2), MOST);
        // A fifth stays for what was shown.
        Self { ahead: (most - most / 5).max(busy), most: most as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_has_what_keeps_its_threads_busy_and_a_player_what_is_worth_its_memory() {
        let (threads, size) = (2, 8_294_400);
        let export = Circumstances { threads, jumped: false, cost: 1_500_000, duration: 33_333_333, size, room: 2000 };
        assert_eq!(Extent::new(export), Extent { ahead: 2, most: 4 });
        let player = Circumstances { jumped: true, ..export };
        assert_eq!(Extent::new(player), Extent { ahead: 52, most: 64 }, "soon rendered: two seconds");
        let small = Circumstances { size: 57_600, ..player };
        assert_eq!(Extent::new(small).most, 2000, "so little memory that there is no need to save it");
        let dear = Circumstances { cost: 7_000_000, duration: 16_666_667, ..player };
        assert_eq!(Extent::new(dear), Extent { ahead: 1600, most: 2000 }, "as much as there is room for");
        assert_eq!(Extent::new(Circumstances { room: 0, ..dear }).most, 4, "what playback needs");
        assert_eq!(Extent::new(Circumstances { room: u64::MAX, ..dear }).most, 10_000);
    }
}
