//! Cuts between scenes, as the properties ask for them.

use std::ops::ControlFlow;

use gst::glib;

use super::failure::Failure;
use crate::glue::look::LookFailure;
use crate::logic::audio::features::HOPS_PER_SECOND;
use crate::logic::audio::timeline::Timeline;
use crate::logic::frame_grid::FrameGrid;
use crate::logic::render::cuts::{self, Music};
use crate::logic::render::programme::{self, Programme};
use crate::logic::render::scenes::SceneInfo;
use crate::logic::render::transition;

/// The moments at which a cut can come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstVisualRenderSwitch")]
pub(super) enum Switch {
    #[default]
    #[enum_value(name = "Manual: one scene all the time", nick = "manual")]
    Manual,
    #[enum_value(name = "Beat: on beats", nick = "beat")]
    Beat,
    #[enum_value(name = "Bar: where bars begin", nick = "bar")]
    Bar,
    #[enum_value(name = "Energy: where the music becomes another", nick = "energy")]
    Energy,
    #[enum_value(name = "Time: by the clock", nick = "time")]
    Time,
}

impl From<Switch> for cuts::Switch {
    fn from(switch: Switch) -> Self {
        match switch {
            Switch::Manual => Self::Manual,
            Switch::Beat => Self::Beat,
            Switch::Bar => Self::Bar,
            Switch::Energy => Self::Energy,
            Switch::Time => Self::Time,
        }
    }
}

/// How one scene becomes the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstVisualRenderTransition")]
pub(super) enum Transition {
    #[default]
    #[enum_value(name = "Cut: at once", nick = "cut")]
    Cut,
    #[enum_value(name = "Fade: the one shines through the other for half a second", nick = "fade")]
    Fade,
    #[enum_value(name = "Wipe: the next comes in from the left within half a second", nick = "wipe")]
    Wipe,
}

impl From<Transition> for transition::Transition {
    fn from(transition: Transition) -> Self {
        match transition {
            Transition::Cut => Self::Cut,
            Transition::Fade => Self::Fade,
            Transition::Wipe => Self::Wipe,
        }
    }
}

/// After ten days there are no more cuts: each one is kept in memory, and silence can be of any length.
const LAST_CUT: u64 = 10 * 86_400 * HOPS_PER_SECOND as u64;

/// The property values that say which scene is on when.
#[derive(Debug, Clone, Default)]
pub(super) struct Switching {
    pub(super) on: Switch,
    /// Names or indices with commas between them.
    pub(super) scenes: Option<String>,
    /// 0 for the usual number.
    pub(super) every: u32,
    pub(super) transition: Transition,
}

impl Switching {
    /// The scenes that are asked for, in order: `first` alone where nothing switches.
    pub(super) fn scenes(&self, first: &'static SceneInfo) -> Result<Vec<&'static SceneInfo>, Failure> {
        let list = self.scenes.as_deref().unwrap_or_default();
        let scenes = programme::find_all(list, first).map_err(|error| Failure::Look(LookFailure::Scene(error)))?;
        Ok(if self.on == Switch::Manual { vec![first] } else { scenes })
    }

    /// The programme of the video: which scene is on when, and how one becomes the next.
    pub(super) fn programme(&self, scenes: Vec<&'static SceneInfo>, cuts: Vec<u64>, grid: FrameGrid) -> Programme {
        let (fps_n, fps_d) = grid.fps();
        let half_a_second = u64::from(fps_n).div_ceil(2 * u64::from(fps_d));
        Programme::new(scenes, cuts).with(self.transition.into(), half_a_second)
    }

    /// The frames of a video on that grid at which the scene changes. `None` when `go_on` calls the search for bars off.
    pub(super) fn cuts(
        &self,
        timeline: &Timeline,
        grid: FrameGrid,
        go_on: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Option<Vec<u64>>, Failure> {
        let bars = match self.on {
            Switch::Bar => timeline.bars(go_on).map_err(|error| Failure::Temporary { what: "read", error })?,
            _ => Some(Vec::new()),
        };
        let Some(bars) = bars else { return Ok(None) };
        let bars: Vec<_> = bars.iter().map(|&bar| timeline.beats()[bar as usize]).collect();
        let (beats, sections) = (timeline.beats(), timeline.sections());
        let music = Music { beats, bars: &bars, sections, hops: timeline.hops().min(LAST_CUT) };
        Ok(Some(cuts::cuts(music, grid, timeline.frame_count(grid), self.on.into(), self.every)))
    }
}
