//! From a stimulus value and its data to composed trials.

mod digits;
mod gating;
mod listed;
mod pictures;
mod sets;

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Trials,
    coco::{PHOTOGRAPH_SIZE, PairRule, PhotographPairs},
    pictures::Canvas,
    recurrent_gating::{
        ArrowShapes, GatingTask, Materials, Mode, StandIn, TaskData, shape_drawings::ShapeDrawings,
    },
    stimulus_spec::{StimulusKind, StimulusSpec},
};
use crate::{
    dynamics::{Dynamics, TimeUnit},
    error::{Error, Result},
    stimulus::{
        DIGIT_CLASSES, DIGIT_SIZE, Digits, Image, PictureSet, Preparation, Split, TrialList,
        idx::load_digits, image_file::pictures_in, procedural_digits::procedural_digits,
    },
};
use listed::Listed;

/// Digits in the built-in set that stimuli are made of where no data is given.
const PROCEDURAL_DIGITS: usize = 4_000;
/// Schematic pictures that stand in for photographs.
const PROCEDURAL_PICTURES: usize = 1_000;
/// Seed of these sets; the stimuli have their own.
const PROCEDURAL_SEED: u64 = 0;

/// A stimulus with its data read: gives trials by number.
#[derive(Clone, Debug)]
pub struct StimulusSource {
    spec: StimulusSpec,
    digits: Option<Digits>,
    /// What the tasks are made of; `None` for other kinds.
    materials: Option<Materials>,
    pub(super) pictures: Vec<PathBuf>,
    photographs: Option<Arc<PhotographPairs>>,
    set: Option<PictureSet>,
    list: Option<Arc<TrialList>>,
    /// The list by the clock and the classes of a model.
    listed: Option<Listed>,
    pub(super) preparation: Option<Preparation>,
}

impl StimulusSource {
    /// Reads the data of `spec`; `data` stands in where the spec names none, as `--data` does.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Io`] about the data, [`Error::Config`] about a setting.
    pub fn open(spec: &StimulusSpec, data: Option<&Path>) -> Result<Self> {
        spec.validate()?;
        let folder = spec.data.as_deref().or(data);
        let digits = match folder {
            _ if !spec.uses_digits() => None,
            Some(folder) => Some(load_digits(folder, spec.split)?),
            None => Some(procedural_digits(PROCEDURAL_SEED, spec.split, PROCEDURAL_DIGITS)),
        };
        let materials = match &spec.kind {
            StimulusKind::Gating { task, .. } => Some(materials(task, digits.as_ref(), folder, spec.split)?),
            _ => None,
        };
        let pictures = match &spec.kind {
            StimulusKind::Image(picture) => vec![picture.path.clone()],
            StimulusKind::Folder(picture) => pictures_in(&picture.path)?,
            _ => Vec::new(),
        };
        let photographs = match &spec.kind {
            StimulusKind::Photographs(stimulus) => {
                let rule = PairRule::default();
                Some(Arc::new(PhotographPairs::open(&stimulus.images, &stimulus.annotations, rule)?))
            }
            _ => None,
        };
        let set = match &spec.kind {
            StimulusKind::Set(stimulus) => Some(stimulus.open(folder, spec.split)?),
            _ => None,
        };
        let list = match (&spec.kind, folder) {
            (StimulusKind::Trials(stimulus), _) if !stimulus.path.as_os_str().is_empty() => {
                Some(Arc::new(TrialList::read(&stimulus.path)?))
            }
            (StimulusKind::Trials(_), Some(path)) => Some(Arc::new(TrialList::read(path)?)),
            (StimulusKind::Trials(_), None) => {
                return Err(Error::config("path", "the path of a list of trials, or --data", "nothing"));
            }
            _ => None,
        };
        Ok(Self { digits, materials, pictures, photographs, set, list, ..Self::empty(spec) })
    }

    /// Without any data.
    fn empty(spec: &StimulusSpec) -> Self {
        Self {
            spec: spec.clone(),
            digits: None,
            materials: None,
            pictures: Vec::new(),
            photographs: None,
            set: None,
            list: None,
            listed: None,
            preparation: None,
        }
    }

