//! The element's figures where monitoring systems read them.

use std::sync::Arc;

use gst::glib;
use gst::subclass::prelude::*;

use super::element::{BufferHealth, CAT};
use super::settings::Settings;
use crate::logic::health::reading::Reading;
use crate::metrics::{self, Source, Targets};

/// An element, for as long as it is there.
struct Exported(glib::WeakRef<super::BufferHealth>);

impl Source for Exported {
    fn read(&self) -> Vec<Reading> {
        self.0.upgrade().map(|element| element.imp().reading()).into_iter().collect()
    }

    fn warn(&self, text: &str) {
        if let Some(element) = self.0.upgrade() {
            gst::warning!(CAT, obj = element, "{text}");
            gst::element_warning!(element, gst::ResourceError::Settings, ("{text}"));
        }
    }
}

impl BufferHealth {
    /// Shows the figures wherever the settings say.
    pub(super) fn start_export(&self, settings: &Settings) {
        let text = |setting: &Option<String>| setting.clone().unwrap_or_default();
        let targets = Targets {
            prometheus: text(&settings.prometheus_address),
            textfile: text(&settings.textfile),
            statsd: text(&settings.statsd_address),
            interval: settings.limits().interval_length(),
        };
        let source: Arc<dyn Source> = Arc::new(Exported(self.obj().downgrade()));
        let export = metrics::export(&source, &targets);
        let before = std::mem::replace(&mut *self.export(), export);
        drop(before);
    }

    /// Shows them no more.
    pub(super) fn stop_export(&self) {
        let export = std::mem::take(&mut *self.export());
        drop(export);
    }
}
