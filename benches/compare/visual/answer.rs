//! How pictures answer to the sound: the heights that `visualrender` draws from, against what spectrascope, plain amplitude and
//! plain decibels would draw. `benches/compare/visual/answer` runs it and says where the recordings come from.
//!
//! `answer [--before PLUGINS] [FOLDER…] [SONG…]`. A folder is looked through for the recordings below; without one, those that are
//! installed are measured. Of each: forty seconds from the twentieth on, in 32 bars, each the higher one of two bands.

mod figures;
mod heights;

use std::path::{Path, PathBuf};

use figures::{Figures, figures, median};

type Failure = Box<dyn std::error::Error>;

/// Music of −10.2 LUFS and louder. The mapping was tuned by every other one, from the first; the rest judge it.
const LOUD: [&str; 19] = [
    "games/lincity-ng/music/default/01 - pronobozo - lincity.ogg",
    "games/redeclipse/data/sounds/theme.ogg",
    "games/supertuxkart/data/music/Lava.ogg",
    "games/supertux2/music/antarctic/voc-daytime2.ogg",
    "games/redeclipse/data/sounds/music/track_11.ogg",
    "games/supertuxkart/data/music/subsea.ogg",
    "games/redeclipse/data/sounds/music/track_12.ogg",
    "games/widelands/data/music/ingame_16.ogg",
    "games/supertuxkart/data/music/Snowy.ogg",
    "games/supertuxkart/data/music/klabauter_dance.ogg",
    "games/hedgewars/Data/Music/Castle.ogg",
    "games/supertuxkart/data/music/menutheme.ogg",
    "games/etr/music/spunkyrace-ks.ogg",
    "games/supertux2/music/retro/worldmap_old.ogg",
    "games/supertuxkart/data/music/hacienda.ogg",
    "games/supertux2/music/retro/ice_music.ogg",
    "games/supertuxkart/data/music/win_theme.ogg",
    "games/redeclipse/data/sounds/original.ogg",
    "games/supertuxkart/data/music/SkyVibe-HighFrequency.ogg",
];
/// Quiet music, and quiet parts of louder music: what is measured of each is below −24 LUFS.
const QUIET: [&str; 5] = [
    "games/hedgewars/Data/Music/Nature.ogg",
    "games/megaglest/techs/megapack/factions/magic/music/music_magic.ogg",
    "freedroidrpg/data/sound/music/TheBeginning.ogg",
    "games/megaglest/techs/megapack/factions/tech/music/music_tech.ogg",
    "games/widelands/data/music/ingame_22.ogg",
];
/// Few notes at a time: two thirds of the bars, or fewer, are within 30 dB of the loudest one.
const SPARSE: [&str; 3] = [
    "games/lincity-ng/music/default/02 - Robert van Herk - City Blues.ogg",
    "games/lincity-ng/music/default/03 - Robert van Herk - Architectural Contemplations.ogg",
    "games/etr/music/options1-jt.ogg",
];
/// Voices over the telephone, which have nothing above 4 kHz.
const SPEECH: [&str; 4] = [
    "asterisk/sounds/en_US_f_Allison/demo-instruct.wav",
    "asterisk/sounds/en_US_f_Allison/demo-congrats.wav",
    "asterisk/sounds/fr_CA_f_June/demo-instruct.wav",
    "asterisk/sounds/it_IT_m_Carlo/demo-instruct.wav",
];

/// What dense music is to reach: movement, spread, heights at the top, turns together with the level's, rank correlation.
const WANTED: [f64; 5] = [0.35, 0.22, 0.08, 0.90, 0.80];

/// What is measured of a song, in hundredths of a second.
const FROM: usize = 20 * figures::HOPS_PER_SECOND;
const FOR: usize = 40 * figures::HOPS_PER_SECOND;
/// A beat where none was found: 122 a minute.
const BEAT: usize = 49;

fn main() -> Result<(), Failure> {
    gst::init()?;
    let (mut before, mut folders, mut songs) = (None, Vec::new(), Vec::new());
    let mut args = std::env::args_os().skip(1).filter(|arg| arg != "--bench");
    while let Some(arg) = args.next() {
        let path = PathBuf::from(&arg);
        match arg.to_str() {
            Some("--before") => {
                before = Some(PathBuf::from(args.next().ok_or("--before needs a folder with a plugin")?))
            }
            _ if path.is_dir() => folders.push(path),
            _ if path.is_file() => songs.push(path),
            _ => return Err(format!("{}: neither a folder nor a file", path.display()).into()),
        }
    }
    let groups = if songs.is_empty() || !folders.is_empty() {
        folders.push("/".into());
        let halves = |half| LOUD.iter().skip(half).step_by(2).copied().collect::<Vec<_>>();
        let known = [
            ("loud music, by which the mapping was tuned", halves(0)),
            ("loud music that judges it", halves(1)),
            ("quiet music", QUIET.to_vec()),
            ("sparse music", SPARSE.to_vec()),
            ("speech", SPEECH.to_vec()),
        ];
        known.map(|(group, names)| (group, find(&folders, &names))).to_vec()
    } else {
        Vec::new()
    };
    if songs.is_empty() && groups.iter().all(|(_, songs)| songs.is_empty()) {
        return Err(
            "none of the recordings is here; the head of benches/compare/visual/answer says what to install".into()
        );
    }
    println!(
        "moves: of full height within a beat, median. spread: deviation of the heights of a moment. top: heights of 0.9 and more.\n\
         turns: of a bar, those within 50 ms of one of its own level (by chance). rank: correlation with its own level.\n\
         sways: movement within a beat over which a bar's own level stands still (how many). pumps: correlation with all other bars'\n\
         levels where its own is the same. * is short of what loud music is to reach.\n"
    );
    for (group, songs) in groups.into_iter().chain([("given", songs)]).filter(|(_, songs)| !songs.is_empty()) {
        measure(group, &songs, before.as_deref())?;
    }
    Ok(())
}

