//! The playhead: one time for all views, in timesteps of the shown recording.

/// Where the playhead stands and how it moves.
#[derive(Clone, Debug, PartialEq)]
pub struct Clock {
    cursor: usize,
    /// Stays at the newest timestep of a run that grows.
    pub follow: bool,
    pub playing: bool,
    pub looped: bool,
    /// The stretch that is looped; `None` is the whole run.
    pub range: Option<(usize, usize)>,
    /// Timesteps per second.
    pub speed: f64,
    /// Fraction of a timestep played since the last jump.
    carry: f64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { cursor: 0, follow: true, playing: false, looped: false, range: None, speed: 4.0, carry: 0.0 }
    }
}

impl Clock {
    /// Speeds offered, in timesteps per second.
    pub const SPEEDS: [f64; 8] = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

    /// The speed at first: few steps are looked at one by one, those of milliseconds pass by.
    pub fn natural_speed(is_continuous: bool) -> f64 {
        if is_continuous { 32.0 } else { 4.0 }
    }

    /// Takes the natural speed of another kind of time, unless another speed was chosen.
    pub fn suit(&mut self, is_continuous: bool) {
        if self.speed == Self::natural_speed(!is_continuous) {
            self.speed = Self::natural_speed(is_continuous);
        }
    }

    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Puts the playhead at `t` of `len` timesteps and leaves it there.
    pub fn seek(&mut self, t: usize, len: usize) {
        self.cursor = t.min(len.saturating_sub(1));
        self.follow = false;
        self.carry = 0.0;
    }

    /// Moves it by `steps`, stopping at either end.
    pub fn step_by(&mut self, steps: isize, len: usize) {
        self.playing = false;
        self.seek(self.cursor.saturating_add_signed(steps), len);
    }

    /// Starts or stops; from the last timestep it starts at the beginning.
    pub fn toggle(&mut self, len: usize) {
        self.playing = !self.playing && len > 1;
        let (start, end) = self.bounds(len);
        if self.playing && self.cursor >= end {
            self.cursor = start;
        }
        self.follow = false;
        self.carry = 0.0;
    }

    fn bounds(&self, len: usize) -> (usize, usize) {
        let last = len.saturating_sub(1);
        match self.range {
            Some((from, to)) if self.looped => (from.min(last), to.min(last)),
            _ => (0, last),
        }
    }

    /// Plays `seconds` of a run of `len` timesteps; the playhead jumps to exact timesteps only.
    pub fn advance(&mut self, seconds: f64, len: usize) {
        if len == 0 {
            self.cursor = 0;
            self.playing = false;
            return;
        }
        if self.follow {
            self.cursor = len - 1;
        }
        self.cursor = self.cursor.min(len - 1);
        if !self.playing {
            return;
        }
        self.carry += seconds * self.speed;
        let (start, end) = self.bounds(len);
        while self.carry >= 1.0 {
            self.carry -= 1.0;
            if self.cursor < end {
                self.cursor += 1;
            } else if self.looped {
                self.cursor = start;
            } else {
                self.playing = false;
                self.carry = 0.0;
            }
        }
    }

    /// Seconds until the playhead jumps next.
    pub fn seconds_to_next(&self) -> f64 {
        (1.0 - self.carry) / self.speed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn playing_stops_at_the_end_and_starts_again_from_the_beginning() {
        let mut clock = Clock { follow: false, ..Clock::default() };
        clock.toggle(3);
        clock.advance(0.25, 3);
        assert_eq!(clock.cursor(), 1);
        clock.advance(10.0, 3);
        assert_eq!((clock.cursor(), clock.playing), (2, false));
        clock.toggle(3);
        assert_eq!((clock.cursor(), clock.playing), (0, true));
    }

    #[test]
    fn a_loop_stays_in_its_range() {
        let mut clock = Clock { looped: true, range: Some((2, 4)), follow: false, ..Clock::default() };
        clock.seek(4, 10);
        clock.toggle(10);
        let mut seen = Vec::new();
        for _ in 0..5 {
            clock.advance(0.25, 10);
            seen.push(clock.cursor());
        }
        assert_eq!(seen, [3, 4, 2, 3, 4]);
    }

    #[test]
    fn following_stays_at_the_newest_until_one_seeks() {
        let mut clock = Clock::default();
        clock.advance(0.1, 5);
        assert_eq!(clock.cursor(), 4);
        clock.seek(1, 5);
        clock.advance(0.1, 9);
        assert_eq!(clock.cursor(), 1);
    }
}
