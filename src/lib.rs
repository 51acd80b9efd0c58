//! GStreamer elements for turning audio into video that is right to the frame, and for recordings that must not be lost.
//!
//! | element | what it is | how it is built |
//! |---|---|---|
//! | `visualrender` | source: draws an audio file, frame-exactly, seekable | [design](guide::visualrender) |
//! | `visualscope` | audio in, video out: the same scenes for players and live sound | [design](guide::visualscope) |
//! | `adaptivequeue` | a `queue` that is sized by the machine's memory, grows where a muxer starves, and says why a pipeline hangs | [design](guide::adaptivequeue) |
//! | `crashsafesink` | `filesink` with a temporary name, regular syncs and a durable, atomic rename at the end | [design](guide::crashsafesink), [what survives](guide::recording_safely) |
//! | `bufferhealth` | passthrough that measures a stream and gives a verdict with reasons | [design](guide::bufferhealth), [metrics](guide::metrics) |
//! | `pipelinehealth` | tracer: the same of every stream of any pipeline, and why it hangs | [how to read it](guide::health), [halts](guide::stalls) |
//!
//! `gst-inspect-1.0 visualrender` lists an element's properties with their units and defaults; [`guide::messages`] has what
//! the elements post and count. The [`guide`] begins with an [overview](guide::overview) of the whole.
//!
//! # In your own program
//!
//! `plugin_register_static` makes the elements known to the process; nothing needs to be installed. This is
//! `examples/embed.rs`:
//!
#![cfg_attr(feature = "plugin", doc = concat!("```no_run\n", include_str!("../examples/embed.rs"), "```"))]
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `plugin` (default) | the elements; needs GStreamer 1.22 or newer |
//! | `cli` (default) | the command `gst-steady` |
//! | `test-harness`, `full`, `soak` | for this crate's own tests: the quick ones, those that take minutes, those that take hours |
//!
//! Without any, only [`logic`] is left: plain Rust that knows nothing of GStreamer. Arrows point one way: command, tests and
//! examples → elements → `glue` → `logic`.

/// How it is built, and what users of all languages are told: the pages of `docs/`.
// Links between the pages are written as [text][page]: of two definitions of `page` the first counts, so that here they lead
// to modules, and in the repository to files.
#[cfg(doc)]
pub mod guide {
    macro_rules! pages {
        ($($name:ident: $file:literal,)*) => {$(
            #[doc = "[overview]: crate::guide::overview"]
            #[doc = "[glossary]: crate::guide::glossary"]
            #[doc = "[invariants]: crate::guide::invariants"]
            #[doc = "[adaptivequeue]: crate::guide::adaptivequeue"]
            #[doc = "[visualrender]: crate::guide::visualrender"]
            #[doc = "[visualscope]: crate::guide::visualscope"]
            #[doc = "[crashsafesink]: crate::guide::crashsafesink"]
            #[doc = "[bufferhealth]: crate::guide::bufferhealth"]
            #[doc = "[timeline]: crate::guide::timeline"]
            #[doc = "[scenes]: crate::guide::scenes"]
            #[doc = "[export]: crate::guide::export"]
            #[doc = "[lengths]: crate::guide::lengths"]
            #[doc = "[recording_safely]: crate::guide::recording_safely"]
            #[doc = ""]
            #[doc = include_str!(concat!("../docs/", $file))]
            pub mod $name {}
        )*};
    }
    pages! {
        overview: "design/overview.md",
        glossary: "design/glossary.md",
        invariants: "design/invariants.md",
        adaptivequeue: "design/adaptivequeue.md",
        visualrender: "design/visualrender.md",
        visualscope: "design/visualscope.md",
        crashsafesink: "design/crashsafesink.md",
        bufferhealth: "design/bufferhealth.md",
        timeline: "design/timeline.md",
        scenes: "design/scenes.md",
        export: "design/export.md",
        messages: "messages.md",
        metrics: "metrics.md",
        lengths: "lengths.md",
        recording_safely: "recording-safely.md",
        stalls: "stalls.md",
        health: "health.md",
        report: "report.md",
    }
}

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
/// The figures of the elements, for programs that have this library inside.
#[cfg(feature = "plugin")]
pub mod health {
    pub use crate::bufferhealth::read;
}
#[cfg(feature = "plugin")]
mod metrics;
#[cfg(feature = "plugin")]
mod pipelinehealth;
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
        crate::pipelinehealth::register(plugin)?;
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

/// Makes the elements known to this process, after [`gst::init`]. Calling it again is harmless.
///
/// # Errors
///
/// When another copy of this library, such as an installed plugin, has registered the elements before.
#[cfg(feature = "plugin")]
pub use plugin::plugin_register_static;
