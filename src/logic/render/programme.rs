//! Which scenes a video shows, one after the other.

use super::canvas::{BPP, Canvas};
use super::look::Look;
use super::scene::{Frame, Reach, Scene, Scratch};
use super::scenes::{self, SceneInfo, UnknownScene};
use super::transition::{Mix, Transition};
use crate::logic::audio::features::HopWindow;

/// The scenes in `list`, names or indices with commas between them; if it is empty all of them, in the order of the
/// registry from `first` on.
///
/// # Errors
///
/// [`UnknownScene`] for the first in the list that is neither a scene's name nor its index.
pub fn find_all(list: &str, first: &SceneInfo) -> Result<Vec<&'static SceneInfo>, UnknownScene> {
    let names: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        let mut all: Vec<_> = scenes::all().iter().collect();
        let at = all.iter().position(|scene| scene.name == first.name).unwrap_or(0);
        all.rotate_left(at);
        return Ok(all);
    }
    names.into_iter().map(scenes::find).collect()
}

/// The scene of each frame of a video.
#[derive(Debug, Clone)]
pub struct Programme {
    scenes: Vec<&'static SceneInfo>,
    cuts: Vec<u64>,
    transition: Transition,
    /// Frames that a transition takes, from a cut on.
    length: u64,
}

impl Programme {
    /// The first of `scenes` from frame 0 on, and the next at each of `cuts`, which are in order; after the last scene the
    /// first comes again.
    pub fn new(scenes: Vec<&'static SceneInfo>, cuts: Vec<u64>) -> Self {
        debug_assert!(!scenes.is_empty() && cuts.is_sorted(), "no scenes, or cuts out of order");
        Self { scenes, cuts, transition: Transition::Cut, length: 0 }
    }

    /// One scene becomes the next by `transition`, in `length` frames or until the next cut.
    #[must_use]
    pub fn with(self, transition: Transition, length: u64) -> Self {
        let length = if transition == Transition::Cut { 0 } else { length };
        Self { transition, length, ..self }
    }

    /// The scene that frame `n` shows.
    pub fn scene(&self, n: u64) -> &'static SceneInfo {
        self.scenes[self.place(n)]
    }

    /// Its place in the list.
    fn place(&self, n: u64) -> usize {
        self.cuts_before(n) % self.scenes.len()
    }

    fn cuts_before(&self, n: u64) -> usize {
        self.cuts.partition_point(|&cut| cut <= n)
    }

    /// The place of the scene that frame `n` still shows something of, and how much.
    fn leaving(&self, n: u64) -> Option<(usize, Mix)> {
        let last = self.cuts_before(n).checked_sub(1)?;
        let next = self.cuts.get(last + 1).map_or(u64::MAX, |next| next - self.cuts[last]);
        let (since, length) = (n - self.cuts[last], self.length.min(next));
        (since < length).then(|| (last % self.scenes.len(), Mix::new(self.transition, since, length)))
    }

    /// Prepares the scenes that are shown for a look, each of them once.
    pub fn prepare(self, look: &Look) -> Box<dyn Scene> {
        Box::new(self.switched(look))
    }

    fn switched(self, look: &Look) -> Switched {
        let shown = &self.scenes[..self.scenes.len().min(self.cuts.len() + 1)];
        let mut names: Vec<&str> = Vec::new();
        let mut prepared = Vec::new();
        let places = shown.iter().map(|scene| {
            names.iter().position(|&name| name == scene.name).unwrap_or_else(|| {
                names.push(scene.name);
                prepared.push(scene.prepare(look));
                prepared.len() - 1
            })
        });
        let places = places.collect();
        Switched { programme: self, places, prepared }
    }
}

/// The scenes of a programme.
struct Switched {
    programme: Programme,
    /// Which of `prepared` stands at each place of the programme.
    places: Vec<usize>,
    prepared: Vec<Box<dyn Scene>>,
}

impl Scene for Switched {
    fn reach(&self) -> Reach {
        let nothing = Reach { before: 0, after: 1 };
        self.prepared
            .iter()
            .map(|scene| scene.reach())
            .fold(nothing, |a, b| Reach { before: a.before.max(b.before), after: a.after.max(b.after) })
    }

    fn render(&self, frame: &Frame<'_>, window: &HopWindow, scratch: &mut Scratch, canvas: &mut Canvas<'_>) {
        let scene = |place: usize| &self.prepared[self.places[place]];
        let coming = scene(self.programme.place(frame.n));
        let Some((place, mix)) = self.programme.leaving(frame.n) else {
            return coming.render(frame, window, scratch, canvas);
        };
        let (width, height, rows) = (canvas.width(), canvas.height(), canvas.rows());
        let stride = width as usize * BPP;
        let mut leaving = std::mem::take(&mut scratch.leaving);
        leaving.resize(stride * rows.len(), 0);
        let old = &mut Canvas::packed_band(&mut leaving, width, height, rows.clone());
        scene(place).render(frame, window, scratch, old);
        let row_of = |y: u32| &leaving[(y - rows.start) as usize * stride..][..stride];
        let lay = |y: u32, row: &mut [u8]| mix.lay(row_of(y), row);
        coming.render(frame, window, scratch, &mut canvas.overlaid(&lay));
        scratch.leaving = leaving;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::audio::hops::HopTime;

    fn names(list: &str) -> Vec<&'static str> {
        let found = find_all(list, &scenes::all()[2]).unwrap();
        found.into_iter().map(|scene| scene.name).collect()
    }

