//! Interarrival jitter as RTP receivers estimate it.

use crate::logic::clock::Nanos;

/// The estimator of RFC 3550, section 6.4.1 and appendix A.8: a running mean of how much the spacing of arrivals differs from the
/// spacing of timestamps, with a gain of 1/16.
#[derive(Debug, Default, Clone)]
pub struct Jitter {
    /// Arrival and timestamp of the last packet.
    last: Option<(Nanos, Nanos)>,
    /// Sixteen times the estimate, as the RFC keeps it, so that integers lose nothing.
    scaled: u64,
}

impl Jitter {
    /// Takes the next packet and gives the estimate.
    #[inline]
    pub fn arrive(&mut self, arrival: Nanos, timestamp: Nanos) -> Nanos {
        if let Some((last_arrival, last_timestamp)) = self.last {
            let spacing = arrival.wrapping_sub(last_arrival) as i64;
            let nominal = timestamp.wrapping_sub(last_timestamp) as i64;
            let deviation = spacing.wrapping_sub(nominal).unsigned_abs();
            self.scaled = (self.scaled - ((self.scaled + 8) >> 4)).saturating_add(deviation);
        }
        self.last = Some((arrival, timestamp));
        self.scaled >> 4
    }

    /// Forgets the last packet, not the estimate: the next one opens a new spacing.
    #[inline]
    pub fn interrupt(&mut self) {
        self.last = None;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::logic::clock::MILLISECOND;

    #[test]
    fn even_arrivals_have_none() {
        let mut jitter = Jitter::default();
        for i in 0..100 {
            assert_eq!(jitter.arrive(7 + i * 20 * MILLISECOND, i * 20 * MILLISECOND), 0);
        }
    }

    #[test]
    fn the_estimate_is_that_of_the_formula() {
        // J(i) = J(i-1) + (|D(i-1,i)| - J(i-1)) / 16, in floating point beside the integers. Seeded: an LCG of Knuth.
        let (mut jitter, mut exact, mut seed) = (Jitter::default(), 0.0f64, 42u64);
        let mut last = None;
        for i in 0..10_000u64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let arrival = i * 20 * MILLISECOND + (seed >> 33) % (5 * MILLISECOND);
            if let Some(last) = last {
                let deviation = (arrival as f64 - last as f64) - 20e6;
                exact += (deviation.abs() - exact) / 16.0;
            }
            last = Some(arrival);
            let estimate = jitter.arrive(arrival, i * 20 * MILLISECOND);
            assert!((estimate as f64 - exact).abs() <= 2.0, "{i}: {estimate} against {exact}");
        }
        assert!(exact > 1e6);
    }

    #[test]
    fn an_interruption_is_not_a_spacing() {
        let mut jitter = Jitter::default();
        jitter.arrive(0, 0);
        jitter.interrupt();
        assert_eq!(jitter.arrive(500 * MILLISECOND, 0), 0);
    }
}
