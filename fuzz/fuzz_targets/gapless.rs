//! Looking for the length tags of MP3 and MP4 files neither panics nor hangs, whatever the bytes are.
#![no_main]

use std::io::Cursor;

use gststeady::logic::audio::gapless;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let found = gapless::find(&mut Cursor::new(data)).expect("reading memory does not fail");
    if let Some(found) = found {
        assert!(found.rate > 0);
        assert!(found.left_to_skip() <= found.skip);
    }
});
