//! The one source of randomness: ChaCha streams derived by name from one seed.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest as _, Sha256};

/// A seeded generator whose stream is the same on every machine and thread count.
pub type Rng = ChaCha8Rng;

/// The generator of the stream `name` and its `indices` below `seed`.
///
/// Two different (name, indices) give independent streams, so that drawing more in one place
/// never shifts another: `stream(seed, "noise", &[intervention, timestep, trial])`.
pub fn stream(seed: u64, name: &str, indices: &[u64]) -> Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update((name.len() as u64).to_le_bytes());
    hash.update(name.as_bytes());
    for index in indices {
        hash.update(index.to_le_bytes());
    }
    ChaCha8Rng::from_seed(hash.finalize().into())
}

/// Uniform in `[0, 1)`, 53 bits.
pub fn uniform(rng: &mut Rng) -> f64 {
    rng.random::<f64>()
}

/// Standard normal.
pub fn normal(rng: &mut Rng) -> f64 {
    rng.sample(rand_distr::StandardNormal)
}

/// Uniform integer in `[from, to)`.
pub fn index(rng: &mut Rng, from: usize, to: usize) -> usize {
    rng.random_range(from..to)
}

/// A random permutation of `0..n` (Fisher-Yates).
pub fn permutation(rng: &mut Rng, n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        order.swap(i, index(rng, 0, i + 1));
    }
    order
}

/// Where random choices come from: a generator, or a record of earlier choices.
pub trait Chance {
    /// Uniform in `[0, 1)`.
    ///
    /// # Errors
    /// Of a record that has come to its end.
    fn uniform(&mut self) -> crate::Result<f64>;

    /// Uniform integer in `[from, to)`.
    ///
    /// # Errors
    /// Of a record that has come to its end or holds another number.
    fn integer(&mut self, from: i64, to: i64) -> crate::Result<i64>;

    /// Uniform integer in `[from, to]`, both included.
    ///
    /// # Errors
    /// As [`Chance::integer`].
    fn inclusive(&mut self, from: i64, to: i64) -> crate::Result<i64> {
        self.integer(from, to + 1)
    }

    /// A random permutation of `0..n`.
    ///
    /// # Errors
    /// Of a record that holds none of this length.
    fn permutation(&mut self, n: usize) -> crate::Result<Vec<usize>>;
}

impl Chance for Rng {
    fn uniform(&mut self) -> crate::Result<f64> {
        Ok(uniform(self))
    }

    fn integer(&mut self, from: i64, to: i64) -> crate::Result<i64> {
        Ok(self.random_range(from..to.max(from + 1)))
    }

    fn permutation(&mut self, n: usize) -> crate::Result<Vec<usize>> {
        Ok(permutation(self, n))
    }
}

/// The position of a stream, for checkpoints that resume exactly.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    pub key: [u8; 32],
    pub stream: u64,
    /// As text, since TOML and JSON numbers do not reach 128 bits.
    pub word: String,
}

/// Where `rng` stands.
pub fn position(rng: &Rng) -> Position {
    Position { key: rng.get_seed(), stream: rng.get_stream(), word: rng.get_word_pos().to_string() }
}

/// A generator that goes on from `position`; `None` if its word is not a number.
pub fn resume(position: &Position) -> Option<Rng> {
    let mut rng = ChaCha8Rng::from_seed(position.key);
    rng.set_stream(position.stream);
    rng.set_word_pos(position.word.parse().ok()?);
    Some(rng)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ_by_name_and_index() {
        let draw = |name, indices: &[u64]| uniform(&mut stream(7, name, indices));
        assert_eq!(draw("a", &[1]), draw("a", &[1]));
        assert_ne!(draw("a", &[1]), draw("a", &[2]));
        assert_ne!(draw("a", &[1]), draw("b", &[1]));
    }

    #[test]
    fn a_resumed_stream_goes_on_where_it_stood() {
        let mut rng = stream(1, "x", &[]);
        for _ in 0..37 {
            uniform(&mut rng);
        }
        let mut again = resume(&position(&rng)).unwrap();
        assert_eq!(uniform(&mut rng), uniform(&mut again));
    }

    #[test]
    fn a_permutation_holds_every_index_once() {
        let mut order = permutation(&mut stream(3, "p", &[]), 100);
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }
}
