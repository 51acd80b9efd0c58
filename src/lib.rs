//! # gst-plugin-steady
//!
//! GStreamer elements for turning audio into video and for recordings that must not be lost.
//!
//! [`logic`] is plain Rust and knows nothing of GStreamer; each element folder is a thin layer over it.
//! Arrows point one way: command, tests and examples → elements → `glue` → `logic`.

pub mod logic;

#[cfg(feature = "plugin")]
mod bufferhealth;
#[cfg(feature = "plugin")]
pub(crate) mod glue;

#[cfg(feature = "plugin")]
#[allow(missing_docs, reason = "plugin_define! makes undocumented public functions")]
mod plugin {
    /// Only registers: this runs inside `gst-plugin-scanner`, so no threads, files or cgroup reads here.
    fn plugin_init(plugin: &gst::Plugin) -> Result<(), gst::glib::BoolError> {
        crate::bufferhealth::register(plugin)?;
        Ok(())
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
