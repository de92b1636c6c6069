//! Follows the folders of training runs, whoever trains them, and works out their figures: on a thread of
//! its own, so that neither a slow disk nor a long history is felt in a frame.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use gainfield::figure::Figure;
use gainfield::recipe::film::FilmStrip;
use gainfield::train::figures::{self, RunGroup, SMOOTHING};
use gainfield::train::{
    Course, Follower, Growth, Measures, RunHistory, Snapshot, StopReason, ending, is_claimed,
};

use crate::item::ItemId;

/// Figures follow the runs at most this often.
const REDRAW_EVERY: Duration = Duration::from_millis(250);
/// A run that somebody trains is looked at this often, the others less.
const LOOK_EVERY: Duration = Duration::from_millis(300);
const LOOK_AT_ENDED_EVERY: Duration = Duration::from_secs(3);

/// How curves are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// Share of the past in the moving average.
    pub smoothing: f64,
    /// Whether runs that differ in their seed alone are drawn as mean and standard deviation.
    pub joins_seeds: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { smoothing: SMOOTHING, joins_seeds: true }
    }
}

/// What the Train views draw of one run and those laid over it.
#[derive(Clone, Debug, Default)]
pub struct Curves {
    pub measures: Measures,
    /// In the order of the measures; `None` where no update has reported one.
    pub metrics: Vec<Option<Figure>>,
    /// In the order of the rows of an evaluation.
    pub accuracy: Vec<Option<Figure>>,
    /// Which colour each run has.
    pub inks: BTreeMap<ItemId, usize>,
}

/// A run to be followed.
#[derive(Clone, Debug)]
pub struct Followed {
    pub name: String,
    /// `FAMILY/RUN`; only runs of one kind are laid over one another.
    pub kind: String,
    /// The same for runs that differ in their seed alone.
    pub settings: String,
    pub seed: String,
    pub out: PathBuf,
    /// Whether the session trains it, and so has its snapshots.
    pub is_own: bool,
}

enum Ask {
    Follow(ItemId, Box<Followed>),
    Own(ItemId, bool),
    Overlay(ItemId, bool),
    Style(Style),
    Keep(BTreeSet<ItemId>),
}

/// What there is to say of a run's folder.
pub struct Grown {
    pub id: ItemId,
    pub growth: Growth,
    pub measures: Option<Measures>,
    /// Somebody is training it.
    pub is_claimed: bool,
    /// That was the session itself.
    pub is_own: bool,
    /// That of a newer checkpoint, of runs that are not the session's own.
    pub snapshot: Option<Snapshot>,
    pub films: Vec<FilmStrip>,
    /// How it ended, where nobody trains it.
    pub ending: Option<StopReason>,
}

pub enum Told {
    Grown(Box<Grown>),
    Curves(BTreeMap<ItemId, Curves>),
    Failed(ItemId, String),
}

/// The window's end of the thread.
pub struct Watch {
    asks: Sender<Ask>,
    told: Receiver<Told>,
}

impl Watch {
    /// `wake` is called after every word.
    pub fn start(wake: impl Fn() + Send + 'static) -> Self {
        let (asks, incoming) = unbounded();
        let (outgoing, told) = unbounded();
        let work = move || Watcher::default().serve(&incoming, &outgoing, &wake);
        if let Err(err) = std::thread::Builder::new().name("training runs".to_owned()).spawn(work) {
            tracing::error!("cannot start the thread that follows training runs: {err}");
        }
        Self { asks, told }
    }

    fn ask(&self, ask: Ask) {
        // A thread that is gone has said so in the log.
        let _ = self.asks.send(ask);
    }

    pub fn follow(&self, id: ItemId, run: Followed) {
        self.ask(Ask::Follow(id, Box::new(run)));
    }

    pub fn own(&self, id: ItemId, is_own: bool) {
        self.ask(Ask::Own(id, is_own));
    }

    pub fn overlay(&self, id: ItemId, is_shown: bool) {
        self.ask(Ask::Overlay(id, is_shown));
    }

    pub fn style(&self, style: Style) {
        self.ask(Ask::Style(style));
    }

    pub fn keep(&self, ids: BTreeSet<ItemId>) {
        self.ask(Ask::Keep(ids));
    }

