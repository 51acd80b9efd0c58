//! Embeds the plugin in a program: no installed plugin, no GST_PLUGIN_PATH. Draws the first three seconds of the demo
//! tune into `embedded.mkv`.

use gst::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    gst::init()?;
    gststeady::plugin_register_static()?;
    let pipeline = gst::parse::launch(
        "visualrender audio-location=examples/media/demo.flac num-buffers=90 ! x264enc ! matroskamux
         ! crashsafesink location=embedded.mkv on-exists=replace",
    )?;
    pipeline.set_state(gst::State::Playing)?;
    let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
    let end = bus.timed_pop_filtered(None, &[gst::MessageType::Eos, gst::MessageType::Error]);
    // At READY the sink ends its recording; what it says then is on the bus until NULL flushes that.
    pipeline.set_state(gst::State::Ready)?;
    if let Some(message) = bus.pop_filtered(&[gst::MessageType::Error]) {
        eprintln!("{message:?}");
    }
    pipeline.set_state(gst::State::Null)?;
    match end.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Error(error)) => Err(error.error().into()),
        _ => {
            println!("embedded.mkv");
            Ok(())
        }
    }
}
