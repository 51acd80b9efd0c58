use super::*;

fn at(element: &str, pad: &str) -> Named {
    Named { element: element.into(), pad: pad.into() }
}

fn halted() -> Halted {
    Halted {
        name: "frames".into(),
        kind: Kind::Adaptive,
        waiting: Waiting::Room,
        blocked_for: 5_050_000_000,
        timeout: 5 * SECOND,
        level: Level { buffers: 8, bytes: 1_843_200, time: 266_666_664 },
        denied: false,
        fixed: Some("max-size-buffers"),
        peer: None,
    }
}

fn waiting(waiting: Waiting) -> Halted {
    Halted { waiting, ..halted() }
}

fn growing() -> Halted {
    Halted { fixed: None, ..halted() }
}

/// A queue at its limit in front of a muxer, as in a recording graph.
fn report() -> StallReport {
    StallReport {
        halted: halted(),
        class: Class::Deadlock,
        fails: true,
        downstream: Some(at("mux", "video_0")),
        starved: vec![at("mux", "video_1")],
        preroll: false,
        culprit: Culprit::Nobody,
        matter: Matter::PrerollDeadlock,
        inputs: Vec::new(),
        levels: Vec::new(),
    }
}

fn sink() -> StallReport {
    StallReport {
        class: Class::Outside,
        fails: false,
        downstream: Some(at("sink", "sink")),
        starved: Vec::new(),
        matter: Matter::Stalled,
        culprit: Culprit::Busy(at("sink", "sink"), false),
        ..report()
    }
}

#[test]
fn every_text_says_what_happened_why_and_what_to_do() {
    let allocation = Waiting::Answer(gst::QueryType::Allocation);
    let two = vec![at("mux", "video_1"), at("mux", "audio_0")];
    let outside = |culprit| StallReport { class: Class::Outside, fails: false, culprit, ..report() };
    let others = StallReport {
        downstream: Some(at("screen", "sink")),
        starved: vec![at("speaker", "sink")],
        preroll: true,
        ..report()
    };
    let texts = [
        report(),
        StallReport { halted: growing(), starved: two, ..report() },
        StallReport { halted: growing(), matter: Matter::Budget, ..report() },
        StallReport { halted: waiting(allocation), ..report() },
        StallReport { halted: waiting(Waiting::End), ..report() },
        StallReport { halted: waiting(Waiting::Data), ..report() },
        StallReport { levels: vec![("video_0".into(), 3), ("video_1".into(), 1)], ..report() },
        outside(Culprit::AppSource("music".into())),
        outside(Culprit::Source("camera".into())),
        outside(Culprit::Valve("tap".into())),
        outside(Culprit::Unlinked(at("mux", "video_1"))),
        outside(Culprit::Idle("song".into())),
        outside(Culprit::AppSink("tap".into())),
        outside(Culprit::Busy(at("enc", "sink"), false)),
        StallReport {
            halted: Halted { fixed: None, ..waiting(Waiting::Data) },
            starved: others.starved.clone(),
            downstream: others.downstream.clone(),
            preroll: true,
            ..report()
        },
        StallReport { halted: growing(), ..others },
        sink(),
        StallReport { halted: waiting(allocation), ..sink() },
        StallReport { halted: Halted { level: Level::default(), ..waiting(Waiting::End) }, ..sink() },
        StallReport { culprit: Culprit::Busy(at("sink", "sink"), true), ..sink() },
        StallReport { culprit: Culprit::AppSink("sink".into()), ..sink() },
        StallReport { downstream: None, ..sink() },
    ];
    let texts: Vec<String> = texts.iter().map(StallReport::text).collect();
    // What users are shown is what is said.
    let page = include_str!("../../../../docs/stalls.md");
    let quoted = page.lines().filter_map(|line| line.strip_prefix("> "));
    let parts = page.lines().filter_map(|line| line.strip_prefix("| \"")?.split_once('"')).map(|(part, _)| part);
    let (unsaid, said): (Vec<&str>, Vec<&str>) =
        quoted.chain(parts).partition(|part| !texts.iter().any(|text| text.contains(part)));
    assert!(unsaid.is_empty() && said.len() > 12, "in docs/stalls.md: {unsaid:?}");
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn of_other_queues_and_threads_the_tracer_says_the_same_in_their_words() {
    let stock = |waiting| Halted { kind: Kind::Queue, name: "queue0".into(), fixed: None, waiting, ..halted() };
    let thread = Halted { kind: Kind::Thread, name: "src".into(), level: Level::default(), ..stock(Waiting::Sending) };
    let texts = [
        StallReport { halted: stock(Waiting::Room), fails: false, ..report() },
        StallReport { halted: stock(Waiting::Room), ..sink() },
        StallReport { halted: stock(Waiting::Data), ..report() },
        StallReport { halted: thread, ..sink() },
    ];
    insta::assert_snapshot!(texts.iter().map(StallReport::text).collect::<Vec<_>>().join("\n"));
}
