//! The plugin as an application or `gst-inspect-1.0` finds it.
#![cfg(feature = "plugin")]
mod common;

#[test]
fn registering_twice_is_harmless() {
    common::init();
    gststeady::plugin_register_static().expect("a second registration");
}
