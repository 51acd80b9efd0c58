//! GStreamer with the elements of this very build.

use std::path::PathBuf;
use std::sync::OnceLock;

use gst::prelude::*;

use super::failure::{Failure, Stage};

/// The tracer, if `GST_TRACERS` asks for it. It stays, since GStreamer has no way to let one go.
static TRACER: OnceLock<gst::Tracer> = OnceLock::new();

/// Starts GStreamer and registers the elements this command was built with, in place of any installed `steady` plugin:
/// two builds of one GObject type cannot live in one process.
///
/// Returns whether an installed plugin was found, that is whether `gst-launch-1.0` would find one too.
pub fn init() -> Result<bool, Failure> {
    let tracer = take_tracer();
    gst::init().map_err(|e| Failure::new(Stage::MissingPlugin, format!("GStreamer does not start: {e}")))?;
    let registry = gst::Registry::get();
    let installed = registry.find_plugin("steady");
    if let Some(plugin) = &installed {
        registry.remove_plugin(plugin);
    }
    gststeady::plugin_register_static()
        .map_err(|e| Failure::new(Stage::Internal, format!("the steady elements do not register: {e}")))?;
    if let Some((parameters, kind)) = tracer.zip(gst::glib::Type::from_name("GstPipelineHealth")) {
        let tracer = gst::glib::Object::builder_with_type(kind).property("params", parameters).build();
        // GStreamer is started once.
        let _ = tracer.downcast().map(|tracer| TRACER.set(tracer));
    }
    Ok(installed.is_some())
}

/// Has the tracer write its report for the last time.
pub fn end() {
    if let Some(tracer) = TRACER.get() {
        tracer.emit_by_name::<()>("stop", &[]);
    }
}

/// Takes `pipelinehealth` out of `GST_TRACERS`, and gives its parameters: GStreamer would load it from an installed plugin, whose
/// types would be in the way of this command's own.
fn take_tracer() -> Option<String> {
    const VARIABLE: &str = "GST_TRACERS";
    let (ours, others) = split_tracers(&std::env::var(VARIABLE).ok()?);
    // SAFETY: nothing else runs yet that could read the environment: the command has begun no thread before it starts GStreamer, but
    // for that which waits for an interrupt, and that one reads none.
    unsafe { std::env::set_var(VARIABLE, others) };
    ours
}

/// The parameters of `pipelinehealth`, if it is among the tracers, and the other tracers.
fn split_tracers(tracers: &str) -> (Option<String>, String) {
    let parameters = |tracer: &str| {
        let rest = tracer.trim().strip_prefix("pipelinehealth")?;
        match rest.strip_prefix('(') {
            Some(inside) => Some(inside.split(')').next().unwrap_or_default().to_owned()),
            None => rest.is_empty().then(String::new),
        }
    };
    let ours = tracers.split(';').find_map(parameters);
    let others: Vec<&str> = tracers.split(';').filter(|tracer| parameters(tracer).is_none()).collect();
    (ours, others.join(";"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_tracer_is_told_from_the_others() {
        let split = |text| {
            let (ours, others) = split_tracers(text);
            (ours.unwrap_or_else(|| "none".into()), others)
        };
        let is = |ours: &str, others: &str| (ours.to_owned(), others.to_owned());
        assert_eq!(split(""), is("none", ""));
        assert_eq!(split("latency;stats"), is("none", "latency;stats"));
        assert_eq!(split("pipelinehealth"), is("", ""));
        let both = "latency(flags=pipeline);pipelinehealth(port=9464);leaks";
        assert_eq!(split(both), is("port=9464", "latency(flags=pipeline);leaks"));
        assert_eq!(split("pipelinehealthier"), is("none", "pipelinehealthier"));
    }
}
