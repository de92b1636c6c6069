//! Where timesteps lie on the screen.

use egui::{Rangef, Rect};

use super::HEADER;

/// The horizontal extent of the lanes and the timesteps in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Track {
    pub left: f32,
    pub right: f32,
    pub n: usize,
}

impl Track {
    /// The track of `n` timesteps in a timeline that fills `area`.
    pub fn new(area: Rect, n: usize) -> Self {
        let left = area.left() + HEADER;
        Self { left, right: (area.right() - 12.0).max(left + 1.0), n: n.max(1) }
    }

    /// Width of one timestep.
    pub fn step(&self) -> f32 {
        (self.right - self.left) / self.n as f32
    }

    /// Centre of timestep `t`.
    pub fn x(&self, t: usize) -> f32 {
        self.left + (t as f32 + 0.5) * self.step()
    }

    /// Left edge of timestep `t`; `t = n` is the right end.
    pub fn edge(&self, t: usize) -> f32 {
        self.left + t as f32 * self.step()
    }

    pub fn column(&self, t: usize) -> Rangef {
        Rangef::new(self.edge(t), self.edge(t + 1))
    }

    /// The timestep under `x`, clamped to the track.
    pub fn step_at(&self, x: f32) -> usize {
        let at = ((x - self.left) / self.step()).floor().max(0.0) as usize;
        at.min(self.n - 1)
    }

    /// The edge between timesteps nearest to `x`, `0..=n`.
    pub fn edge_at(&self, x: f32) -> usize {
        let at = ((x - self.left) / self.step()).round().max(0.0) as usize;
        at.min(self.n)
    }

    /// Every how manieth timestep gets a label that needs `width` points: 1, 2, 5, 10, 20, …
    pub fn label_every(&self, width: f32) -> usize {
        let mut decade = 1;
        loop {
            for factor in [1, 2, 5] {
                let every = factor * decade;
                if every as f32 * self.step() >= width || every >= self.n {
                    return every;
                }
            }
            decade *= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{pos2, vec2};

    fn track(n: usize) -> Track {
        Track::new(Rect::from_min_size(pos2(0.0, 0.0), vec2(1440.0, 292.0)), n)
    }

    #[test]
    fn positions_and_timesteps_agree() {
        let track = track(18);
        for t in 0..18 {
            assert_eq!(track.step_at(track.x(t)), t);
            assert_eq!(track.edge_at(track.edge(t)), t);
        }
        assert_eq!(track.step_at(-100.0), 0);
        assert_eq!(track.step_at(5000.0), 17);
        assert_eq!(track.edge_at(5000.0), 18);
    }

    #[test]
    fn labels_stand_on_one_two_five() {
        assert_eq!(track(18).label_every(24.0), 1);
        assert_eq!(track(100).label_every(24.0), 2);
        assert_eq!(track(200).label_every(24.0), 5);
        assert_eq!(track(2000).label_every(24.0), 50);
        assert_eq!(track(1).label_every(1e9), 1);
    }
}
