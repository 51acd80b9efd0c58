//! Stalls on purpose: a recording graph whose encoder looks further ahead than the queue beside it holds. `queue` hangs
//! here without a word; `adaptivequeue` says after five seconds what is wrong. With `--adaptive` its limit is left alone,
//! and it grows until the graph runs.

use gst::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limit = if std::env::args().any(|argument| argument == "--adaptive") { "" } else { "max-size-buffers=8" };
    gst::init()?;
    gststeady::plugin_register_static()?;
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc num-buffers=120 ! video/x-raw,width=320,height=240 ! tee name=t
         t. ! adaptivequeue name=frames {limit} ! jpegenc ! matroskamux name=mux ! fakesink
         t. ! x264enc ! adaptivequeue name=packets role=encoder ! mux."
    ))?;
    pipeline.set_state(gst::State::Playing)?;
    let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
    let end = bus.timed_pop_filtered(None, &[gst::MessageType::Eos, gst::MessageType::Error]);
    pipeline.set_state(gst::State::Null)?;
    match end.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Error(error)) => {
            println!("{}", error.error().message());
            if let Some(details) = error.details() {
                println!("{details}");
            }
        }
        _ => println!("finished"),
    }
    Ok(())
}