    pub fn told(&self) -> impl Iterator<Item = Told> + '_ {
        self.told.try_iter()
    }
}

struct Watched {
    run: Followed,
    follower: Follower,
    history: RunHistory,
    measures: Option<Measures>,
    films: Vec<FilmStrip>,
    /// When the checkpoint was written that was read last.
    checkpoint: Option<SystemTime>,
    is_claimed: bool,
    is_seen: bool,
    is_overlaid: bool,
    failed: Option<String>,
    next: Instant,
}

impl Watched {
    fn new(run: Followed) -> Self {
        Self {
            follower: Follower::new(&run.out),
            run,
            history: RunHistory::default(),
            measures: None,
            films: Vec::new(),
            checkpoint: None,
            is_claimed: false,
            is_seen: false,
            is_overlaid: true,
            failed: None,
            next: Instant::now(),
        }
    }

    /// What is new in the folder; `None` for nothing.
    fn look(&mut self, id: ItemId) -> gainfield::Result<Option<Grown>> {
        // First, so that what an ending run writes last is read after it is seen to have ended.
        let is_claimed = is_claimed(&self.run.out);
        let growth = self.follower.poll()?;
        self.history.grow(growth.clone());
        let mut measures = None;
        if self.measures.is_none() && !self.history.updates.is_empty() {
            self.measures = Some(Measures::read(&self.run.out, &self.history)?);
            measures.clone_from(&self.measures);
        }
        let films = FilmStrip::all(&self.run.out)?;
        let snapshot = if self.run.is_own { None } else { self.newer_snapshot()? };
        let is_news = !self.is_seen
            || !growth.is_empty()
            || measures.is_some()
            || snapshot.is_some()
            || is_claimed != self.is_claimed
            || films != self.films;
        (self.is_claimed, self.is_seen, self.films) = (is_claimed, true, films.clone());
        let ending = if is_news && !is_claimed { ending(&self.run.out) } else { None };
        let is_own = self.run.is_own;
        Ok(is_news.then_some(Grown { id, growth, measures, is_claimed, is_own, snapshot, films, ending }))
    }

    fn newer_snapshot(&mut self) -> gainfield::Result<Option<Snapshot>> {
        let last = self.run.out.join("checkpoints").join("last");
        let written =
            std::fs::metadata(last.join("resume.safetensors")).and_then(|file| file.modified()).ok();
        if written.is_none() || written == self.checkpoint {
            return Ok(None);
        }
        self.checkpoint = written;
        Course::snapshot_in(&last)
    }
}

#[derive(Default)]
struct Watcher {
    runs: BTreeMap<ItemId, Watched>,
    style: Style,
    is_changed: bool,
    drawn: Option<Instant>,
}

