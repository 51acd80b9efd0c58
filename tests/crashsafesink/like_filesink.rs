//! What the tests that GStreamer has for its `filesink` look at, at both sinks: positions and bytes after pushes, lists and seeks,
//! a flush, locations and addresses, many small pieces. Only the name under which a recording is found differs.

use std::path::{Path, PathBuf};

use gst::prelude::*;

use crate::bytes::{folder, shown};
use crate::common::{self, pads::SegmentFrom as _};

const SINKS: [&str; 2] = ["filesink", "crashsafesink"];

/// One of the sinks behind a pad that the test pushes from, playing.
struct Pushed {
    sink: gst::Element,
    src: gst::Pad,
    /// What is being written.
    written: PathBuf,
    location: PathBuf,
    /// Whether each buffer asks to be on the disk before its push returns, so that the file can be looked at.
    synced: bool,
}

impl Pushed {
    fn new(factory: &str, folder: &Path, synced: bool) -> Self {
        common::init();
        let location = folder.join(factory).with_extension("bin");
        let sink = gst::ElementFactory::make(factory).property("location", shown(&location)).build().unwrap();
        let src = gst::Pad::builder(gst::PadDirection::Src).name("src").build();
        src.set_active(true).unwrap();
        src.link(&sink.static_pad("sink").unwrap()).unwrap();
        assert_eq!(sink.set_state(gst::State::Playing), Ok(gst::StateChangeSuccess::Async));
        assert!(src.push_event(gst::event::StreamStart::new("test")));
        let written = if factory == "filesink" { location.clone() } else { location.with_extension("recording.bin") };
        Self { sink, src, written, location, synced }
    }

    fn segment(&self, format: gst::Format, start: u64) {
        let mut segment = gst::Segment::new_from(format);
        if start > 0 {
            segment.set_start(gst::GenericFormattedValue::new(format, start as i64));
        }
        assert!(self.src.push_event(gst::event::Segment::new(&segment)));
    }

    /// A buffer with so many pieces of memory of `size` bytes each.
    fn buffer(&self, pieces: usize, size: usize) -> gst::Buffer {
        let mut buffer = gst::Buffer::new();
        let writable = buffer.get_mut().unwrap();
        for _ in 0..pieces {
            writable.append_memory(gst::Memory::from_slice(random(size)));
        }
        if self.synced {
            writable.set_flags(gst::BufferFlags::SYNC_AFTER);
        }
        buffer
    }

    fn push(&self, pieces: usize, size: usize) {
        assert_eq!(self.src.push(self.buffer(pieces, size)), Ok(gst::FlowSuccess::Ok));
    }

    fn push_list(&self, buffers: usize, pieces: usize, size: usize) {
        let list = (0..buffers).map(|_| self.buffer(pieces, size)).collect();
        assert_eq!(self.src.push_list(list), Ok(gst::FlowSuccess::Ok));
    }

    #[track_caller]
    fn expect_position(&self, bytes: u64) {
        let pad = self.sink.static_pad("sink").unwrap();
        assert_eq!(pad.query_position::<gst::format::Bytes>().map(u64::from), Some(bytes));
    }

    /// The file is so long, with the bytes of a push of `size` at `offset`.
    #[track_caller]
    fn expect_bytes(&self, file: &Path, offset: usize, size: usize, length: usize) {
        let bytes = std::fs::read(file).unwrap();
        assert_eq!(bytes.len(), length);
        assert!(bytes[offset..offset + size] == random(size), "{size} bytes at {offset}");
    }
}

impl Drop for Pushed {
    fn drop(&mut self) {
        self.sink.set_state(gst::State::Null).unwrap();
    }
}

/// Bytes that depend on their number alone.
fn random(size: usize) -> Vec<u8> {
    let mut state = size as u64;
    let step = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..size).map(step).collect()
}

#[test]
fn positions_and_bytes_follow_pushes_lists_and_seeks() {
    for factory in SINKS {
        let dir = folder();
        let pushed = Pushed::new(factory, dir.path(), true);
        pushed.segment(gst::Format::Bytes, 0);
        pushed.expect_position(0);
        pushed.push(0, 0);
        pushed.expect_position(0);
        for (size, position) in [(1, 1), (99, 100), (8800, 8900)] {
            pushed.push(1, size);
            pushed.expect_position(position);
        }
        pushed.push_list(2, 1, 50);
        pushed.expect_position(9000);
        pushed.push_list(3, 1, 10);
        pushed.expect_position(9030);
        for (offset, size) in [(0, 1), (1, 99), (100, 8800), (8900, 50), (8950, 50), (9000, 10), (9010, 10), (9020, 10)]
        {
            pushed.expect_bytes(&pushed.written, offset, size, 9030);
        }
        pushed.push(2, 20);
        pushed.expect_bytes(&pushed.written, 9030, 20, 9070);
        pushed.expect_bytes(&pushed.written, 9050, 20, 9070);
        pushed.push_list(2, 2, 20);
        for offset in [9070, 9090, 9110, 9130] {
            pushed.expect_bytes(&pushed.written, offset, 20, 9150);
        }
        pushed.segment(gst::Format::Bytes, 8800);
        pushed.expect_position(8800);
        pushed.push(1, 1);
        pushed.expect_position(8801);
        pushed.push(1, 9256);
        pushed.expect_position(18_057);
        // A hole, and back into it.
        pushed.segment(gst::Format::Bytes, 20_000);
        pushed.push(1, 10);
        pushed.segment(gst::Format::Bytes, 19_000);
        pushed.push(1, 30);
        pushed.expect_position(19_030);
        assert!(pushed.src.push_event(gst::event::Eos::new()));
        let location = &pushed.location;
        for (offset, size) in [(8801, 9256), (19_000, 30), (20_000, 10)] {
            pushed.expect_bytes(location, offset, size, 20_010);
        }
    }
}