    /// For a model: pictures are prepared as its source does it, times are by its clock, and answers are
    /// numbers of its classes.
    ///
    /// # Errors
    /// [`Error::File`] about a list of trials whose times or answers do not fit.
    pub fn for_model(self, model: &dyn Dynamics) -> Result<Self> {
        self.prepared_by(model.preparation()).timed(model.time_unit(), model.classes())
    }

    fn timed(self, unit: TimeUnit, classes: &[String]) -> Result<Self> {
        let listed = self.list.as_ref().map(|list| Listed::new(list, unit, classes)).transpose()?;
        Ok(Self { listed, ..self })
    }

    /// How many of the first of these trials can be composed together: those that are shown at the same
    /// times.
    pub fn alike(&self, numbers: Range<usize>) -> usize {
        match self.list.as_ref().map(|_| self.listed()) {
            Some(Ok(listed)) => listed.alike(numbers),
            // Without a list all are; what is wrong with one is said when it is shown.
            Some(Err(_)) | None => numbers.len(),
        }
    }

    /// Picture files are prepared as the source of the model they are for does it.
    #[must_use]
    pub fn prepared_by(self, preparation: Option<Preparation>) -> Self {
        Self { preparation, ..self }
    }

    /// A stimulus made of digits on those at hand, for training and tests.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a stimulus that is not made of digits.
    pub fn with_digits(spec: &StimulusSpec, digits: Digits) -> Result<Self> {
        spec.validate()?;
        if !spec.uses_digits() {
            return Err(Error::Unsupported(format!("the stimulus {} is not made of digits", spec.name())));
        }
        let materials = Some(Materials::of_digits(digits.clone()));
        Ok(Self { materials, digits: Some(digits), ..Self::empty(spec) })
    }

    /// A task of the recurrent-gating networks on what is at hand, for training.
    ///
    /// # Errors
    /// [`Error::Config`] about a setting, [`Error::Unsupported`] for another kind of stimulus.
    pub fn with_materials(spec: &StimulusSpec, materials: Materials) -> Result<Self> {
        spec.validate()?;
        if !matches!(spec.kind, StimulusKind::Gating { .. }) {
            return Err(Error::Unsupported(format!("the stimulus {} is no task", spec.name())));
        }
        let digits = spec.uses_digits().then(|| materials.digits.clone());
        Ok(Self { digits, materials: Some(materials), ..Self::empty(spec) })
    }

    /// The trials of these numbers, of a task.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for another kind of stimulus; as [`StimulusSource::trials`].
    pub fn trials_of(&self, numbers: &[usize], seed: u64) -> Result<Trials> {
        match &self.spec.kind {
            StimulusKind::Gating { task, mode, noise } if !numbers.is_empty() => {
                self.gating_trials(task, *mode, *noise, numbers.to_vec(), seed)
            }
            StimulusKind::Gating { .. } => Err(Error::config("number of trials", "at least 1", 0)),
            _ => Err(Error::Unsupported(format!("the stimulus {} is no task", self.spec.name()))),
        }
    }

    pub fn spec(&self) -> &StimulusSpec {
        &self.spec
    }

    /// Trials with different digits or pictures; beyond it they come around again. `None`: no end.
    pub fn distinct(&self) -> Option<usize> {
        match &self.spec.kind {
            StimulusKind::Image(_) | StimulusKind::Folder(_) => Some(self.pictures.len()),
            StimulusKind::Photographs(_) => self.photographs.as_ref().map(|pairs| pairs.len()),
            StimulusKind::Bars { bars, .. } => Some(bars.grid.n_places()),
            StimulusKind::Set(_) => self.set.as_ref().map(PictureSet::len),
            StimulusKind::Trials(_) => self.list.as_ref().map(|list| list.trials.len()),
            StimulusKind::Bar(_) | StimulusKind::Grating(_) | StimulusKind::Scene(_) => None,
            StimulusKind::Gating { task, .. } if task.data() == TaskData::None => None,
            StimulusKind::Gating { task, mode, .. } => {
                let materials = self.materials.as_ref()?;
                materials.n_items(task, *mode).ok().filter(|_| task.uses_digits() || *mode == Mode::Test)
            }
            _ => self.digits.as_ref().map(Digits::len),
        }
    }

