//! Who waits for whom around a pad: the graph of waits, as far as a wait depends on it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use gst::prelude::*;

use super::elements::{self, is_closed_valve, is_in_clock_wait, is_known, is_paced, is_prerolled, lacks_preroll};
use super::pads::{Place, blocked, has_task, is_held, place, thread_in};
use super::unseen;
use crate::glue::topology::{inner_links, is_made_by, top_level};
use crate::logic::stall::thread_state::Doing;
use crate::logic::stall::waits::{Hope, Wait, Waits};
use crate::sys::threads;

/// More waits than any part of a pipeline has that one wait depends on.
const MOST_WAITS: usize = 512;

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// Data that comes to a sink pad.
    Feed(gst::Pad),
    /// The thread of a pad's task.
    Task(gst::Pad),
    /// A thread that entered a join by this sink pad and is beyond it.
    Through(gst::Pad),
    /// Time or somebody outside, who may end the wait of the thread in this pad as well.
    Limit(gst::Pad),
}

/// Why a wait ends, or for whom it waits, where that is nobody in the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A time of the clock.
    Clock,
    /// The application has set PAUSED.
    Paused,
    /// A blocking probe on this pad.
    Probe(gst::Pad),
    /// A thread is inside the element of this sink pad, which is in the middle or has several inputs.
    Held(gst::Pad),
    /// A thread is inside the sink of this pad.
    Sink(gst::Pad),
    /// The application takes nothing from it.
    AppSink(gst::Element),
    /// It sends nothing.
    Source(gst::Element),
    /// It is closed.
    Valve(gst::Element),
    /// The pad is linked to nothing.
    Unlinked(gst::Pad),
    /// The task of this pad does not run.
    Idle(gst::Pad),
}

impl Reason {
    /// The pad or element that it is about.
    pub fn object(&self) -> Option<gst::Object> {
        match self {
            Reason::Clock | Reason::Paused => None,
            Reason::Probe(pad) | Reason::Held(pad) | Reason::Sink(pad) | Reason::Unlinked(pad) | Reason::Idle(pad) => {
                Some(pad.clone().upcast())
            }
            Reason::AppSink(element) | Reason::Source(element) | Reason::Valve(element) => {
                Some(element.clone().upcast())
            }
        }
    }
}

#[derive(Debug)]
struct Node {
    key: Key,
    thread: Option<u32>,
    doing: Doing,
    /// The sink pad of the element that the thread is in.
    stands: Option<gst::Pad>,
    reason: Option<Reason>,
}

/// The waits on which one depends.
#[derive(Debug)]
pub(crate) struct Survey {
    nodes: Vec<Node>,
    waits: Waits,
    hopes: Vec<Hope>,
    index: HashMap<Key, usize>,
}

/// What a survey comes to.
#[derive(Debug)]
pub(crate) struct Finding {
    pub hope: Hope,
    /// The sink pad of the element that does not return.
    pub holder: Option<gst::Pad>,
    /// Its inputs, or those of sinks without their first data, that nothing comes to.
    pub starved: Vec<gst::Pad>,
    /// The holder has its first data and waits for other sinks to get theirs.
    pub preroll: bool,
    /// On whom it hinges; none if all wait for each other.
    pub reason: Option<Reason>,
    /// That thread is in a call about a file.
    pub disk: bool,
}

impl Finding {
    /// Whether a join waits for data at other inputs, so that more room before this one may bring it.
    pub fn joins(&self) -> bool {
        let takes_turns = |element: gst::Element| is_made_by(&element, &["concat", "input-selector"]);
        let join = self.holder.as_ref().and_then(gst::Pad::parent_element);
        // For the end of another input no room is enough.
        !self.starved.is_empty() && !self.preroll && !join.is_some_and(takes_turns)
    }
}

impl Survey {
    /// Of the thread that takes data out of the queue with this source pad.
    pub fn of_task(src: &gst::Pad) -> Self {
        Self::new(|survey| survey.task(src))
    }

    /// Of whoever should bring data to this sink pad.
    pub fn of_feed(sink: &gst::Pad) -> Self {
        Self::new(|survey| survey.feed(sink))
    }

    fn new(root: impl FnOnce(&mut Self) -> usize) -> Self {
        let mut survey = Self { nodes: Vec::new(), waits: Waits::default(), hopes: Vec::new(), index: HashMap::new() };
        let root = root(&mut survey);
        debug_assert_eq!(root, 0, "the first wait asked for is the first in the graph");
        survey.hopes = survey.waits.hopes();
        survey
    }

    /// The threads that are waited for, where they are known.
    pub fn threads(&self) -> Vec<u32> {
        let mut threads: Vec<u32> = self.nodes.iter().filter_map(|node| node.thread).collect();
        threads.sort_unstable();
        threads.dedup();
        threads
    }

