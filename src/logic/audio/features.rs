//! What a picture may know of the audio: quantised features, one [`Hop`] every 10 ms, and a window onto them.
//!
//! Scenes see integers only. Everything with a history (smoothing, peak hold, integrals) was worked out by the
//! analysis, so a picture is a function of the window alone and frames can be drawn in any order, on any thread.

/// Stored frequency bands, logarithmically spaced from 30 Hz to 16 kHz.
pub const BANDS: usize = 64;
/// Hops per second of audio, at any sample rate.
pub const HOPS_PER_SECOND: u32 = 100;
/// Waveform points stored per hop.
pub const WAVE_POINTS: usize = 80;
/// Steps that a hop's own 10 ms are divided into to say where the sound strikes.
pub const ATTACK_STEPS: u8 = 20;
/// The largest value of a `u16` level: the track's ceiling, or full scale.
pub const FULL: u16 = u16::MAX;

/// One hop. Levels are linear in amplitude between silence (0) and ceiling ([`FULL`]) unless stated otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    /// Smoothed level of each band, lowest frequency first, in steps of 14 bits.
    pub bands: [u16; BANDS],
    /// Peak hold of each band: never below `bands`, falls with gravity; in steps of 12 bits.
    pub peaks: [u16; BANDS],
    /// Waveform of this hop's 10 ms, evenly spaced: the mean of all channels, so mid = (left + right)/2 where there are
    /// two. Each point is the mean over its time; full scale is ±127.
    pub wave: [i8; WAVE_POINTS],
    /// Side = (left − right)/2 at the same points and scale, of the first two channels, which in GStreamer are front left
    /// and front right; 0 where there is one channel. Of stereo, `wave` + `side` is left and `wave` − `side` is right.
    pub side: [i8; WAVE_POINTS],
    /// Root mean square of the hop, linear amplitude, full scale = [`FULL`].
    pub rms: u16,
    /// Largest absolute sample of the hop, linear amplitude, full scale = [`FULL`].
    pub peak: u16,
    /// Loudness over about 0.4 s, linear in decibels between floor (0) and ceiling ([`FULL`]).
    pub loudness: u16,
    /// Onset strength below 150 Hz, in between and above 2 kHz, from the attack on and with a decay of about 0.2 s.
    pub onsets: [u16; 3],
    /// The step of [`ATTACK_STEPS`] of this hop's 10 ms in which the sound strikes, from 1 on; 0 where it does not.
    pub attack: u8,
    /// Running sum of low-band energy: [`FULL`] for 100 hops adds 6 553 500. Wraps after 11 minutes of full scale: a phase of it
    /// is seamless where a turn is a power of two.
    pub travel: u32,
    /// Running sum of mid-band energy, in the unit of `travel`.
    pub hue: u32,
    /// Running sum of overall energy, in the unit of `travel`.
    pub rotation: u32,
}

impl Hop {
    /// What is heard before the first and after the last hop.
    pub const SILENCE: Hop = Hop {
        bands: [0; BANDS],
        peaks: [0; BANDS],
        wave: [0; WAVE_POINTS],
        side: [0; WAVE_POINTS],
        rms: 0,
        peak: 0,
        loudness: 0,
        onsets: [0; 3],
        attack: 0,
        travel: 0,
        hue: 0,
        rotation: 0,
    };

    /// The strongest onset of the three.
    pub fn hit(&self) -> u16 {
        let [low, mid, high] = self.onsets;
        low.max(mid).max(high)
    }
}

/// What holds for a whole timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Sample rate in Hz.
    pub rate: u32,
    /// Channels of the source.
    pub channels: u32,
    /// Decoded samples per channel.
    pub samples: u64,
    /// Hops stored; hop h is centred on sample h · rate / 100.
    pub hops: u64,
}

/// Part of a timeline around one moment, held in memory. Its owner refills it for each frame, keeping the allocation.
#[derive(Debug, Clone, Default)]
pub struct HopWindow {
    first: i64,
    hops: Vec<Hop>,
}

impl HopWindow {
    /// Makes the window hold the `hops` from index `first` on; `fill` writes them.
    ///
    /// # Errors
    ///
    /// The error of `fill`. The window then holds what `fill` has written, and silence in the other places.
    pub fn refill<E>(
        &mut self,
        first: i64,
        count: usize,
        fill: impl FnOnce(&mut [Hop]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.first = first;
        self.hops.clear();
        self.hops.resize(count, Hop::SILENCE);
        fill(&mut self.hops)
    }

    /// The hop at `index`, silence outside the window.
    pub fn hop(&self, index: i64) -> &Hop {
        let silence = &Hop::SILENCE;
        let inside = index.checked_sub(self.first).and_then(|i| usize::try_from(i).ok());
        inside.and_then(|i| self.hops.get(i)).unwrap_or(silence)
    }
}
