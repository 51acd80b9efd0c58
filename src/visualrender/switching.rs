//! Cuts between scenes: what the properties say of them, and telling of each.

use std::ops::ControlFlow;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::failure::Failure;
use super::imp::VisualRender;
use super::properties::Settings;
use crate::glue::look::LookFailure;
use crate::logic::audio::features::HOPS_PER_SECOND;
use crate::logic::audio::timeline::Timeline;
use crate::logic::frame_grid::FrameGrid;
use crate::logic::render::cuts::{self, Music};
use crate::logic::render::programme::{self, Programme};
use crate::logic::render::scene::SceneInfo;

/// What a cut waits for.
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

/// Behind ten days there are no more cuts: each one is kept, and silence can be of any length.
const LAST_CUT: u64 = 10 * 86_400 * HOPS_PER_SECOND as u64;

impl Settings {
    /// The scenes that are asked for, in order: a single one where nothing switches.
    pub(super) fn scenes(&self) -> Result<Vec<&'static SceneInfo>, Failure> {
        let first = self.look.scene().map_err(Failure::Look)?;
        let list = self.scenes.as_deref().unwrap_or_default();
        let scenes = programme::find_all(list, first).map_err(|error| Failure::Look(LookFailure::Scene(error)))?;
        Ok(if self.switch == Switch::Manual { vec![first] } else { scenes })
    }

    /// The scene of each frame of a video on that grid. `None` when `go_on` calls the search for bars off.
    pub(super) fn programme(
        &self,
        timeline: &Timeline,
        grid: FrameGrid,
        go_on: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Option<Programme>, Failure> {
        let bars = match self.switch {
            Switch::Bar => timeline.bars(go_on).map_err(|error| Failure::Temporary { what: "read", error })?,
            _ => Some(Vec::new()),
        };
        let Some(bars) = bars else { return Ok(None) };
        let bars: Vec<_> = bars.iter().map(|&bar| timeline.beats()[bar as usize]).collect();
        let (beats, sections) = (timeline.beats(), timeline.sections());
        let music = Music { beats, bars: &bars, sections, hops: timeline.hops().min(LAST_CUT) };
        let cuts = cuts::cuts(music, grid, timeline.frame_count(grid), self.switch.into(), self.switch_every);
        Ok(Some(Programme::new(self.scenes()?, cuts)))
    }
}

impl VisualRender {
    /// Tells which scene frame `n` is the first to show.
    pub(super) fn tell_scene(&self, n: u64, pts: gst::ClockTime, scene: &str) {
        let structure = gst::Structure::builder("visualrender-scene")
            .field("frame", n)
            .field("timestamp", pts)
            .field("scene", scene)
            .build();
        let obj = self.obj();
        let _ = obj.post_message(gst::message::Element::builder(structure).src(&*obj).build());
    }
}
