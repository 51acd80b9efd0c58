//! GStreamer with the elements of this very build.

use std::path::PathBuf;

use super::failure::{Failure, Stage};

/// Starts GStreamer and registers the elements this command was built with, in place of any installed `steady` plugin:
/// two builds of one GObject type cannot live in one process.
///
/// Returns whether an installed plugin was found, that is whether `gst-launch-1.0` would find one too.
pub fn init() -> Result<bool, Failure> {
    gst::init().map_err(|e| Failure::new(Stage::MissingPlugin, format!("GStreamer does not start: {e}")))?;
    let registry = gst::Registry::get();
    let installed = registry.find_plugin("steady");
    if let Some(plugin) = &installed {
        registry.remove_plugin(plugin);
    }
    gststeady::plugin_register_static()
        .map_err(|e| Failure::new(Stage::Internal, format!("the steady elements do not register: {e}")))?;
    Ok(installed.is_some())
}

/// Whether a factory can be used.
pub fn has(factory: &str) -> bool {
    gst::ElementFactory::find(factory).is_some()
}

/// The folder to name in `GST_PLUGIN_PATH`: where a plugin built or installed together with this command lies.
pub fn plugin_folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.canonicalize().ok()?;
    let folder = program.parent()?;
    let candidates = [folder.join("plugins"), folder.join("../lib/gstreamer-1.0"), folder.to_path_buf()];
    candidates.into_iter().find(|f| f.join("libgststeady.so").exists())
}
