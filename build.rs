//! Gives the plugin its version, commit and date (the COMMIT_ID and BUILD_REL_DATE variables).
fn main() {
    gst_plugin_version_helper::info();
}
