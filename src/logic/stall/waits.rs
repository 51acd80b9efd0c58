//! Who waits for whom in a part of a pipeline, and whether anybody can still end a wait.

/// What may end a wait, the least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hope {
    /// Nobody: everyone who could waits here too.
    #[default]
    Never,
    /// Somebody in the middle, of whom nothing more is known.
    Unexplained,
    /// Somebody outside the pipeline: the application, a peer, a timer, a disk.
    Outside,
    /// It ends in due course: at a time of the clock, when the application plays on or lets data pass.
    InTime,
}

/// What somebody waits for. The numbers are those of others in the same [`Waits`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// For nobody in the graph.
    Ends(Hope),
    /// Until one of these gets on; without any, for ever.
    Any(Vec<usize>),
    /// Until each of these has got on.
    All(Vec<usize>),
}

/// A graph of waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits(pub Vec<Wait>);

impl Waits {
    /// What may end the wait of each: the least solution, so that those who wait for each other alone wait for ever.
    pub fn hopes(&self) -> Vec<Hope> {
        let mut hopes = vec![Hope::Never; self.0.len()];
        loop {
            let mut settled = true;
            for (index, wait) in self.0.iter().enumerate() {
                let hope = match wait {
                    Wait::Ends(hope) => *hope,
                    Wait::Any(others) => others.iter().map(|other| hopes[*other]).max().unwrap_or_default(),
                    // Nothing left to wait for.
                    Wait::All(others) => others.iter().map(|other| hopes[*other]).min().unwrap_or(Hope::InTime),
                };
                settled &= hope == hopes[index];
                hopes[index] = hope;
            }
            // Every round raises one at least, and each can be raised three times.
            if settled {
                return hopes;
            }
        }
    }

    /// The shortest way from `from` to the one on whom its wait hinges: who waits for nobody here. Among those who wait for each
    /// other alone there may be none; then it goes once round.
    pub fn way(&self, hopes: &[Hope], from: usize) -> Vec<usize> {
        let mut before: Vec<Option<usize>> = vec![None; self.0.len()];
        let mut reached = vec![from];
        let mut next = 0;
        let mut last = from;
        while let Some(at) = reached.get(next).copied() {
            next += 1;
            last = at;
            let (Wait::Any(others) | Wait::All(others)) = &self.0[at] else { break };
            if others.is_empty() {
                break;
            }
            for other in others.iter().copied().filter(|other| hopes[*other] == hopes[from]) {
                if !reached.contains(&other) {
                    before[other] = Some(at);
                    reached.push(other);
                }
            }
        }
        let mut way: Vec<usize> = std::iter::successors(Some(last), |at| before[*at]).collect();
        way.reverse();
        way
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_ring_of_waits_is_for_ever_unless_somebody_outside_can_open_it() {
        let ring = Waits(vec![Wait::Any(vec![1]), Wait::All(vec![2]), Wait::Any(vec![0])]);
        assert_eq!(ring.hopes(), [Hope::Never; 3]);
        let opened =
            Waits(vec![Wait::Any(vec![1, 3]), Wait::All(vec![2]), Wait::Any(vec![0]), Wait::Ends(Hope::Outside)]);
        assert_eq!(opened.hopes(), [Hope::Outside; 4]);
        assert_eq!(opened.way(&opened.hopes(), 1), [1, 2, 0, 3]);
    }

    #[test]
    fn who_needs_everyone_waits_for_the_worst() {
        let waits = Waits(vec![Wait::All(vec![1, 2]), Wait::Ends(Hope::InTime), Wait::Any(vec![])]);
        assert_eq!(waits.hopes()[0], Hope::Never);
        assert_eq!(waits.way(&waits.hopes(), 0), [0, 2]);
    }

    /// Lets everyone who is at least as good as `least` act, and then whoever has what he waits for, until nobody moves.
    fn can_move(waits: &Waits, least: Hope) -> Vec<bool> {
        let mut moved = vec![false; waits.0.len()];
        while let Some(next) = (0..moved.len()).find(|index| {
            !moved[*index]
                && match &waits.0[*index] {
                    Wait::Ends(hope) => *hope >= least,
                    Wait::Any(others) => others.iter().any(|other| moved[*other]),
                    Wait::All(others) => others.iter().all(|other| moved[*other]),
                }
        }) {
            moved[next] = true;
        }
        moved
    }

    fn graphs() -> impl Strategy<Value = Waits> {
        (1usize..12).prop_flat_map(|count| {
            let others = || prop::collection::vec(0..count, 0..4);
            let hope = prop::sample::select(vec![Hope::Never, Hope::Unexplained, Hope::Outside, Hope::InTime]);
            let wait = prop_oneof![
                1 => hope.prop_map(Wait::Ends),
                3 => others().prop_map(Wait::Any),
                2 => others().prop_map(Wait::All),
            ];
            prop::collection::vec(wait, count).prop_map(Waits)
        })
    }

    proptest! {
        #[test]
        fn hope_is_what_lets_one_move(waits in graphs()) {
            let hopes = waits.hopes();
            for least in [Hope::Unexplained, Hope::Outside, Hope::InTime] {
                let expected: Vec<bool> = hopes.iter().map(|hope| *hope >= least).collect();
                prop_assert_eq!(&expected, &can_move(&waits, least), "{:?} at {:?}", &waits, least);
            }
        }

        #[test]
        fn a_way_keeps_its_hope_and_ends_where_it_hinges(waits in graphs(), from in 0usize..12) {
            let from = from % waits.0.len();
            let hopes = waits.hopes();
            let way = waits.way(&hopes, from);
            prop_assert!(way.iter().all(|step| hopes[*step] == hopes[from]));
            // A hope comes from somebody who acts on his own, and so does the way that explains it.
            let last = &waits.0[*way.last().unwrap()];
            prop_assert!(hopes[from] == Hope::Never || matches!(last, Wait::Ends(_)) || *last == Wait::All(vec![]));
            let follows = |pair: &[usize]| match &waits.0[pair[0]] {
                Wait::Ends(_) => false,
                Wait::Any(others) | Wait::All(others) => others.contains(&pair[1]),
            };
            prop_assert!(way.windows(2).all(follows));
        }
    }
}
