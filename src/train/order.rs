//! Which items an update sees: all of them, in a new order every epoch.

use crate::rng;

/// How a set is walked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochOrder {
    /// Items of the set.
    pub n: usize,
    /// Items of an update.
    pub batch: usize,
    /// Whether an epoch ends without the items that fill no whole batch.
    pub drops_rest: bool,
}

/// The items of one update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Epochs that ended before.
    pub epoch: u64,
    /// Place of the update in its epoch.
    pub batch: u64,
    pub items: Vec<usize>,
}

impl EpochOrder {
    /// Updates of an epoch, never 0.
    pub fn batches(&self) -> u64 {
        let batches = match self.drops_rest {
            true => self.n / self.batch.max(1),
            false => self.n.div_ceil(self.batch.max(1)),
        };
        batches.max(1) as u64
    }

    /// The items of update `update` (from 0); it depends on nothing but its arguments.
    pub fn visit(&self, seed: u64, name: &str, update: u64) -> Visit {
        let (epoch, batch) = (update / self.batches(), update % self.batches());
        let order = rng::permutation(&mut rng::stream(seed, name, &[epoch]), self.n);
        let from = (batch as usize * self.batch).min(self.n);
        let to = (from + self.batch).min(self.n);
        Visit { epoch, batch, items: order[from..to].to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_seen_once_an_epoch_and_orders_change() {
        let order = EpochOrder { n: 10, batch: 4, drops_rest: false };
        let epoch = |from: u64| -> Vec<usize> {
            (from..from + order.batches()).flat_map(|update| order.visit(1, "x", update).items).collect()
        };
        let (first, second) = (epoch(0), epoch(order.batches()));
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..10).collect::<Vec<_>>());
        assert_ne!(first, second);
        assert_eq!(order.visit(1, "x", 5).epoch, 1);
        let whole = EpochOrder { drops_rest: true, ..order };
        assert_eq!((whole.batches(), whole.visit(1, "x", 1).items.len()), (2, 4));
        assert_eq!(EpochOrder { n: 3, batch: 4, drops_rest: true }.batches(), 1);
    }
}
