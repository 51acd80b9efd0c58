//! The application pauses, seeks, blocks, relinks; or the whole process stands still.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gst::prelude::*;

use crate::matrix::parts::{Nth, Wait, bin, chain};
use crate::matrix::row::Expect::Silence;
use crate::matrix::row::Row;
use crate::matrix::scene::{Kit, Scene};

pub fn rows() -> Vec<Row> {
    vec![
        Row::build("PAUSED on purpose", Silence, |kit| {
            kit.scene("VIDEO ! Q ! fakesink sync=true").state(gst::State::Paused)
        }),
        Row::build("a live pipeline in PAUSED", Silence, |kit| {
            kit.scene("LIVEAUDIO ! Q ! fakesink").state(gst::State::Paused)
        }),
        Row::build("PAUSED after playing", Silence, |kit| {
            let (scene, nth) = counted(kit.scene("VIDEO ! Q ! fakesink name=sink sync=true"), 10);
            scene.act(move |pipeline| {
                crate::common::wait_until("ten frames", || nth.begun());
                pipeline.set_state(gst::State::Paused).unwrap();
            })
        }),
        Row::build("a seek ten times a second", Silence, |kit| {
            kit.scene("VIDEO ! Q max-size-buffers=4 ! fakesink sync=true").every(
                Duration::from_millis(100),
                |pipeline| {
                    let _ = pipeline.seek_simple(gst::SeekFlags::FLUSH, gst::ClockTime::ZERO);
                },
            )
        })
        .flows(),
        Row::build("a seek in PAUSED every two timeouts", Silence, |kit| {
            let scene = kit.scene("VIDEO ! Q max-size-buffers=4 ! fakesink sync=true").state(gst::State::Paused);
            scene.every(kit.times.timeout * 2, |pipeline| {
                let _ = pipeline.seek_simple(gst::SeekFlags::FLUSH, gst::ClockTime::SECOND);
            })
        }),
        Row::build("a flush that is not ended", Silence, |kit| {
            let (scene, nth) = counted(kit.scene("VIDEO ! identity name=s ! Q ! fakesink name=sink sync=true"), 5);
            scene.act(move |pipeline| {
                crate::common::wait_until("five frames", || nth.begun());
                pipeline.element("s").static_pad("src").unwrap().push_event(gst::event::FlushStart::new());
            })
        }),
        Row::build("a blocking probe behind the queue", Silence, |kit| {
            let scene = kit.scene("VIDEO ! Q ! identity name=next ! fakesink async=false");
            let pad = scene.pad("next", "src");
            scene.blocked(&pad)
        })
        .quick(),
        Row::build("a blocking probe on the queue itself", Silence, |kit| {
            let scene = kit.scene("VIDEO ! Q name=q ! fakesink async=false");
            let pad = scene.pad("q", "src");
            scene.blocked(&pad)
        }),
        Row::build("a blocking probe behind a second queue", Silence, |kit| {
            let scene = kit.scene("VIDEO ! Q ! queue ! identity name=next ! fakesink async=false");
            let pad = scene.pad("next", "src");
            scene.blocked(&pad)
        }),
        Row::build("a blocking probe on the other input of a muxer", Silence, |kit| {
            let scene = kit.scene(
                "VIDEO ! Q ! matroskamux name=muxer ! fakesink async=false AUDIO ! identity name=next ! Q ! muxer.",
            );
            let pad = scene.pad("next", "src");
            scene.blocked(&pad)
        }),
        Row::build("a blocking probe on a ghost pad's outer side", Silence, |kit| {
            let (scene, bin) = in_a_bin(kit);
            scene.blocked(&bin.static_pad("sink").unwrap())
        }),
        Row::build("a blocking probe on a ghost pad's inner side", Silence, |kit| {
            let (scene, bin) = in_a_bin(kit);
            let ghost = bin.static_pad("sink").unwrap().downcast::<gst::GhostPad>().unwrap();
            scene.blocked(ghost.internal().unwrap().upcast_ref())
        }),
        Row::build("a blocking probe on the way out of a bin", Silence, |kit| {
            let (scene, bin) = in_a_bin(kit);
            scene.blocked(&bin.static_pad("src").unwrap())
        }),
        Row::build("a blocking probe on the bin around the queue", Silence, |kit| {
            let source: gst::Element = bin(kit, "VIDEO ! Q").upcast();
            let sink = gst::ElementFactory::make("fakesink").property("async", false).build().unwrap();
            let pad = source.static_pad("src").unwrap();
            Scene::new(chain(&[&source, &sink])).blocked(&pad)
        }),
        Row::build("a sink that is exchanged, slowly", Silence, |kit| {
            let scene = kit.scene("VIDEO ! Q name=q ! fakesink name=sink async=false sync=true");
            let (mut blocked, pad) = (None, scene.pad("q", "src"));
            scene.every(kit.times.timeout * 3, move |pipeline| match blocked.take() {
                None => blocked = pad.add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, |_, _| gst::PadProbeReturn::Ok),
                Some(probe) => {
                    let old = pad.peer().unwrap().parent_element().unwrap();
                    let sink = gst::ElementFactory::make("fakesink").property("async", false).property("sync", true);
                    let sink = sink.build().unwrap();
                    old.set_state(gst::State::Null).unwrap();
                    pipeline.remove(&old).unwrap();
                    pipeline.add(&sink).unwrap();
                    pad.link(&sink.static_pad("sink").unwrap()).unwrap();
                    sink.sync_state_with_parent().unwrap();
                    pad.remove_probe(probe);
                }
            })
        }),
        Row::build("a process that is stopped and goes on", Silence, |kit| {
            // Stopped from the second timeout to the fourteenth.
            let seconds = |n: u32| (kit.times.timeout * n).as_secs_f64();
            let script = format!(
                "sleep {}; kill -STOP {pid}; sleep {}; kill -CONT {pid}",
                seconds(2),
                seconds(12),
                pid = std::process::id()
            );
            let mut child = Command::new("sh").args(["-c", &script]).spawn().unwrap();
            let slow = "VIDEO ! Q max-size-buffers=2 ! identity sleep-time=0.7xTIMEOUT ! fakesink sync=false";
            kit.scene(slow).release(move || _ = child.wait())
        })
        .flows(),
        Row::build("work on one frame", Silence, |kit| {
            let stop = Arc::new(AtomicBool::new(false));
            let work = Wait::Work(kit.times.timeout * 18, Arc::clone(&stop));
            let scene = kit.scene("VIDEO ! Q ! identity name=worker ! fakesink sync=false");
            let scene = scene.handoff_waits("worker", &Nth::new(1, work));
            scene.release(move || stop.store(true, Ordering::Relaxed))
        }),
        Row::launch(
            "an encoder at work beside sound",
            Silence,
            "videotestsrc pattern=snow ! video/x-raw,format=I420,width=400,height=224,framerate=30/1 ! Q ! \
             x264enc speed-preset=slower ! Q ! matroskamux name=muxer ! fakesink sync=false AUDIO ! Q ! muxer.",
        ),
    ]
}

/// Counts the frames at the sink.
fn counted(scene: Scene, n: u64) -> (Scene, Nth) {
    let nth = Nth::new(n, Wait::Sleep(Duration::ZERO));
    (scene.handoff_waits("sink", &nth), nth)
}

/// A bin between queue and sink.
fn in_a_bin(kit: &Kit) -> (Scene, gst::Bin) {
    let make = |factory| gst::ElementFactory::make(factory);
    let middle = bin(kit, "identity ! identity");
    let source: gst::Element = bin(kit, "VIDEO ! Q").upcast();
    let sink = make("fakesink").property("async", false).build().unwrap();
    (Scene::new(chain(&[&source, middle.upcast_ref(), &sink])), middle)
}