impl Watcher {
    fn serve(mut self, asks: &Receiver<Ask>, told: &Sender<Told>, wake: &dyn Fn()) {
        let tell = |word: Told| {
            // A window that is gone has no use for it.
            let _ = told.send(word);
            wake();
        };
        loop {
            match asks.recv_timeout(self.rest()) {
                Ok(ask) => {
                    self.take(ask);
                    asks.try_iter().for_each(|ask| self.take(ask));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            for (id, run) in &mut self.runs {
                if run.next > Instant::now() {
                    continue;
                }
                let looked = crate::worker::guarded(|| run.look(*id));
                let is_live = run.run.is_own || run.is_claimed;
                run.next = Instant::now() + if is_live { LOOK_EVERY } else { LOOK_AT_ENDED_EVERY };
                match looked {
                    Ok(None) => {}
                    Ok(Some(grown)) => {
                        self.is_changed = true;
                        run.failed = None;
                        tell(Told::Grown(Box::new(grown)));
                    }
                    // Said once, not at every look.
                    Err(why) if run.failed.as_ref() == Some(&why) => {}
                    Err(why) => {
                        run.failed = Some(why.clone());
                        tell(Told::Failed(*id, why));
                    }
                }
            }
            if self.is_changed && self.drawn.is_none_or(|at| at.elapsed() >= REDRAW_EVERY) {
                self.is_changed = false;
                tell(Told::Curves(self.runs.keys().map(|id| (*id, self.curves(*id))).collect()));
                self.drawn = Some(Instant::now());
            }
        }
    }

    /// Until something has to be done that nobody asks for.
    fn rest(&self) -> Duration {
        let redraw = self.drawn.filter(|_| self.is_changed).map(|at| at + REDRAW_EVERY);
        let next = self.runs.values().map(|run| run.next).chain(redraw).min();
        next.map_or(Duration::from_secs(3600), |next| next.saturating_duration_since(Instant::now()))
    }

    fn take(&mut self, ask: Ask) {
        self.is_changed = true;
        match ask {
            Ask::Follow(id, run) => {
                self.runs.insert(id, Watched::new(*run));
            }
            Ask::Own(id, is_own) => {
                if let Some(run) = self.runs.get_mut(&id) {
                    (run.run.is_own, run.next) = (is_own, Instant::now());
                }
            }
            Ask::Overlay(id, is_shown) => {
                if let Some(run) = self.runs.get_mut(&id) {
                    run.is_overlaid = is_shown;
                }
            }
            Ask::Style(style) => self.style = style,
            Ask::Keep(ids) => self.runs.retain(|id, _| ids.contains(id)),
        }
    }

    /// The figures of a run, with those of its kind laid over it. It comes first and has the first colour.
    fn curves(&self, id: ItemId) -> Curves {
        let Some(own) = self.runs.get(&id) else { return Curves::default() };
        let Some(measures) = own.measures.clone() else { return Curves::default() };
        let others = self.runs.iter().filter(|(other, run)| {
            **other != id && run.is_overlaid && run.run.kind == own.run.kind && run.measures.is_some()
        });
        let mut inks = BTreeMap::new();
        let mut groups: Vec<(Vec<&Followed>, RunGroup<'_>)> = Vec::new();
        for (other, run) in [(&id, own)].into_iter().chain(others) {
            // The same seed twice is no second sample.
            let is_sample = |group: &[&Followed]| {
                group[0].settings == run.run.settings && group.iter().all(|one| one.seed != run.run.seed)
            };
            let same = groups.iter().position(|(group, _)| self.style.joins_seeds && is_sample(group));
            match same {
                Some(at) => {
                    groups[at].0.push(&run.run);
                    groups[at].1.runs.push(&run.history);
                    inks.insert(*other, at);
                }
                None => {
                    inks.insert(*other, groups.len());
                    let group = RunGroup { name: &run.run.name, runs: vec![&run.history] };
                    groups.push((vec![&run.run], group));
                }
            }
        }
        let groups: Vec<RunGroup<'_>> = groups.into_iter().map(|(_, group)| group).collect();
        let drawn = |figure: gainfield::Result<Option<Figure>>| {
            figure.inspect_err(|err| tracing::warn!("a figure of {}: {err}", own.run.name)).ok().flatten()
        };
        let metrics = measures.metrics.iter();
        let metrics = metrics.map(|measure| drawn(figures::metric(&groups, measure, self.style.smoothing)));
        let n_rows = own.history.evaluations.last().map_or(0, |last| last.accuracy.len());
        let accuracy = (0..n_rows).map(|row| drawn(figures::accuracy(&own.history, row, &measures)));
        Curves { metrics: metrics.collect(), accuracy: accuracy.collect(), inks, measures }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_joined_over_seeds_and_not_over_repetitions() {
        let folder = tempfile::tempdir().unwrap();
        let mut watcher = Watcher::default();
        for (id, seed) in [(1, "1"), (2, "1"), (3, "2")] {
            let followed = Followed {
                name: format!("run {id}"),
                kind: "a/b".to_owned(),
                settings: "the same".to_owned(),
                seed: seed.to_owned(),
                out: folder.path().to_owned(),
                is_own: false,
            };
            let mut watched = Watched::new(followed);
            watched.measures = Some(Measures::default());
            watcher.runs.insert(ItemId(id), watched);
        }
        let inks = |watcher: &Watcher| watcher.curves(ItemId(1)).inks.into_values().collect::<Vec<_>>();
        assert_eq!(inks(&watcher), [0, 1, 0]);
        watcher.style.joins_seeds = false;
        assert_eq!(inks(&watcher), [0, 1, 2]);
    }
}