    /// The pads of tasks that are waited for.
    pub fn tasks(&self) -> impl Iterator<Item = &gst::Pad> {
        self.nodes.iter().filter_map(|node| match &node.key {
            Key::Task(pad) => Some(pad),
            _ => None,
        })
    }

    /// Whether a thread was found inside some element, rather than at home where it started.
    pub fn someone_stands(&self) -> bool {
        self.nodes.iter().any(|node| node.stands.is_some())
    }

    /// Whether the thread that the survey began with is inside some element.
    pub fn root_stands(&self) -> bool {
        self.nodes.first().is_some_and(|node| node.stands.is_some())
    }

    /// The pads that data passes when one of the waits ends.
    pub fn pads_to_watch(&self) -> Vec<gst::Pad> {
        let fed = self.nodes.iter().filter_map(|node| match &node.key {
            Key::Feed(pad) => Some(pad.clone()),
            _ => None,
        });
        let around = self.nodes.iter().filter_map(|node| node.stands.as_ref()?.parent_element());
        let mut pads: Vec<gst::Pad> = fed.chain(around.flat_map(|element| element.pads())).collect();
        pads.sort_unstable();
        pads.dedup();
        pads
    }

    /// A number that changes when anybody is elsewhere, or when `count` of an element or its unseen work changes.
    pub fn fingerprint(&self, count: impl Fn(&gst::Element) -> u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        for node in &self.nodes {
            (&node.key, &node.stands).hash(&mut hasher);
            let (Key::Feed(pad) | Key::Task(pad) | Key::Through(pad) | Key::Limit(pad)) = &node.key;
            pad.parent_element().map(|element| (count(&element), unseen::done_by(&element))).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// What it comes to, and for whom to look.
    pub fn finding(&self) -> Finding {
        let way = self.waits.way(&self.hopes, 0);
        let hope = self.hopes[0];
        let last = &self.nodes[way[way.len() - 1]];
        let mut finding = Finding {
            hope,
            holder: None,
            starved: Vec::new(),
            preroll: false,
            reason: last.reason.clone(),
            disk: last.doing == Doing::File,
        };
        // Up to the first that waits for data to come somewhere.
        for at in way {
            if let Some(pad) = &self.nodes[at].stands {
                finding.holder = Some(pad.clone());
            }
            let (Wait::Any(others) | Wait::All(others)) = &self.waits.0[at] else { break };
            let starved: Vec<gst::Pad> = others
                .iter()
                .filter(|other| self.hopes[**other] == hope)
                .filter_map(|other| match &self.nodes[*other].key {
                    Key::Feed(pad) => Some(pad.clone()),
                    _ => None,
                })
                .collect();
            let Some(holder) = &finding.holder else { continue };
            let element = holder.parent_element();
            finding.preroll = matches!(self.waits.0[at], Wait::All(_));
            let joined = starved.iter().any(|pad| pad.parent_element() == element);
            if !starved.is_empty() && (joined || finding.preroll) {
                finding.starved = starved;
                break;
            }
        }
        finding
    }

    fn add(&mut self, key: Key, wait: impl FnOnce(&mut Self, usize) -> Wait) -> usize {
        if let Some(known) = self.index.get(&key) {
            return *known;
        }
        let at = self.nodes.len();
        self.index.insert(key.clone(), at);
        self.nodes.push(Node { key, thread: None, doing: Doing::Unknown, stands: None, reason: None });
        self.waits.0.push(Wait::Ends(Hope::Unexplained));
        if at < MOST_WAITS {
            self.waits.0[at] = wait(self, at);
        }
        at
    }

    fn ends(&mut self, at: usize, hope: Hope, reason: Reason) -> Wait {
        self.nodes[at].reason = Some(reason);
        Wait::Ends(hope)
    }

    /// Whoever brings data to a sink pad.
    fn feed(&mut self, sink: &gst::Pad) -> usize {
        self.add(Key::Feed(sink.clone()), |survey, at| survey.feed_wait(at, sink))
    }

    fn feed_wait(&mut self, at: usize, sink: &gst::Pad) -> Wait {
        let (probe, src) = blocked(sink);
        if let Some(pad) = probe {
            return self.ends(at, Hope::InTime, Reason::Probe(pad));
        }
        let Some((src, element)) = src.and_then(|src| Some((src.clone(), src.parent_element()?))) else {
            // Only a pad that somebody asked for is one that somebody forgot.
            return match sink.parent_element().filter(|_| !is_requested(sink)) {
                Some(element) => self.ends(at, Hope::Outside, Reason::Source(element)),
                None => self.ends(at, Hope::Outside, Reason::Unlinked(sink.clone())),
            };
        };
        if has_task(&src) {
            return Wait::Any(vec![self.task(&src)]);
        }
        let sinks = inner_links(&src, &element);
        if sinks.is_empty() {
            // A thread of its own, or none any more.
            return self.ends(at, Hope::Outside, Reason::Source(element));
        }
        if is_closed_valve(&element) {
            return self.ends(at, Hope::Outside, Reason::Valve(element));
        }
        let mut feeders: Vec<usize> =
            sinks.iter().map(|sink| if has_task(sink) { self.task(sink) } else { self.feed(sink) }).collect();
        if !is_known(&element) {
            // It may send on later, from a thread that no pad shows.
            feeders.push(self.by_itself(&sinks[0], Hope::Unexplained));
        }
        Wait::Any(feeders)
    }

    /// The element of `sink` may get on by itself.
    fn by_itself(&mut self, sink: &gst::Pad, hope: Hope) -> usize {
        self.add(Key::Limit(sink.clone()), |survey, at| survey.ends(at, hope, Reason::Held(sink.clone())))
    }

    /// The thread of a pad's task.
    fn task(&mut self, pad: &gst::Pad) -> usize {
        self.add(Key::Task(pad.clone()), |survey, at| survey.task_wait(at, pad))
    }

    fn task_wait(&mut self, at: usize, pad: &gst::Pad) -> Wait {
        let Some(element) = pad.parent_element().filter(|_| has_task(pad)) else {
            return self.ends(at, Hope::Outside, Reason::Idle(pad.clone()));
        };
        let from = match pad.direction() {
            gst::PadDirection::Src => vec![pad.clone()],
            _ => inner_links(pad, &element),
        };
        self.thread_wait(at, from, thread_in(pad), |survey| survey.home_wait(at, pad, &element))
    }

    /// The thread that pushes out of the pads `from`.
    fn thread_wait(
        &mut self,
        at: usize,
        from: Vec<gst::Pad>,
        thread: Option<u32>,
        home: impl FnOnce(&mut Self) -> Wait,
    ) -> Wait {
        self.nodes[at].thread = thread;
        self.nodes[at].doing = thread.map_or(Doing::Unknown, threads::doing);
        match place(from, thread) {
            Place::Probe(pad) => self.ends(at, Hope::InTime, Reason::Probe(pad)),
            Place::In(sink) => {
                self.nodes[at].stands = Some(sink.clone());
                self.inside_wait(at, &sink)
            }
            Place::Home => home(self),
        }
    }

    /// A task's thread that is in its own element.
    fn home_wait(&mut self, at: usize, pad: &gst::Pad, element: &gst::Element) -> Wait {
        if element.num_sink_pads() == 0 {
            return self.ends(at, Hope::Outside, Reason::Source(element.clone()));
        }
        if pad.direction() == gst::PadDirection::Sink {
            // It pulls.
            return self.held(at, pad);
        }
        let sinks = inner_links(pad, element);
        let starved: Vec<&gst::Pad> = sinks.iter().filter(|sink| lacks_data(sink)).collect();
        if is_made_by(element, &["adaptivequeue"]) {
            return Wait::Any(sinks.iter().map(|sink| self.feed(sink)).collect());
        }
        let Some(first) = starved.first() else {
            // Every input has somebody in it, and nobody moves.
            return self.held(at, sinks.first().unwrap_or(pad));
        };
        let mut others = Vec::new();
        let timed = matches!(self.nodes[at].doing, Doing::Outside | Doing::WaitingWithLimit | Doing::File);
        if timed || is_made_by(element, &["rtpjitterbuffer"]) {
            // It does not wait for data alone.
            others.push(self.by_itself(first, Hope::Outside));
        } else if !is_known(element) {
            others.push(self.by_itself(first, Hope::Unexplained));
        }
        others.extend(starved.iter().map(|sink| self.feed(sink)));
        Wait::Any(others)
    }

    /// A thread inside the element of `sink`.
    fn inside_wait(&mut self, at: usize, sink: &gst::Pad) -> Wait {
        let Some(element) = sink.parent_element() else {
            return self.ends(at, Hope::Outside, Reason::Unlinked(sink.clone()));
        };
        if element.num_src_pads() == 0 {
            return self.sink_wait(at, sink, &element);
        }
        if let Some(src) = inner_links(sink, &element).into_iter().find(has_task) {
            // Room, or an answer.
            return Wait::Any(vec![self.task(&src)]);
        }
        if element.num_sink_pads() > 1 {
            return self.join_wait(at, sink, &element);
        }
        self.held(at, sink)
    }

    /// A thread in a join that has no thread of its own: it waits for one that has passed the join, or for data at the other inputs.
    fn join_wait(&mut self, at: usize, sink: &gst::Pad, join: &gst::Element) -> Wait {
        let others: Vec<gst::Pad> = join.sink_pads().into_iter().filter(|other| other != sink).collect();
        let own = self.nodes[at].thread;
        let beyond: Vec<usize> = others
            .iter()
            .filter(|other| is_held(other) && thread_in(other).is_none_or(|thread| Some(thread) != own))
            .filter_map(|other| self.through(other, join))
            .collect();
        if !beyond.is_empty() {
            return Wait::Any(beyond);
        }
        let starved: Vec<gst::Pad> = others.into_iter().filter(lacks_data).collect();
        if starved.is_empty() {
            return self.held(at, sink);
        }
        // Not each of them need be waited for: the mildest is assumed.
        Wait::Any(starved.iter().map(|other| self.feed(other)).collect())
    }

    fn through(&mut self, sink: &gst::Pad, join: &gst::Element) -> Option<usize> {
        let (from, thread) = (inner_links(sink, join), thread_in(sink));
        if matches!(place(from.clone(), thread), Place::Home) {
            return None;
        }
        let key = Key::Through(sink.clone());
        Some(self.add(key, |survey, at| survey.thread_wait(at, from, thread, |survey| survey.held(at, sink))))
    }

    fn sink_wait(&mut self, at: usize, sink: &gst::Pad, element: &gst::Element) -> Wait {
        if is_made_by(element, &["appsink"]) {
            return self.ends(at, Hope::Outside, Reason::AppSink(element.clone()));
        }
        if is_in_clock_wait(element) {
            return self.ends(at, Hope::InTime, Reason::Clock);
        }
        if !is_prerolled(element) {
            return self.ends(at, Hope::Outside, Reason::Sink(sink.clone()));
        }
        let top = top_level(element);
        let missing: Vec<gst::Pad> = elements::sinks(&top)
            .into_iter()
            .filter(|other| other != element && lacks_preroll(other))
            .flat_map(|other| other.sink_pads())
            .filter(|pad| !is_held(pad))
            .collect();
        if missing.is_empty() || !elements::is_running(&top) {
            return self.ends(at, Hope::InTime, Reason::Paused);
        }
        Wait::All(missing.iter().map(|pad| self.feed(pad)).collect())
    }

    /// A thread that nothing in the graph explains: what it is doing says whether anybody outside can help.
    fn held(&mut self, at: usize, sink: &gst::Pad) -> Wait {
        let element = sink.parent_element();
        let doing = self.nodes[at].doing;
        let clocked = element.is_some_and(|element| is_paced(&element));
        match doing {
            Doing::WaitingWithLimit if clocked => self.ends(at, Hope::InTime, Reason::Clock),
            Doing::Outside | Doing::WaitingWithLimit | Doing::File => {
                self.ends(at, Hope::Outside, Reason::Held(sink.clone()))
            }
            Doing::Waiting | Doing::Running | Doing::Unknown => self.held_in_bin(at, sink),
        }
    }

    /// Nothing is known but that the thread waits. splitmuxsink lets its inputs wait, in callbacks of probes, for each other and for the
    /// threads inside.
    fn held_in_bin(&mut self, at: usize, sink: &gst::Pad) -> Wait {
        let parent = |object: &gst::Object| object.parent();
        let bins =
            std::iter::successors(sink.parent_element().and_then(|element| parent(element.upcast_ref())), parent);
        let joins = |bin: &gst::Element| is_made_by(bin, &["splitmuxsink"]);
        let Some(bin) = bins.filter_map(|bin| bin.downcast::<gst::Element>().ok()).find(joins) else {
            return self.ends(at, Hope::Unexplained, Reason::Held(sink.clone()));
        };
        let inputs: Vec<gst::Pad> = bin.sink_pads().into_iter().filter(lacks_data).collect();
        let inside = elements::inside(bin.upcast_ref());
        let tasks: Vec<gst::Pad> = inside.iter().flat_map(|element| element.pads()).filter(has_task).collect();
        let mut others = vec![self.by_itself(sink, Hope::Unexplained)];
        others.extend(inputs.iter().map(|input| self.feed(input)));
        others.extend(tasks.iter().map(|task| self.task(task)));
        Wait::Any(others)
    }
}

/// Whether an input of a join may be waiting for data: not at its end, nobody in it, and linked, or asked for to be linked.
fn lacks_data(sink: &gst::Pad) -> bool {
    !sink.pad_flags().contains(gst::PadFlags::EOS) && !is_held(sink) && (is_requested(sink) || sink.is_linked())
}

fn is_requested(pad: &gst::Pad) -> bool {
    pad.pad_template().is_some_and(|template| template.presence() == gst::PadPresence::Request)
}
