//! Any bytes that come to the address of the metrics are answered, refused or waited for, the same however they are cut.
#![no_main]

use gststeady::logic::metrics::http::{MOST, Request, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = read(bytes);
    // What was an answer stays one, whatever follows.
    if bytes.len() < MOST && matches!(whole, Request::Ask { .. }) {
        assert_eq!(read(&[bytes, b"x"].concat()), whole);
    }
    if bytes.len() >= MOST {
        assert!(whole != Request::Incomplete);
    }
});
