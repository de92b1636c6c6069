//! Which area projects to which: the matrix that makes one recurrent network another.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Areas of every network of the source, whose read-out hangs on the sixth.
pub const N_AREAS: usize = 6;

/// Areas from the picture upwards, as the source's figures call them.
pub const AREA_NAMES: [&str; N_AREAS] = ["V1", "V2", "V4", "ML", "AL", "AM"];

/// `[pre][post]`: 1 where `pre` projects to `post`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<u8>>", into = "Vec<Vec<u8>>")]
pub struct ConnectionMatrix {
    edges: BTreeSet<(usize, usize)>,
}

impl ConnectionMatrix {
    /// # Errors
    /// [`Error::Config`] for an area that does not exist.
    pub fn new(edges: impl IntoIterator<Item = (usize, usize)>) -> Result<Self> {
        let edges: BTreeSet<_> = edges.into_iter().collect();
        match edges.iter().find(|(pre, post)| pre.max(post) >= &N_AREAS) {
            Some((pre, post)) => {
                let requirement = format!("between areas 0 to {}", N_AREAS - 1);
                Err(Error::config("connections", requirement, format!("{pre} to {post}")))
            }
            None => Ok(Self { edges }),
        }
    }

    /// Every connection from an area to the one that many above it.
    pub fn of_hops(hops: &BTreeSet<isize>) -> Self {
        let within = |pre: usize, hop: isize| {
            let post = pre.checked_add_signed(hop).filter(|&post| post < N_AREAS);
            post.map(|post| (pre, post))
        };
        let edges = (0..N_AREAS).flat_map(|pre| hops.iter().filter_map(move |&hop| within(pre, hop)));
        Self { edges: edges.collect() }
    }

    /// Connections in ascending order of (pre, post).
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize)> {
        self.edges.iter().copied()
    }

    pub fn contains(&self, pre: usize, post: usize) -> bool {
        self.edges.contains(&(pre, post))
    }

    /// The same matrix with the connection from `pre` to `post` there or not.
    ///
    /// # Errors
    /// As [`ConnectionMatrix::new`].
    pub fn with(&self, pre: usize, post: usize, is_there: bool) -> Result<Self> {
        let others = self.iter().filter(|&edge| edge != (pre, post));
        Self::new(others.chain(is_there.then_some((pre, post))))
    }

    /// Areas that project to `post`, ascending: the order in which their inputs are summed.
    pub fn into_area(&self, post: usize) -> impl Iterator<Item = usize> {
        (0..N_AREAS).filter(move |&pre| self.contains(pre, post))
    }

    /// Only the chain from each area to the next, which is run in a single pass.
    pub fn is_chain(&self) -> bool {
        *self == Self::of_hops(&BTreeSet::from([1]))
    }

    /// First timestep at which each area is defined: as many as connections lie between it and the
    /// first area, which the picture drives. `None` for an area that nothing reaches.
    pub fn live_from(&self) -> [Option<usize>; N_AREAS] {
        let mut live = [None; N_AREAS];
        live[0] = Some(0);
        if self.is_chain() {
            return [Some(0); N_AREAS];
        }
        for t in 1..N_AREAS {
            for (pre, post) in self.iter() {
                if live[post].is_none() && live[pre].is_some_and(|from| from < t) {
                    live[post] = Some(t);
                }
            }
        }
        live
    }
}

impl TryFrom<Vec<Vec<u8>>> for ConnectionMatrix {
    type Error = Error;

    fn try_from(rows: Vec<Vec<u8>>) -> Result<Self> {
        if rows.len() != N_AREAS || rows.iter().any(|row| row.len() != N_AREAS) {
            let found = format!("{} rows", rows.len());
            return Err(Error::config("connections", format!("{N_AREAS} rows of {N_AREAS}"), found));
        }
        if let Some(other) = rows.iter().flatten().find(|&&entry| entry > 1) {
            return Err(Error::config("connections", "0 or 1 in every place", other));
        }
        let at = |pre: usize, post: usize| rows[pre][post] == 1;
        let all = (0..N_AREAS).flat_map(|pre| (0..N_AREAS).map(move |post| (pre, post)));
        Self::new(all.filter(|&(pre, post)| at(pre, post)))
    }
}

impl From<ConnectionMatrix> for Vec<Vec<u8>> {
    fn from(matrix: ConnectionMatrix) -> Self {
        let row = |pre| (0..N_AREAS).map(|post| u8::from(matrix.contains(pre, post))).collect();
        (0..N_AREAS).map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_wake_after_as_many_steps_as_hops_lead_to_them() {
        let live = |hops: &[isize]| {
            let matrix = ConnectionMatrix::of_hops(&hops.iter().copied().collect());
            matrix.live_from().map(Option::unwrap)
        };
        assert_eq!(live(&[1]), [0; 6]);
        assert_eq!(live(&[0, 1]), [0, 1, 2, 3, 4, 5]);
        assert_eq!(live(&[-1, 1, 2]), [0, 1, 1, 2, 2, 3]);
        assert_eq!(live(&[1, 2, 3]), [0, 1, 1, 1, 2, 2]);
        let without = ConnectionMatrix::new([(0, 1), (2, 3), (3, 2)]).unwrap();
        assert_eq!(without.live_from(), [Some(0), Some(1), None, None, None, None]);
    }

    #[test]
    fn rows_and_edges_are_the_same() {
        let matrix = ConnectionMatrix::of_hops(&BTreeSet::from([-1, 0, 1]));
        let rows: Vec<Vec<u8>> = matrix.clone().into();
        assert_eq!(rows[2], [0, 1, 1, 1, 0, 0]);
        assert_eq!(ConnectionMatrix::try_from(rows).unwrap(), matrix);
        assert!(ConnectionMatrix::try_from(vec![vec![0; 6]; 5]).is_err());
        assert!(ConnectionMatrix::try_from(vec![vec![2; 6]; 6]).is_err());
        assert!(ConnectionMatrix::new([(0, 6)]).is_err());
        let without = matrix.with(2, 3, false).unwrap();
        assert!(!without.contains(2, 3) && without.with(2, 3, true).unwrap() == matrix);
    }
}
