//! A registered plugin and pipelines that clean up.

use std::sync::Once;
use std::time::{Duration, Instant};

use gst::prelude::*;

/// Initialises GStreamer and registers this crate's elements, once per process.
pub fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().unwrap();
        // An installed plugin would be another build than the one under test.
        if let Some(installed) = gst::Registry::get().find_plugin("steady") {
            gst::Registry::get().remove_plugin(&installed);
        }
        gststeady::plugin_register_static().unwrap();
    });
}

/// A pipeline that goes to NULL when the test ends, however it ends.
pub struct TestPipeline(pub gst::Pipeline);

impl std::ops::Deref for TestPipeline {
    type Target = gst::Pipeline;
    fn deref(&self) -> &gst::Pipeline {
        &self.0
    }
}

impl Drop for TestPipeline {
    fn drop(&mut self) {
        let _ = self.0.set_state(gst::State::Null);
    }
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// End of stream on the bus.
    Eos,
    /// The first error on the bus.
    Error(gst::glib::Error, String),
    /// Neither within the time given.
    Timeout,
}

impl Outcome {
    /// The error's text, or a panic that says what happened instead.
    #[track_caller]
    pub fn unwrap_error(self) -> (gst::glib::Error, String) {
        match self {
            Outcome::Error(error, debug) => (error, debug),
            other => panic!("expected an error, got {other:?}"),
        }
    }

    /// Panics unless the run ended with EOS.
    #[track_caller]
    pub fn expect_eos(self) {
        assert!(matches!(self, Outcome::Eos), "expected EOS, got {self:?}");
    }
}

impl TestPipeline {
    /// Parses a `gst-launch-1.0` description.
    #[track_caller]
    pub fn parse(description: &str) -> Self {
        init();
        let element = gst::parse::launch(description).unwrap_or_else(|e| panic!("{description}: {e}"));
        Self(element.downcast::<gst::Pipeline>().expect("a description of more than one element is a pipeline"))
    }

    /// The element called `name`.
    #[track_caller]
    pub fn element(&self, name: &str) -> gst::Element {
        self.by_name(name).unwrap_or_else(|| panic!("no element called {name}"))
    }

    /// Sets PLAYING and waits for EOS or the first error.
    pub fn run(&self, timeout: Duration) -> Outcome {
        let _ = self.set_state(gst::State::Playing);
        self.wait(timeout)
    }

    /// Waits for EOS or the first error.
    pub fn wait(&self, timeout: Duration) -> Outcome {
        use gst::MessageView;
        let timeout = gst::ClockTime::try_from(timeout).unwrap();
        let bus = self.bus().unwrap();
        match bus.timed_pop_filtered(timeout, &[gst::MessageType::Eos, gst::MessageType::Error]) {
            None => Outcome::Timeout,
            Some(message) => match message.view() {
                MessageView::Error(e) => Outcome::Error(e.error(), e.debug().unwrap_or_default().to_string()),
                _ => Outcome::Eos,
            },
        }
    }

    /// The next element message whose structure is called `name`.
    pub fn next_message(&self, name: &str, timeout: Duration) -> Option<gst::Message> {
        let deadline = Instant::now() + timeout;
        let bus = self.bus().unwrap();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = gst::ClockTime::try_from(left).unwrap();
            let message = bus.timed_pop_filtered(left, &[gst::MessageType::Element])?;
            if message.structure().is_some_and(|s| s.name() == name) {
                return Some(message);
            }
        }
    }
}
