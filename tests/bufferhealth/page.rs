//! What is read from elements while they run, as a page.

use std::time::Instant;

use gst::prelude::*;
use gststeady::health;
use gststeady::logic::clock::{MILLISECOND, monotonic};
use gststeady::logic::report::{Around, Environment, Outcome, Process, Recorder, Sum, page};

use crate::common::{PATIENCE, TestPipeline};

#[test]
fn a_slow_element_between_two_measuring_points_is_named() {
    let p = TestPipeline::parse(
        "fakesrc num-buffers=60 format=time datarate=1000 sizetype=fixed sizemax=40 ! bufferhealth label=before name=a ! \
         queue max-size-buffers=2 ! identity name=slow sleep-time=20000 ! bufferhealth label=after name=b ! fakesink",
    );
    let elements = ["a", "b"].map(|name| p.by_name(name).unwrap());
    let read = || elements.each_ref().map(|element| health::read(element).unwrap());
    assert!(health::read(&p.by_name("slow").unwrap()).is_none());
    let mut recorder = Recorder::new(monotonic(), 100 * MILLISECOND);
    p.set_state(gst::State::Playing).unwrap();
    let bus = p.bus().unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        recorder.sample(monotonic(), &Process::default(), &read());
        match bus.timed_pop(gst::ClockTime::from_mseconds(50)).as_ref().map(|message| message.type_()) {
            Some(gst::MessageType::Eos) => break,
            Some(gst::MessageType::Error) => panic!("an error"),
            _ => assert!(Instant::now() < deadline, "it does not end"),
        }
    }
    recorder.sample(monotonic(), &Process::default(), &read());
    let readings = read();
    let next = Some(readings[1].place.clone());
    let after = vec!["identity".into()];
    recorder.describe(&readings[0].place, Around { after, next, ..Around::default() });

    let [before, after] = recorder.tracks() else { panic!("two tracks") };
    assert_eq!((before.total().sum(Sum::Buffers), after.total().sum(Sum::Buffers)), (60, 60));
    assert!(before.total().waits().unwrap().0 > 0.7, "{:?}", before.total().waits());
    assert!(after.total().waits().unwrap().1 > 0.7, "{:?}", after.total().waits());
    let environment = Environment { outcome: Outcome::Complete, ..Environment::default() };
    let page = page(&recorder, &environment);
    assert!(page.contains("The slowest part is <b>identity</b>"), "{page}");
}
