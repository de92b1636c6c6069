//! Euclidean distances between the rows of a matrix.

use super::matrix::Matrix;

/// Rows shorter than this are compared entry by entry: a product would not be faster.
const SHORT: usize = 32;
/// Squared distances below this share of the squared distances from the mean are summed entry by
/// entry: as differences of large numbers they would have lost digits.
const NEAR: f64 = 1e-4;

/// Squared distances between all rows: symmetric, exactly 0 on the diagonal.
pub fn squared_distances(x: &Matrix) -> Matrix {
    let n = x.rows();
    let by_product = if x.columns() < SHORT { None } else { Some(x.centred_gram()) };
    let mut squares = Matrix::zeros(n, n);
    for i in 0..n {
        for j in 0..i {
            let square = by_product.as_ref().and_then(|gram| {
                let size = gram.at(i, i) + gram.at(j, j);
                let square = size - 2.0 * gram.at(i, j);
                // Nor what is not finite, which a mean has spread over all rows.
                (square > NEAR * size && square.is_finite()).then_some(square)
            });
            let square = square.unwrap_or_else(|| squared_distance(x.row(i), x.row(j)));
            squares.set(i, j, square);
            squares.set(j, i, square);
        }
    }
    squares
}

/// Euclidean distances between all rows.
pub fn pairwise_distances(x: &Matrix) -> Matrix {
    squared_distances(x).map(f64::sqrt)
}

/// Squared distance of two patterns of one length.
pub fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::super::matrix::testing::random;
    use super::*;

    fn agree(x: &Matrix, within: f64) {
        let found = squared_distances(x);
        for i in 0..x.rows() {
            for j in 0..x.rows() {
                let expected = squared_distance(x.row(i), x.row(j));
                assert!((found.at(i, j) - expected).abs() <= within * expected, "{i} {j}");
            }
        }
        assert_eq!(found, found.transposed());
    }

    #[test]
    fn products_and_differences_agree() {
        for (rows, columns) in [(1, 40), (5, 3), (9, 32), (40, 700), (70, 5000)] {
            agree(&random(rows, columns), 1e-12);
        }
    }

    #[test]
    fn neither_far_means_nor_near_rows_cost_digits() {
        let x = random(12, 300);
        agree(&x.map(|entry| entry + 1e6), 1e-11);
        // Rows 0 and 1 differ by little, rows 2 and 3 not at all.
        let near = Matrix::from_fn(12, 300, |i, j| match i {
            1 => x.at(0, j) + 1e-6 * x.at(5, j),
            3 => x.at(2, j),
            _ => x.at(i, j),
        });
        agree(&near, 1e-11);
        assert_eq!(squared_distances(&near).at(3, 2), 0.0);
    }

    #[test]
    fn rows_that_are_not_finite_spoil_no_other() {
        let x = random(5, 100);
        let spoilt = Matrix::from_fn(5, 100, |i, j| if (i, j) == (2, 7) { f64::NAN } else { x.at(i, j) });
        let (found, expected) = (squared_distances(&spoilt), squared_distances(&x));
        assert!(found.at(2, 0).is_nan() && (found.at(4, 1) - expected.at(4, 1)).abs() < 1e-10);
    }
}