#[test]
fn a_flush_begins_the_file_anew() {
    for factory in SINKS {
        let dir = folder();
        let pushed = Pushed::new(factory, dir.path(), false);
        pushed.segment(gst::Format::Time, 0);
        pushed.expect_position(0);
        pushed.push(1, 8);
        pushed.expect_position(8);
        assert!(pushed.src.push_event(gst::event::FlushStart::new()));
        assert!(pushed.src.push_event(gst::event::FlushStop::new(true)));
        pushed.segment(gst::Format::Time, 0);
        assert_eq!(pushed.sink.set_state(gst::State::Playing), Ok(gst::StateChangeSuccess::Async));
        pushed.expect_position(0);
        pushed.push(1, 4);
        pushed.expect_position(4);
        pushed.sink.set_state(gst::State::Null).unwrap();
        pushed.expect_bytes(&pushed.written, 0, 4, 4);
    }
}

#[test]
fn a_location_that_cannot_be_is_an_error_of_opening() {
    common::init();
    for factory in SINKS {
        let sink = gst::ElementFactory::make(factory).property("location", "/i/do/not/exist").build().unwrap();
        let bus = gst::Bus::new();
        sink.set_bus(Some(&bus));
        assert_eq!(sink.property::<String>("location"), "/i/do/not/exist");
        assert!(sink.set_state(gst::State::Playing).is_err());
        let message = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
        let gst::MessageView::Error(error) = message.view() else { unreachable!() };
        assert!(error.error().matches(gst::ResourceError::OpenWrite), "{factory}: {error:?}");
        sink.set_property("location", None::<String>);
        assert_eq!(sink.property::<Option<String>>("location"), None);
        sink.set_state(gst::State::Null).unwrap();
        sink.set_bus(None);
    }
}

#[test]
fn addresses_and_locations_follow_each_other() {
    common::init();
    for factory in SINKS {
        let sink = gst::ElementFactory::make(factory).property("location", "/i/do/not/exist").build().unwrap();
        let handler = sink.dynamic_cast_ref::<gst::URIHandler>().unwrap();
        let both = || (handler.uri().map(String::from), sink.property::<Option<String>>("location"));
        let expected = |uri: &str, location: &str| (Some(uri.to_owned()), Some(location.to_owned()));
        assert_eq!(both(), expected("file:///i/do/not/exist", "/i/do/not/exist"));
        handler.set_uri("file:///foo/bar").unwrap();
        assert_eq!(both(), expected("file:///foo/bar", "/foo/bar"));
        handler.set_uri("file://localhost/foo/baz").unwrap();
        assert_eq!(both(), expected("file:///foo/baz", "/foo/baz"));
        sink.set_property("location", "/foo/b?r");
        assert_eq!(both(), expected("file:///foo/b%3Fr", "/foo/b?r"));
        sink.set_property("location", "\".donotexist");
        assert_eq!(sink.property::<String>("location"), "\".donotexist");
        handler.set_uri("file://hostname/foo/foo").unwrap_err();
        assert_eq!(sink.property::<String>("location"), "\".donotexist", "{factory}");
    }
}

#[test]
fn many_small_pieces_add_up() {
    for factory in SINKS {
        // GStreamer's has 1, 2, 16 and 17 of either; one call of the kernel takes 1024.
        for (buffers, pieces) in [(17, 1), (1, 17), (17, 17), (2, 1023), (2, 1024), (2, 1025), (1, 5000)] {
            let dir = folder();
            let pushed = Pushed::new(factory, dir.path(), false);
            pushed.segment(gst::Format::Bytes, 0);
            for _ in 0..buffers {
                pushed.push(pieces, 4);
            }
            assert!(pushed.src.push_event(gst::event::Eos::new()));
            pushed.sink.set_state(gst::State::Null).unwrap();
            let bytes = std::fs::read(&pushed.location).unwrap();
            assert!(bytes == random(4).repeat(buffers * pieces), "{factory}: {buffers} of {pieces}");
        }
    }
}
