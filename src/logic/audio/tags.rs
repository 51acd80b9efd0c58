//! The tags of a file that pictures show; kept with the timeline, so that drawing from it later gives
//! the same pictures.

/// Title, artist and cover.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    /// Title of the track.
    pub title: Option<String>,
    /// Who made it.
    pub artist: Option<String>,
    /// The bytes of a picture file.
    pub cover: Option<Vec<u8>>,
}

const CHECKSUM: usize = blake3::OUT_LEN;

impl Tags {
    /// Each field as its length plus one (u32, little-endian; 0 = there is none) and its bytes; then the BLAKE3 of that.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let text = |text: &Option<String>| text.as_ref().map(|text| text.clone().into_bytes());
        let mut bytes = Vec::new();
        for field in [text(&self.title), text(&self.artist), self.cover.clone()] {
            // A field longer than any picture is left out.
            let field = field.and_then(|field| Some((u32::try_from(field.len()).ok()?.checked_add(1)?, field)));
            bytes.extend(field.as_ref().map_or(0, |(len, _)| *len).to_le_bytes());
            bytes.extend(field.map(|(_, field)| field).unwrap_or_default());
        }
        let checksum = blake3::hash(&bytes);
        bytes.extend(checksum.as_bytes());
        bytes
    }

    /// `None` where these are not the bytes of [`to_bytes`](Self::to_bytes).
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (mut fields, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
        if blake3::hash(fields).as_bytes()[..] != *checksum {
            return None;
        }
        let mut next = || {
            let (len, rest) = fields.split_first_chunk()?;
            let Some(len) = u32::from_le_bytes(*len).checked_sub(1) else {
                fields = rest;
                return Some(None);
            };
            let (field, rest) = rest.split_at_checked(len as usize)?;
            fields = rest;
            Some(Some(field.to_vec()))
        };
        let (title, artist, cover) = (next()?, next()?, next()?);
        let text = |field: Option<Vec<u8>>| field.map(String::from_utf8).transpose().ok();
        fields.is_empty().then_some(())?;
        Some(Self { title: text(title)?, artist: text(artist)?, cover })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tags_survive_being_stored(title: Option<String>, artist: Option<String>, cover: Option<Vec<u8>>) {
            let tags = Tags { title, artist, cover };
            prop_assert_eq!(Tags::from_bytes(&tags.to_bytes()), Some(tags));
        }

        #[test]
        fn what_was_not_stored_by_us_is_refused(bytes: Vec<u8>, signed: bool) {
            // With a right checksum, nonsense gets further.
            let checksum = blake3::hash(&bytes);
            let bytes = if signed { [&bytes[..], checksum.as_bytes()].concat() } else { bytes };
            if let Some(tags) = Tags::from_bytes(&bytes) {
                prop_assert_eq!(tags.to_bytes(), bytes);
            }
        }
    }
}