    #[test]
    fn a_list_has_names_and_indices_and_an_empty_one_is_all_scenes_from_the_first_one_on() {
        assert_eq!(names("stem-dots, 0,stem-dots"), ["stem-dots", "cover-pulse", "stem-dots"]);
        let mut all: Vec<_> = scenes::all().iter().map(|scene| scene.name).collect();
        all.rotate_left(2);
        assert_eq!((names(""), names(" , ")), (all.clone(), all));
        let error = find_all("wave-line,disco", &scenes::all()[0]).unwrap_err();
        assert_eq!(error, scenes::find("disco").unwrap_err());
    }

    #[test]
    fn each_frame_has_the_scene_after_the_last_cut_and_the_list_begins_anew() {
        let programme = Programme::new(find_all("1,2", &scenes::all()[0]).unwrap(), vec![30, 90, 91]);
        let shown = [0, 29, 30, 89, 90, 91, 5000].map(|n| programme.scene(n).name);
        assert_eq!(shown.map(|name| name == "bars-mirror"), [true, true, false, false, true, false, false]);
    }

    #[test]
    fn a_frame_looks_as_if_its_scene_were_alone_in_any_order() {
        let look = Look::new(48, 32).unwrap();
        let info = crate::logic::audio::features::Info { rate: 48_000, channels: 2, samples: 480_000, hops: 1001 };
        let mut scratch = Scratch::default();
        let mut draw = |scene: &dyn Scene, n: u64| {
            let mut pixels = vec![0; 48 * 32 * 4];
            let at = HopTime::of_frame(n, 10, 1);
            let frame = Frame { n, total: Some(100), at, info: &info };
            scene.render(
                &frame,
                &HopWindow::default(),
                &mut scratch,
                &mut Canvas::new(&mut pixels, 48 * 4, 48, 32).unwrap(),
            );
            pixels
        };
        let programme = Programme::new(find_all("", &scenes::all()[1]).unwrap(), vec![10, 20, 40, 50, 70]);
        let switched = programme.clone().prepare(&look);
        for n in (0..80).rev().step_by(3).chain([9, 10, 70, 0, 69]) {
            let alone = programme.scene(n).prepare(&look);
            assert!(draw(&*switched, n) == draw(&*alone, n), "frame {n}");
        }
    }

    fn draw(scene: &dyn Scene, look: &Look, n: u64) -> Vec<u8> {
        let info = crate::logic::audio::features::Info { rate: 48_000, channels: 2, samples: 480_000, hops: 1001 };
        let (w, h) = (look.width(), look.height());
        let mut pixels = vec![0; (w * h * 4) as usize];
        let frame = Frame { n, total: Some(100), at: HopTime::of_frame(n, 10, 1), info: &info };
        let canvas = &mut Canvas::new(&mut pixels, w as usize * 4, w, h).unwrap();
        scene.render(&frame, &HopWindow::default(), &mut Scratch::default(), canvas);
        pixels
    }

    #[test]
    fn frames_of_a_transition_are_both_scenes_and_all_others_one_alone() {
        let mut look = Look::new(48, 32).unwrap();
        look.progress_bar = true;
        let scenes = || find_all("bars-mirror,cover-pulse", &scenes::all()[0]).unwrap();
        for transition in [Transition::Fade, Transition::Wipe] {
            let programme = Programme::new(scenes(), vec![10, 13, 40]).with(transition, 5);
            let switched = programme.clone().prepare(&look);
            let [bars, cover] = [0, 1].map(|place| scenes()[place].prepare(&look));
            // The second is cut short by the next.
            let mixed = |n: u64| (10..18).contains(&n) || (40..45).contains(&n);
            for n in (0..60).rev() {
                let (shown, [bars, cover]) =
                    (draw(&*switched, &look, n), [&bars, &cover].map(|scene| draw(&**scene, &look, n)));
                let alone = if programme.scene(n).name == "bars-mirror" { &bars } else { &cover };
                assert_eq!(shown != *alone, mixed(n), "{transition}, frame {n}");
                let between = shown.iter().zip(bars.iter().zip(&cover));
                assert!(
                    between.into_iter().all(|(v, (a, b))| (a.min(b)..=a.max(b)).contains(&v)),
                    "{transition}, frame {n}"
                );
            }
        }
    }

    #[test]
    fn only_what_is_shown_is_prepared_and_that_once() {
        let look = Look::new(48, 32).unwrap();
        let switched = |list: &str, cuts: &[u64]| {
            let switched = Programme::new(find_all(list, &scenes::all()[0]).unwrap(), cuts.to_vec()).switched(&look);
            (switched.prepared.len(), switched.reach())
        };
        let alone = |name: &str| scenes::find(name).unwrap().prepare(&look).reach();
        assert!(alone("stem-dots").before > alone("bars-mirror").before);
        assert_eq!(switched("bars-mirror,stem-dots", &[]), (1, alone("bars-mirror")));
        assert_eq!(switched("bars-mirror,stem-dots,bars-mirror", &[5, 9]), (2, alone("stem-dots")));
        assert_eq!(switched("stem-dots,bars-mirror,stem-dots", &[5, 9, 12]), (2, alone("stem-dots")));
    }
}
