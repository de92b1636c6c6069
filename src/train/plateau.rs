//! A learning rate that falls when a loss stops falling.

use serde::{Deserialize, Serialize};

/// When and how far it falls (PyTorch's `ReduceLROnPlateau`, mode `min`, relative threshold).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    pub factor: f64,
    /// Observations without improvement that are borne.
    pub patience: u64,
    /// Share of the best loss that counts as improvement.
    pub threshold: f64,
    /// Observations after a fall that are not counted.
    pub cooldown: u64,
    /// Lowest learning rate.
    pub floor: f64,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlateauState {
    pub learning_rate: f64,
    /// `None` before the first observation.
    pub best: Option<f64>,
    pub waited: u64,
    pub cooling: u64,
}

impl PlateauState {
    pub fn new(learning_rate: f64) -> Self {
        Self { learning_rate, best: None, waited: 0, cooling: 0 }
    }

    /// Takes note of a loss.
    pub fn observe(&mut self, plateau: &Plateau, loss: f64) {
        if self.best.is_none_or(|best| loss < best * (1.0 - plateau.threshold)) {
            self.best = Some(loss);
            self.waited = 0;
        } else {
            self.waited += 1;
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.waited = 0;
        }
        if self.waited > plateau.patience {
            let lower = (self.learning_rate * plateau.factor).max(plateau.floor);
            // Falls of less than 1e-8 are not made, as in PyTorch.
            if self.learning_rate - lower > 1e-8 {
                self.learning_rate = lower;
            }
            self.cooling = plateau.cooldown;
            self.waited = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_after_the_patience_and_rests_afterwards() {
        let plateau = Plateau { factor: 0.5, patience: 2, threshold: 0.01, cooldown: 2, floor: 0.2 };
        let mut state = PlateauState::new(1.0);
        let rates: Vec<f64> = [1.0, 0.995, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
            .map(|loss| {
                state.observe(&plateau, loss);
                state.learning_rate
            })
            .to_vec();
        assert_eq!(rates[..4], [1.0, 1.0, 1.0, 0.5]);
        // Two observations of rest, then three without improvement.
        assert_eq!(rates[4..9], [0.5, 0.5, 0.5, 0.5, 0.25]);
        assert_eq!(state.learning_rate, 0.25);
        state.observe(&plateau, 0.1);
        assert_eq!((state.best, state.waited), (Some(0.1), 0));
    }
}