    /// The frames' own size; `None` for kinds that fill any canvas.
    pub fn native_canvas(&self) -> Option<Canvas> {
        match &self.spec.kind {
            StimulusKind::Digits(pairs) => Some(Canvas { channels: 1, height: 28, width: pairs.width() }),
            StimulusKind::MultiMnist(_) => {
                Some(Canvas { channels: 1, height: DIGIT_SIZE, width: DIGIT_SIZE })
            }
            StimulusKind::Gating { task, .. } => {
                let [channels, height, width] = task.frame_shape();
                Some(Canvas { channels, height, width })
            }
            StimulusKind::Photographs(_) => {
                Some(Canvas { channels: 3, height: PHOTOGRAPH_SIZE, width: PHOTOGRAPH_SIZE })
            }
            StimulusKind::Bars { .. } => Some(Canvas { channels: 1, height: 28, width: 42 }),
            _ => None,
        }
    }

    /// Trials number `first..first + n` of `seed` in their own size.
    ///
    /// A trial depends on its number alone, not on the others asked for with it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for kinds that need to know the canvas: see [`StimulusSource::trials_on`].
    pub fn trials(&self, first: usize, n: usize, seed: u64) -> Result<Trials> {
        match self.native_canvas() {
            Some(canvas) => self.trials_on(canvas, first, n, seed),
            None => Err(Error::Unsupported(format!(
                "the stimulus {} takes the size of a model's input; open a model first",
                self.spec.name()
            ))),
        }
    }

    /// Trials number `first..first + n` of `seed` for a model that takes `canvas`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the stimulus has another size of its own; what reading pictures reports.
    pub fn trials_on(&self, canvas: Canvas, first: usize, n: usize, seed: u64) -> Result<Trials> {
        if n == 0 {
            return Err(Error::config("number of trials", "at least 1", n));
        }
        if let Some(own) = self.native_canvas().filter(|own| *own != canvas) {
            let found = [own.channels, own.height, own.width];
            let model = [canvas.channels, canvas.height, canvas.width];
            return Err(Error::shape(format!("frames of the stimulus {}", self.spec.name()), model, &found));
        }
        let numbers = first..first + n;
        match &self.spec.kind {
            StimulusKind::Digits(pairs) => self.digit_trials(pairs, numbers, seed),
            StimulusKind::MultiMnist(stimulus) => self.two_digit_trials(stimulus, numbers, seed),
            StimulusKind::Gating { task, mode, noise } => {
                self.gating_trials(task, *mode, *noise, numbers, seed)
            }
            StimulusKind::OneDigit => {
                let of = |numbers| self.enlarged_digit_trials(canvas, numbers);
                self.spec.timing.apply(numbers, of)
            }
            StimulusKind::Scene(scene) => {
                let of = |numbers| self.scene_trials(*scene, canvas, numbers, seed);
                self.spec.timing.apply(numbers, of)
            }
            StimulusKind::Image(stimulus) | StimulusKind::Folder(stimulus) => {
                let of = |numbers| self.picture_trials(stimulus, canvas, numbers);
                self.spec.timing.apply(numbers, of)
            }
            StimulusKind::Set(stimulus) => {
                let of = |numbers| self.set_trials(stimulus, canvas, numbers);
                self.spec.timing.apply(numbers, of)
            }
            StimulusKind::Trials(stimulus) => self.listed_trials(stimulus, canvas, numbers),
            StimulusKind::Photographs(stimulus) => self.photograph_trials(stimulus.strength, numbers),
            StimulusKind::Bars { orientation, bars } => {
                let batch = bars.batch(self.digits()?, *orientation)?;
                let rows: Vec<usize> = numbers.map(|number| number % bars.grid.n_places()).collect();
                let select = |axis, array: &ndarray::Array5<f32>| array.select(ndarray::Axis(axis), &rows);
                let pick = batch.x.select(ndarray::Axis(0), &rows);
                let places: Vec<_> = bars.grid.places().collect();
                let captions = rows.iter().map(|&row| {
                    let place = places[row];
                    format!("{orientation}°, sigma {}, x {}, y {}", place.sigma, place.x, place.y)
                });
                Ok(Trials {
                    targets: Some(select(1, &batch.targets)),
                    objects: Some(select(1, &batch.objects)),
                    frames: vec![pick],
                    ..Trials::pictures(
                        self.spec.name(),
                        self.digits()?.identity().clone(),
                        &[Image::zeros(1, 1, 1)],
                        captions.collect(),
                    )?
                })
            }
            StimulusKind::Bar(bar) => self.turned_trials(bar.orientation, numbers, |orientation| {
                let bar = crate::stimulus::Bar { orientation, ..*bar };
                bar.render(canvas.channels, canvas.height, canvas.width)
            }),
            StimulusKind::Grating(grating) => {
                self.turned_trials(grating.orientation, numbers, |orientation| {
                    let grating = crate::stimulus::Grating { orientation, ..*grating };
                    grating.render(canvas.channels, canvas.height, canvas.width)
                })
            }
        }
    }

