//! When beats and notes come, as scores say it: Standard MIDI Files and songs of the drum machine Hydrogen, as much of
//! the formats as that takes.

use std::path::Path;

/// Times in seconds from the beginning, each list in order.
#[derive(Debug, Default)]
pub struct Score {
    /// Every quarter note from the first note to the last.
    pub beats: Vec<f64>,
    /// Those of them that begin a bar, where all bars have four; else none.
    pub bars: Vec<f64>,
    /// Where notes of the percussion channel begin.
    pub drums: Vec<f64>,
}

enum Event {
    /// Microseconds of a quarter note from here on.
    Tempo(u32),
    /// A bar of so many quarter notes begins, and others like it follow; `None` where it has none.
    Measure(Option<u32>),
    /// A note begins, on the percussion channel or another.
    Note { drum: bool },
}

/// Quarter notes last this long until a file says otherwise, in microseconds.
const UNSAID: u32 = 500_000;
/// Of a quarter note, in Hydrogen.
const TICKS: f64 = 48.0;
/// The percussion channel, the tenth.
const DRUMS: u8 = 9;

impl Score {
    /// Of a MIDI file whose times are in ticks of a quarter note.
    pub fn midi(path: &Path) -> Self {
        let file = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut rest = &file[..];
        let mut events = Vec::new();
        let mut ticks_per_beat = 0;
        while !rest.is_empty() {
            let (name, len) = (take(&mut rest, 4), be(take(&mut rest, 4)));
            let chunk = take(&mut rest, len as usize);
            match name {
                b"MThd" => ticks_per_beat = be(&chunk[4..6]),
                b"MTrk" => track(chunk, &mut events),
                _ => {}
            }
        }
        assert!((1..0x8000).contains(&ticks_per_beat), "{} does not count in quarter notes", path.display());
        events.sort_by_key(|event| event.0);
        Self::of(&events, ticks_per_beat)
    }

    /// Of a song of Hydrogen, which has one tempo and nothing but drums.
    pub fn hydrogen(path: &Path) -> Self {
        let xml = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let beat = 60.0 / number(element(&xml, "bpm"));
        let named = |id: &str| elements(&xml, "pattern").find(|pattern| element(pattern, "name") == id);
        let (mut drums, mut start) = (Vec::new(), 0.0);
        for group in elements(element(&xml, "patternSequence"), "group") {
            let patterns: Vec<_> = elements(group, "patternID").filter_map(named).collect();
            for pattern in &patterns {
                let notes = elements(pattern, "position").map(number);
                drums.extend(notes.map(|tick| (start + tick / TICKS) * beat));
            }
            start += patterns.iter().map(|pattern| number(element(pattern, "size"))).fold(0.0, f64::max) / TICKS;
        }
        drums.sort_by(f64::total_cmp);
        let last = drums.last().copied().expect("no notes");
        let beats = (0..).map(|i| f64::from(i) * beat).take_while(|&at| at <= last).collect();
        Self { beats, bars: Vec::new(), drums }
    }

    fn of(events: &[(u32, Event)], ticks_per_beat: u32) -> Self {
        let notes = || events.iter().filter(|event| matches!(event.1, Event::Note { .. })).map(|event| event.0);
        let (first, last) = (notes().next().expect("no notes"), notes().next_back().unwrap_or_default());
        let mut score = Self::default();
        let (mut tick, mut seconds, mut beat_us) = (0, 0.0, UNSAID);
        let mut beat = first.next_multiple_of(ticks_per_beat);
        let (mut begun, mut in_four) = (0, true);
        for (at, event) in events {
            let time = |tick: u32| f64::from(tick) * f64::from(beat_us) / f64::from(ticks_per_beat) / 1e6;
            while beat <= (*at).min(last) {
                score.beats.push(seconds + time(beat - tick));
                if (beat - begun).is_multiple_of(4 * ticks_per_beat) {
                    score.bars.extend(score.beats.last());
                }
                beat += ticks_per_beat;
            }
            (tick, seconds) = (*at, seconds + time(at - tick));
            match *event {
                Event::Tempo(us) => beat_us = us,
                Event::Measure(quarters) => {
                    begun = tick;
                    in_four &= quarters == Some(4);
                }
                Event::Note { drum: true } => score.drums.push(seconds),
                Event::Note { drum: false } => {}
            }
        }
        if !in_four {
            score.bars.clear();
        }
        score
    }
}

/// The texts of the elements called `tag`, none of them inside another.
fn elements<'a>(xml: &'a str, tag: &str) -> impl Iterator<Item = &'a str> {
    let end = format!("</{tag}>");
    let starts: Vec<_> = xml.match_indices(&format!("<{tag}>")).map(|(at, open)| at + open.len()).collect();
    starts.into_iter().filter_map(move |at| xml[at..].find(&end).map(|len| &xml[at..at + len]))
}

fn element<'a>(xml: &'a str, tag: &str) -> &'a str {
    elements(xml, tag).next().unwrap_or_else(|| panic!("no <{tag}>"))
}

fn number(text: &str) -> f64 {
    text.trim().parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// Appends what happens in a track, with its tick.
fn track(mut rest: &[u8], events: &mut Vec<(u32, Event)>) {
    let (mut tick, mut status) = (0, 0);
    while !rest.is_empty() {
        tick += variable(&mut rest);
        // A status byte that is the same as before may be left out.
        if rest[0] >= 0x80 {
            status = take(&mut rest, 1)[0];
        }
        match status {
            0xff => {
                let kind = take(&mut rest, 1)[0];
                let len = variable(&mut rest) as usize;
                let data = take(&mut rest, len);
                if kind == 0x51 {
                    events.push((tick, Event::Tempo(be(data))));
                }
                if kind == 0x58 {
                    // The second byte is the exponent of the note that is counted: 2 for quarters.
                    events.push((tick, Event::Measure((data[1] == 2).then_some(data[0].into()))));
                }
            }
            0xf0 | 0xf7 => {
                let len = variable(&mut rest) as usize;
                take(&mut rest, len);
            }
            0xc0..0xe0 => drop(take(&mut rest, 1)),
            _ => {
                let data = take(&mut rest, 2);
                if status & 0xf0 == 0x90 && data[1] > 0 {
                    events.push((tick, Event::Note { drum: status & 0x0f == DRUMS }));
                }
            }
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (head, tail) = rest.split_at(len);
    *rest = tail;
    head
}

fn be(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u32::from(byte))
}

/// Seven bits a byte, the last byte below 128.
fn variable(rest: &mut &[u8]) -> u32 {
    let mut number = 0;
    loop {
        let byte = take(rest, 1)[0];
        number = number << 7 | u32::from(byte & 0x7f);
        if byte < 0x80 {
            return number;
        }
    }
}
