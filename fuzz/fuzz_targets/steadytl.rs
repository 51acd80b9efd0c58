//! A `.steadytl` is whole or refused, whatever its bytes are, and opening it neither panics nor takes memory for what is
//! not there.
#![no_main]

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use gststeady::logic::audio::analyze::Analyzer;
use gststeady::logic::audio::scratch;
use gststeady::logic::audio::timeline_file::{self, NewFile};
use libfuzzer_sys::fuzz_target;

/// Where the header's fields and its checksum lie; see the layout in `timeline_file`.
const RATE: usize = 16;
const SAMPLES: usize = 24;
const HOPS: usize = 32;
const CHECKSUM: usize = 112;
const HEADER: usize = 144;

static VALID: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("there is a place for files");
    let path = folder.path().join("valid.steadytl");
    let mut analyzer =
        Analyzer::new(8_000, 1, scratch::unlinked().expect("there is a place for files")).expect("8 kHz");
    let ramps: Vec<_> = (0..8_000).map(|i| (i % 83) as f32 / 83.0 - 0.5).collect();
    analyzer.push(&ramps).expect("a second fits");
    let timeline =
        analyzer.finish(&mut |_| ControlFlow::Continue(())).expect("a second fits").expect("nobody called it off");
    NewFile::beside(&path).and_then(|file| file.save(&timeline)).expect("a timeline fits");
    std::fs::read(path).expect("it is there")
});

/// Changes, each a place and a byte, to a valid file. The sums over its header are then made right again if `mended`,
/// so that what comes after them is reached.
fn changed(changes: &[u8], mended: bool) -> Vec<u8> {
    let mut bytes = VALID.clone();
    for change in changes.as_chunks::<3>().0 {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
        if at < bytes.len() {
            bytes[at] = change[2];
        } else {
            bytes.push(change[2]);
        }
    }
    if mended {
        let samples = u64::from_le_bytes(bytes[SAMPLES..][..8].try_into().expect("eight bytes"));
        let rate = u32::from_le_bytes(bytes[RATE..][..4].try_into().expect("four bytes"));
        let hops = u128::from(samples) * 100 / u128::from(rate.max(1)) + 1;
        bytes[HOPS..][..8].copy_from_slice(&(hops as u64).to_le_bytes());
        let checksum = blake3::hash(&bytes[..CHECKSUM]);
        bytes[CHECKSUM..HEADER].copy_from_slice(checksum.as_bytes());
    }
    bytes
}

fuzz_target!(|data: &[u8]| {
    let Some((how, data)) = data.split_first() else { return };
    let bytes = match how % 3 {
        0 => data.to_vec(),
        1 => changed(data, false),
        _ => changed(data, true),
    };
    let mut file = tempfile::NamedTempFile::new().expect("there is a place for files");
    file.write_all(&bytes).expect("it fits");
    let opened = timeline_file::open(file.path(), &mut |_| ControlFlow::Continue(()));
    if how % 3 == 1 {
        assert_eq!(opened.is_ok(), bytes == *VALID, "a changed byte is noticed, and nothing else is");
    }
});