    fn digits(&self) -> Result<&Digits> {
        self.digits.as_ref().filter(|digits| !digits.is_empty()).ok_or_else(|| {
            Error::Unsupported(format!("the stimulus {} needs at least one digit", self.spec.name()))
        })
    }
}

/// What the task is made of, and the drawings that the data folder holds in place of our own.
fn materials(
    task: &GatingTask,
    digits: Option<&Digits>,
    folder: Option<&Path>,
    split: Split,
) -> Result<Materials> {
    let mut materials = match digits {
        Some(digits) => Materials::of_digits(digits.clone()),
        None => {
            let stand_in = StandIn { seed: PROCEDURAL_SEED, n: PROCEDURAL_PICTURES };
            Materials::open(task, folder, split, stand_in)?
        }
    };
    let drawings = |name: &str| {
        let places = folder.into_iter().flat_map(|folder| [folder.join(name), folder.join("brg").join(name)]);
        places.into_iter().find(|folder| folder.is_dir())
    };
    match task {
        GatingTask::Arrow(_) | GatingTask::ArrowThenDigits(_) => {
            if let Some(folder) = drawings("arrows") {
                materials.arrows = ArrowShapes::read(&folder)?;
            }
        }
        GatingTask::Shapes(_) => {
            if let Some(folder) = drawings("shapes") {
                materials.shapes = ShapeDrawings::read(&folder)?;
            }
        }
        _ => {}
    }
    Ok(materials)
}

fn class_names() -> Vec<String> {
    (0..DIGIT_CLASSES).map(|class| class.to_string()).collect()
}

