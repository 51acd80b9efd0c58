//! # gst-plugin-steady
//!
//! GStreamer elements for turning audio into video and for recordings that must not be lost.
//!
//! [`logic`] is plain Rust and knows nothing of GStreamer; each element folder is a thin layer over it.
//! Arrows point one way: command, tests and examples → elements → `glue` → `logic`.

pub mod logic;
mod sys;

#[cfg(feature = "plugin")]
mod adaptivequeue;
#[cfg(feature = "plugin")]
mod bufferhealth;
#[cfg(feature = "plugin")]
mod crashsafesink;
#[cfg(feature = "plugin")]
pub mod glue;
#[cfg(feature = "plugin")]
mod visualrender;
#[cfg(feature = "plugin")]
mod visualscope;

#[cfg(feature = "plugin")]
#[allow(missing_docs, reason = "plugin_define! makes undocumented public functions")]
mod plugin {
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Whether this copy of the library has registered its types in this process.
    static REGISTERED: AtomicBool = AtomicBool::new(false);

    /// Only registers: this runs inside `gst-plugin-scanner`, so no threads, files or cgroup reads here.
    fn plugin_init(plugin: &gst::Plugin) -> Result<(), gst::glib::BoolError> {
        // Types are global to a process and belong to whoever registered them first. A second copy of this library,
        // such as an installed plugin beside the one inside `gst-steady`, has to step back.
        let taken = gst::glib::Type::from_name("GstVisualRender").is_some();
        if taken && !REGISTERED.load(Ordering::Relaxed) {
            return Err(gst::glib::bool_error!("another copy of the steady plugin is already part of this process"));
        }
        REGISTERED.store(true, Ordering::Relaxed);
        crate::adaptivequeue::register(plugin)?;
        crate::bufferhealth::register(plugin)?;
        crate::crashsafesink::register(plugin)?;
        crate::visualrender::register(plugin)?;
        crate::visualscope::register(plugin)
    }

    gst::plugin_define!(
        steady,
        env!("CARGO_PKG_DESCRIPTION"),
        plugin_init,
        concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
        "MPL-2.0",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_NAME"),
        "Unknown package origin",
        env!("BUILD_REL_DATE")
    );
}

#[cfg(feature = "plugin")]
pub use plugin::plugin_register_static;
