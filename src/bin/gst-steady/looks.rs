//! How pictures are to look, as the user has asked for it: checked before anything is begun.

use std::path::Path;

use gststeady::logic::export::launch_path;
use gststeady::logic::render::cover::Cover;
use gststeady::logic::render::palette::Palette;
use gststeady::logic::render::{programme, scenes};

use super::args::Look;
use super::failure::{Failure, Stage};

/// The name of the scene, or of the first one.
pub fn scene(look: &Look) -> Result<&'static str, Failure> {
    match &look.scene {
        None => Ok(scenes::all()[0].name),
        Some(asked) => scenes::find(asked).map(|scene| scene.name).map_err(|e| usage(&e)),
    }
}

/// The other properties of `visualrender`, as far as the user has chosen them.
pub fn properties(look: &Look) -> Result<Vec<(&'static str, String)>, Failure> {
    if let Some(asked) = &look.palette {
        Palette::parse(asked, None).map_err(|e| usage(&e))?;
    }
    if let Some(list) = &look.scenes {
        programme::find_all(list, &scenes::all()[0]).map_err(|e| usage(&e))?;
    }
    let is_none = |path: &Path| path.as_os_str().is_empty();
    if let Some(cover) = look.cover.as_deref().filter(|cover| !is_none(cover)) {
        let picture = std::fs::read(cover)
            .map_err(|e| Failure::new(Stage::NoInput, format!("the cover {cover:?} cannot be read: {e}")))?;
        Cover::decode(&picture)
            .map_err(|e| Failure::new(Stage::BadInput, format!("{cover:?}: {e}; give a JPEG or PNG picture")))?;
    }
    let cover = look.cover.as_deref().map(|path| if is_none(path) { String::new() } else { launch_path(path) });
    let asked = [
        ("switch", look.switch.map(|switch| switch.to_string())),
        ("scenes", look.scenes.clone()),
        ("transition", look.transition.map(|transition| transition.to_string())),
        ("palette", look.palette.clone()),
        ("title", look.title.clone()),
        ("artist", look.artist.clone()),
        ("cover-location", cover),
    ];
    Ok(asked.into_iter().filter_map(|(property, value)| Some((property, value?))).collect())
}

fn usage(error: &impl ToString) -> Failure {
    Failure::new(Stage::Usage, error.to_string())
}
