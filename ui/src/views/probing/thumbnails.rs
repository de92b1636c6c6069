//! Thumbnails of a film: the tuning of a unit in every frame, read on a thread of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, Sender, unbounded};
use egui::{Color32, Context, CornerRadius, Painter, Rect, Stroke, StrokeKind, pos2};
use gainfield::recipe::film::FilmFrame;

use crate::item::ItemId;

/// Mean responses in the first condition, by the flat index of the unit.
type Curves = BTreeMap<usize, Vec<f64>>;

/// Those of one film, as far as they have been read.
pub struct Thumbnails {
    pub item: ItemId,
    /// By update; `None` while a frame is read, and where it cannot be.
    known: BTreeMap<u64, Option<Curves>>,
    asks: Sender<(u64, PathBuf)>,
    answers: Receiver<(u64, Curves)>,
}

impl Thumbnails {
    pub fn of(item: ItemId, ctx: &Context) -> Self {
        let (asks, incoming) = unbounded::<(u64, PathBuf)>();
        let (outgoing, answers) = unbounded();
        let ctx = ctx.clone();
        let work = move || {
            for (update, path) in incoming {
                match FilmFrame::read(&path) {
                    Ok(frame) => {
                        if outgoing.send((update, curves(&frame))).is_err() {
                            return;
                        }
                        ctx.request_repaint();
                    }
                    Err(err) => tracing::warn!("{err}"),
                }
            }
        };
        if let Err(err) = std::thread::Builder::new().name("thumbnails".to_owned()).spawn(work) {
            tracing::error!("cannot start a thread that reads thumbnails: {err}");
        }
        Self { item, known: BTreeMap::new(), asks, answers }
    }

    /// Takes in what has been read.
    pub fn poll(&mut self) {
        for (update, curves) in self.answers.try_iter() {
            self.known.insert(update, Some(curves));
        }
    }

    /// Sees to it that the frame of this update is read.
    pub fn want(&mut self, update: u64, path: &Path) {
        if let std::collections::btree_map::Entry::Vacant(entry) = self.known.entry(update) {
            entry.insert(None);
            // Without its thread there are no thumbnails; the reason is in the log.
            let _ = self.asks.send((update, path.to_owned()));
        }
    }

    fn curve(&self, update: u64, unit: usize) -> Option<&[f64]> {
        self.known.get(&update)?.as_ref()?.get(&unit).map(Vec::as_slice)
    }

    /// The largest response of a unit in all frames, which is what thumbnails reach up to.
    pub fn top(&self, unit: usize) -> f64 {
        let curves = self.known.values().flatten().filter_map(|curves| curves.get(&unit));
        curves.flatten().copied().filter(|value| value.is_finite()).fold(0.0, f64::max)
    }

    /// Draws the tuning of a unit at an update.
    pub fn paint(
        &self,
        painter: &Painter,
        rect: Rect,
        (update, unit, top): (u64, usize, f64),
        colors: [Color32; 2],
        border: Stroke,
    ) {
        let [ground, ink] = colors;
        painter.rect(rect, CornerRadius::same(2), ground, border, StrokeKind::Inside);
        let Some(curve) = self.curve(update, unit).filter(|_| top > 0.0) else { return };
        let inner = rect.shrink(3.0);
        let n = curve.len().saturating_sub(1).max(1) as f32;
        let points = curve.iter().enumerate().filter(|(_, value)| value.is_finite()).map(|(i, value)| {
            let (x, y) = (i as f32 / n, (value / top) as f32);
            pos2(inner.left() + inner.width() * x, inner.bottom() - inner.height() * y)
        });
        painter.line(points.collect(), Stroke::new(1.2, ink));
    }
}

fn curves(frame: &FilmFrame) -> Curves {
    let result = &frame.result;
    let Some(first) = result.conditions.first() else { return Curves::new() };
    let units = result.units.iter().enumerate();
    units.map(|(at, unit)| (unit.index, first.responses.mean(at))).collect()
}