fn joined(labels: &[u32]) -> String {
    labels.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dynamics::LabelSet;
    use crate::task::pictures::luminance;

    /// A folder of uniform grey pictures.
    pub(in crate::task) fn picture_folder(pictures: &[(&str, u8)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for &(name, grey) in pictures {
            image::GrayImage::from_pixel(8, 8, image::Luma([grey])).save(folder.path().join(name)).unwrap();
        }
        folder
    }

    fn source(text: &str) -> StimulusSource {
        let digits = procedural_digits(1, Split::Test, 50);
        StimulusSource::with_digits(&text.parse().unwrap(), digits).unwrap()
    }

    #[test]
    fn a_trial_depends_on_its_number_alone() {
        for text in ["digits", "digits:n=3", "cue", "recognition:mode=train", "tracking", "ior"] {
            let source = source(text);
            let (all, one) = (source.trials(0, 4, 9).unwrap(), source.trials(3, 1, 9).unwrap());
            for t in 0..all.timesteps() {
                assert_eq!(all.frame(3, t), one.frame(0, t), "{text}");
            }
            assert_eq!(all.captions[3], one.captions[0]);
            assert_ne!(source.trials(0, 1, 8).unwrap().frame(0, 0), all.frame(0, 0));
        }
    }

    #[test]
    fn digits_come_with_targets_objects_and_labels_left_to_right() {
        let trials = source("digits:n=3").trials(48, 4, 0).unwrap();
        assert_eq!(trials.frame_shape(), [1, 28, 56]);
        assert_eq!(trials.targets.as_ref().unwrap().dim(), (3, 4, 1, 28, 56));
        let Some(LabelSet::PerObject(labels)) = &trials.labels else { panic!("no labels") };
        assert_eq!(trials.captions[1], format!("{} {} {}", labels[0][1], labels[1][1], labels[2][1]));
        assert!(trials.data.procedural);
    }

    #[test]
    fn bars_and_gratings_take_the_models_canvas_and_turn_over_trials() {
        let canvas = Canvas { channels: 3, height: 20, width: 30 };
        for text in ["bar:orientation=10", "grating:orientation=10"] {
            let source = StimulusSource::open(&text.parse().unwrap(), None).unwrap();
            let trials = source.trials_on(canvas, 0, 4, 0).unwrap();
            assert_eq!(trials.frame_shape(), [3, 20, 30]);
            assert_eq!(trials.captions, ["10°", "55°", "100°", "145°"]);
            assert!(source.trials(0, 1, 0).unwrap_err().to_string().contains("open a model"));
        }
        let trials = source("bars:orientation=90").trials(724, 4, 0).unwrap();
        assert_eq!(trials.targets.unwrap().dim(), (2, 4, 1, 28, 42));
        assert_eq!(trials.captions[2], "90°, sigma 0.5, x -15, y -10");
    }

    #[test]
    fn digits_and_scenes_fill_any_canvas() {
        let canvas = Canvas { channels: 3, height: 40, width: 64 };
        let digits = source("one-digit").trials_on(canvas, 3, 2, 0).unwrap();
        assert_eq!(
            (digits.frame_shape(), &digits.captions[..]),
            ([3, 40, 64], &["3", "4"].map(String::from)[..])
        );
        assert_eq!(digits.labels, Some(LabelSet::PerTimestep(vec![vec![3, 4]])));
        let frame = digits.frame(0, 0);
        assert!(frame.plane(0) == frame.plane(2) && frame.data().iter().any(|&value| value > 0.5));
        assert!((0..40).all(|row| frame.at(0, row, 11) == 0.0 && frame.at(0, row, 52) == 0.0));
        let scenes = StimulusSource::open(&"scene:shapes=3".parse().unwrap(), None).unwrap();
        let (two, one) =
            (scenes.trials_on(canvas, 0, 2, 5).unwrap(), scenes.trials_on(canvas, 1, 1, 5).unwrap());
        assert_eq!(two.frame(1, 0), one.frame(0, 0));
        let grey = scenes.trials_on(Canvas { channels: 1, ..canvas }, 1, 1, 5).unwrap();
        assert_eq!(grey.frame(0, 0), luminance(&one.frame(0, 0)));
    }

    #[test]
    fn pictures_are_prepared_as_the_source_does_unless_asked_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let picture = image::GrayImage::from_fn(16, 8, |x, _| image::Luma([x as u8 * 16]));
        picture.save(folder.path().join("a.png")).unwrap();
        let canvas = Canvas { channels: 1, height: 4, width: 4 };
        let preparation = Preparation { resizing: crate::stimulus::Resizing::Shorter(4), side: 4 };
        let shown = |text: &str| {
            let spec = format!("image:{}/a.png{text}", folder.path().display()).parse().unwrap();
            let source = StimulusSource::open(&spec, None).unwrap().prepared_by(Some(preparation));
            source.trials_on(canvas, 0, 1, 0).unwrap().frame(0, 0)
        };
        let bytes: Vec<u8> = (0..8).flat_map(|_| (0..16).map(|x| x * 16)).collect();
        let expected = preparation.image(&bytes, [8, 16, 1]).unwrap();
        assert!(shown("").data().iter().zip(expected.data()).all(|(a, b)| (a - b).abs() < 1e-6));
        assert_ne!(shown(",fit=stretch"), shown(""));
    }

    #[test]
    fn sets_of_pictures_come_with_their_classes() {
        let canvas = Canvas { channels: 3, height: 20, width: 20 };
        let spec: StimulusSpec = "set:cifar10,classes=2".parse().unwrap();
        let trials = StimulusSource::open(&spec, None).unwrap().trials_on(canvas, 0, 3, 0).unwrap();
        let Some(LabelSet::PerTimestep(labels)) = &trials.labels else { panic!("no labels") };
        assert!(labels[0].iter().all(|&label| label < 2));
        assert_eq!((trials.frame_shape(), trials.data.procedural), ([3, 20, 20], true));
        let root = tempfile::tempdir().unwrap();
        for (class, grey) in [("cat", 60_u8), ("dog", 180)] {
            std::fs::create_dir(root.path().join(class)).unwrap();
            let picture = image::GrayImage::from_pixel(8, 8, image::Luma([grey]));
            picture.save(root.path().join(class).join("1.png")).unwrap();
        }
        let spec: StimulusSpec = "set:folders".parse().unwrap();
        let trials =
            StimulusSource::open(&spec, Some(root.path())).unwrap().trials_on(canvas, 0, 2, 0).unwrap();
        assert_eq!(
            (trials.captions.join(" "), trials.class_names.join(" ")),
            ("cat/1.png dog/1.png".to_owned(), "cat dog".to_owned())
        );
        assert!((trials.frame(1, 0).at(2, 3, 3) - 180.0 / 255.0).abs() < 1e-5);
        let message = |text: &str| {
            let spec: StimulusSpec = text.parse().unwrap();
            let source = StimulusSource::open(&spec, Some(root.path())).unwrap();
            source.trials_on(canvas, 0, 1, 0).unwrap_err().to_string()
        };
        assert!(message("set:folders,attribute=Bald").contains("Bald"));
    }

    #[test]
    fn a_model_of_another_size_is_told_so() {
        let canvas = Canvas { channels: 3, height: 96, width: 96 };
        let message = source("digits").trials_on(canvas, 0, 1, 0).unwrap_err().to_string();
        assert!(message.contains("[3, 96, 96]") && message.contains("[1, 28, 42]"), "{message}");
    }

    #[test]
    fn photographs_come_with_targets_and_super_categories() {
        let folder = format!("{}/tests/golden/oba/mini_coco", env!("CARGO_MANIFEST_DIR"));
        let text = format!("photographs:images={folder}/images,annotations={folder}/instances_mini.json");
        let source = StimulusSource::open(&text.parse().unwrap(), None).unwrap();
        let trials = source.trials(0, 3, 0).unwrap();
        assert_eq!((source.distinct(), trials.frame_shape()), (Some(2), [3, 100, 100]));
        assert_eq!(trials.targets.as_ref().unwrap().dim(), (2, 3, 3, 100, 100));
        assert_eq!(trials.objects.as_ref().unwrap().dim(), (2, 3, 1, 100, 100));
        assert_eq!(trials.captions, ["000000000100.png", "000000000101.png", "000000000100.png"]);
        assert_eq!(trials.labels, Some(LabelSet::PerObject(vec![vec![9, 5, 9], vec![1, 6, 1]])));
    }

    #[test]
    fn tasks_on_photographs_have_schematic_stand_ins_that_say_so() {
        for (text, shape) in [
            ("coco_recognition:side=64,stride=8", [3, 64, 64]),
            ("coco_grouping:side=64,natural=true,mode=train", [3, 64, 64]),
            ("coco_search:side=64,mode=train", [3, 64, 64]),
            ("coco_grid:side=64,split=train", [3, 64, 64]),
            ("stl10_recognition:side=16,hard=true,mode=train", [3, 48, 48]),
            ("stl10_cue:side=16", [3, 48, 48]),
            ("stl10_search:side=16,mode=train", [3, 48, 48]),
            ("celeba_sex:side=32", [3, 32, 32]),
        ] {
            let source = StimulusSource::open(&text.parse().unwrap(), None).unwrap();
            let (all, one) = (source.trials(0, 4, 9).unwrap(), source.trials(3, 1, 9).unwrap());
            assert_eq!(all.frame_shape(), shape, "{text}");
            for t in 0..all.timesteps() {
                assert_eq!(all.frame(3, t), one.frame(0, t), "{text}");
            }
            assert!(all.data.procedural && all.data.name.contains("schematic"), "{}", all.data.name);
            assert_eq!(all.class_names.len(), if text.starts_with("celeba") { 2 } else { 10 });
            assert_eq!(all.conditions.len(), usize::from(text.starts_with("celeba")));
            assert_eq!(all.prompt.is_some(), text.contains("search") || text.contains("grid"), "{text}");
        }
    }

    #[test]
    fn folders_give_one_trial_per_picture_with_their_hashes() {
        let folder = picture_folder(&[("b.png", 200), ("a.png", 50)]);
        let spec: StimulusSpec = format!("folder:{}", folder.path().display()).parse().unwrap();
        let source = StimulusSource::open(&spec, None).unwrap();
        let canvas = Canvas { channels: 1, height: 4, width: 4 };
        let trials = source.trials_on(canvas, 0, 3, 0).unwrap();
        assert_eq!(
            (source.distinct(), &trials.captions[..]),
            (Some(2), &["a.png", "b.png", "a.png"].map(String::from)[..])
        );
        assert!((trials.frame(1, 0).at(0, 0, 0) - 200.0 / 255.0).abs() < 1e-5);
        assert_eq!(trials.data.files[1].sha256.len(), 64);
    }
}
