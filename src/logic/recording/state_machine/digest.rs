//! The BLAKE3 digest of a recording: taken as bytes come, and from the file itself where bytes were overwritten.

use rustix::io::retry_on_intr;

use crate::logic::recording::storage::{Errno, File};

/// Bytes read back at a time.
const CHUNK: usize = 1 << 20;

#[derive(Default)]
pub(super) struct Digest {
    hasher: blake3::Hasher,
    /// Where the bytes hashed so far end; below the end of the file once that has a hole.
    hashed: u64,
    overwritten: bool,
}

impl Digest {
    /// `data` was appended at `offset`.
    pub fn append(&mut self, offset: u64, data: &[u8]) {
        if offset == self.hashed && !self.overwritten {
            self.hasher.update(data);
            self.hashed += data.len() as u64;
        }
    }

    /// Bytes that were hashed are about to change.
    pub fn overwrite(&mut self) {
        self.overwritten = true;
    }

    /// The digest of the file, all of whose `end` bytes have been written.
    pub fn finish(&self, file: &dyn File, end: u64) -> Result<String, Errno> {
        if self.hashed == end && !self.overwritten {
            return Ok(self.hasher.finalize().to_hex().to_string());
        }
        let mut hasher = blake3::Hasher::new();
        let mut chunk = vec![0; CHUNK];
        let mut offset = 0;
        while offset < end {
            match retry_on_intr(|| file.read_at(&mut chunk, offset))? {
                // Something has truncated the file.
                0 => return Err(Errno::IO),
                n => {
                    hasher.update(&chunk[..n]);
                    offset += n as u64;
                }
            }
        }
        Ok(hasher.finalize().to_hex().to_string())
    }
}