/// Those of the recordings that lie in one of the folders, unpacked or installed.
fn find(folders: &[PathBuf], names: &[&str]) -> Vec<PathBuf> {
    let places = |name| folders.iter().flat_map(move |folder| [folder.join("usr/share").join(name), folder.join(name)]);
    names.iter().filter_map(|name| places(name).find(|path| path.is_file())).collect()
}

/// A table for each song, and one with the medians.
fn measure(group: &str, songs: &[PathBuf], before: Option<&Path>) -> Result<(), Failure> {
    println!("== {group}");
    let loud = group.starts_with("loud");
    let mut all: Vec<(&str, Vec<Figures>)> = Vec::new();
    for song in songs {
        let drawn = heights::of_visualrender(song, None)?;
        let from = FROM.min(drawn.moments() / 3);
        let moments = from..drawn.moments().min(from + FOR);
        let samples = heights::Samples::of(song)?;
        let own = samples.levels(moments.clone());
        let (beats, found) = beats(&drawn.beats, &moments);
        let tempo = if found { "beats found" } else { "no beats: half seconds" };
        println!("{} ({:.1} LUFS, {tempo})", song.file_stem().unwrap_or_default().display(), drawn.lufs);
        let mut rows = vec![("ours", drawn.heights(moments.clone())?)];
        if let Some(plugins) = before {
            rows.push(("before", heights::of_visualrender(song, Some(plugins))?.heights(moments.clone())?));
        }
        if gst::ElementFactory::find("spectrascope").is_some() {
            rows.push(("spectrascope", heights::of_spectrascope(song, samples.rate, moments)?));
        }
        rows.extend([("amplitude", figures::plain_amplitude(&own)), ("decibels", figures::plain_decibels(&own))]);
        for (at, (name, heights)) in rows.iter().enumerate() {
            let figures = figures(heights, &own, &beats);
            println!("  {}", row(name, &figures, loud && at == 0));
            match all.get_mut(at) {
                Some((_, all)) => all.push(figures),
                None => all.push((name, vec![figures])),
            }
        }
    }
    println!("medians of {}", songs.len());
    for (name, all) in &all {
        let of = |figure: fn(&Figures) -> f64| median(all.iter().map(figure).collect());
        let sways = median(all.iter().filter_map(|figures| figures.sways).collect());
        let figures = Figures {
            moves: of(|figures| figures.moves),
            spread: of(|figures| figures.spread),
            high: of(|figures| figures.high),
            together: of(|figures| figures.together),
            chance: of(|figures| figures.chance),
            rank: of(|figures| figures.rank),
            sways: (!sways.is_nan()).then_some(sways),
            still: all.iter().map(|figures| figures.still).sum(),
            pumps: of(|figures| figures.pumps),
        };
        println!("  {}", row(name, &figures, loud && *name == "ours"));
    }
    println!();
    Ok(())
}

/// The beats of these moments, counted from the first of them, and whether any were found.
fn beats(beats: &[f64], moments: &std::ops::Range<usize>) -> (Vec<std::ops::Range<usize>>, bool) {
    let inside: Vec<_> = beats
        .iter()
        .map(|seconds| (seconds * figures::HOPS_PER_SECOND as f64) as usize)
        .filter(|beat| moments.contains(beat))
        .map(|beat| beat - moments.start)
        .collect();
    if inside.len() > 8 {
        (inside.windows(2).map(|pair| pair[0]..pair[1]).collect(), true)
    } else {
        ((0..moments.len() / BEAT).map(|beat| beat * BEAT..(beat + 1) * BEAT).collect(), false)
    }
}

fn row(name: &str, figures: &Figures, judged: bool) -> String {
    let mark = |short: bool| if judged && short { '*' } else { ' ' };
    let [moves, spread, high, together, rank] = WANTED;
    let sways = figures.sways.map_or("   -".to_owned(), |sways| format!("{sways:.2}"));
    format!(
        "{name:<13} moves {:.2}{}  spread {:.2}{}  top {:4.1} %{}  turns {:3.0} % ({:3.0} %){}  rank {:5.2}{}  sways {sways} ({:4})  pumps {:.2}",
        figures.moves,
        mark(figures.moves < moves),
        figures.spread,
        mark(figures.spread < spread),
        100.0 * figures.high,
        mark(figures.high > high),
        100.0 * figures.together,
        100.0 * figures.chance,
        mark(figures.together < together),
        figures.rank,
        mark(figures.rank < rank),
        figures.still,
        figures.pumps,
    )
}
