//! How many raw frames a queue holds on a machine of a given size.

/// The place of a queue in an export, as far as its size depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Frames between a renderer and an encoder.
    #[default]
    Rendered,
    /// Frames or packets around an encoder.
    Encoder,
    /// Frames of a short animation such as a GIF.
    Animation,
}

const GIB: u64 = 1 << 30;
/// Least bytes of memory for each tier, largest first. Machines report less than their nominal 32, 16 and 8 GiB.
const LEAST: [u64; 3] = [30 * GIB, 15 * GIB, 15 * GIB / 2];
/// Frames per tier, for machines of 32, 16, 8 GiB and less.
const RENDERED: [u32; 4] = [64, 32, 16, 8];
const ENCODER: [u32; 4] = [32, 16, 8, 4];
const ANIMATION: [u32; 4] = [16; 4];
/// The tier taken when the machine could not be read.
const UNKNOWN: usize = 2;

/// No queue holds fewer frames, whatever the budget says.
pub const FLOOR: u32 = 2;

fn frames(role: Role) -> &'static [u32; 4] {
    match role {
        Role::Rendered => &RENDERED,
        Role::Encoder => &ENCODER,
        Role::Animation => &ANIMATION,
    }
}

/// The frames that a queue begins with: the smallest tier's, which every machine has room for.
pub fn start(role: Role) -> u32 {
    frames(role)[LEAST.len()]
}

/// Whether a machine has less memory than the smallest tier but one asks for.
pub fn is_small(effective: Option<u64>) -> bool {
    effective.is_some_and(|bytes| bytes < LEAST[LEAST.len() - 1])
}

/// A queue's size and how it came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Frames.
    pub frames: u32,
    /// The tier of the machine would have filled more than half of the available memory, so a smaller one was taken.
    pub reduced: bool,
    /// The machine could not be read.
    pub guessed: bool,
}

/// The tier for a machine with `effective` bytes, of which `available` are free now, and frames of `frame_bytes`
/// (0 = unknown).
pub fn tier(role: Role, effective: Option<u64>, available: Option<u64>, frame_bytes: u64) -> Tier {
    let table = frames(role);
    let first = match effective {
        Some(bytes) => LEAST.iter().position(|least| bytes >= *least).unwrap_or(LEAST.len()),
        None => UNKNOWN,
    };
    let fits = |frames: &u32| available.is_none_or(|a| u64::from(*frames).saturating_mul(frame_bytes) <= a / 2);
    let index = (first..table.len()).find(|i| fits(&table[*i])).unwrap_or(table.len() - 1);
    Tier { frames: table[index], reduced: index > first, guessed: effective.is_none() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_design() {
        let frames = |role, gib: f64| tier(role, Some((gib * GIB as f64) as u64), None, 0).frames;
        for (gib, expected) in
            [(64.0, (64, 32)), (31.2, (64, 32)), (15.6, (32, 16)), (7.7, (16, 8)), (7.4, (8, 4)), (0.5, (8, 4))]
        {
            assert_eq!((frames(Role::Rendered, gib), frames(Role::Encoder, gib)), expected, "{gib} GiB");
            assert_eq!(frames(Role::Animation, gib), 16);
            assert_eq!(is_small(Some((gib * GIB as f64) as u64)), gib < 7.5, "{gib} GiB");
        }
        assert_eq!([Role::Rendered, Role::Encoder, Role::Animation].map(start), [8, 4, 16]);
        assert!(!is_small(None), "what could not be read is no small machine");
        let unknown = tier(Role::Rendered, None, None, 0);
        assert_eq!(unknown, Tier { frames: 16, reduced: false, guessed: true });
        assert_eq!(tier(Role::Encoder, None, None, 0).frames, 8);
    }

    #[test]
    fn a_tier_that_would_fill_half_of_what_is_available_gives_way_to_smaller_ones() {
        let frame = 3840 * 2160 * 4;
        let with = |available| tier(Role::Rendered, Some(64 * GIB), Some(available), frame);
        assert_eq!(with(64 * frame * 2), Tier { frames: 64, reduced: false, guessed: false });
        assert_eq!(with(64 * frame * 2 - 1), Tier { frames: 32, reduced: true, guessed: false });
        assert_eq!(with(frame).frames, 8, "never below the smallest tier");
    }
}
