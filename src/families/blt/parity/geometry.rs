//! Kind `rdm_mds_dprime`: dissimilarities, their comparison and embedding, selectivity, components.

use std::ops::RangeInclusive;

use serde::Deserialize;

use crate::analysis::matrix::Matrix;
use crate::analysis::mds::{SmacofOptions, path_length, smacof};
use crate::analysis::pca::pca;
use crate::analysis::rdm::{Comparison, Dissimilarity, Rdm, angles, compare_all};
use crate::analysis::selectivity::{d_prime, standardised_units};
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed};

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let keys: Vec<String> = inputs.parameter("keys")?;
    let mut recomputed = Recomputed::new();
    let features: Vec<Matrix> =
        keys.iter().map(|key| given(inputs, &format!("feat.{key}"))).collect::<Result<_>>()?;
    for (kind, name) in [(Dissimilarity::Euclidean, "euclidean"), (Dissimilarity::Correlation, "correlation")]
    {
        let rdms: Vec<Rdm> =
            features.iter().map(|features| Rdm::of(features, kind)).collect::<Result<_>>()?;
        for (key, rdm) in keys.iter().zip(&rdms) {
            recomputed.insert(format!("rdm.{name}.{key}"), array(&rdm.matrix())?);
        }
        for comparison in Comparison::ALL {
            let name = format!("rdm2.{name}.{}", comparison.name());
            recomputed.insert(name, array(&compare_all(&rdms, comparison)?)?);
        }
        if kind == Dissimilarity::Euclidean {
            recomputed.insert("mds.D", array(&angles(&rdms)?)?);
        }
    }
    scaling(inputs, &keys, &mut recomputed)?;
    selectivity(inputs, &mut recomputed)?;
    components(inputs, &mut recomputed)?;
    Ok(recomputed)
}

/// A given table of rows.
pub(super) fn given(inputs: &GoldenInputs, name: &str) -> Result<Matrix> {
    let array = inputs.array(name)?;
    match *array.dims() {
        [rows, columns] => Matrix::new(rows, columns, array.to_f64()),
        ref dims => Err(Error::shape(name, "[rows, columns]", dims)),
    }
}

pub(super) fn array(matrix: &Matrix) -> Result<Array> {
    Array::f64(&[matrix.rows(), matrix.columns()], matrix.entries().to_vec())
}

/// From the stored distances and starts, because both decide where the points end.
fn scaling(inputs: &GoldenInputs, keys: &[String], recomputed: &mut Recomputed) -> Result<()> {
    #[derive(Deserialize)]
    struct Settings {
        eps: f64,
        max_iter: usize,
        path_layer: String,
    }
    let settings: Settings = inputs.parameter("mds")?;
    let distances = given(inputs, "mds.D")?;
    let layer: Vec<usize> =
        (0..keys.len()).filter(|&row| keys[row].starts_with(&format!("{}_t", settings.path_layer))).collect();
    let starts = inputs.names().filter_map(|name| name.strip_prefix("mds.init"));
    for dimensions in starts.map(str::to_owned).collect::<Vec<_>>() {
        let start = given(inputs, &format!("mds.init{dimensions}"))?;
        let run = |max_iterations| {
            smacof(&distances, &start, &SmacofOptions { max_iterations, tolerance: settings.eps })
        };
        for after in [1, 5] {
            recomputed.insert(format!("mds.after{after}.dim{dimensions}"), array(&run(after)?.points)?);
        }
        let last = run(settings.max_iter)?;
        let name = |what: &str| format!("mds.{what}.dim{dimensions}");
        recomputed.insert(name("final"), array(&last.points)?);
        recomputed.insert(name("final_stress1"), Array::f64(&[1], vec![last.stress])?);
        recomputed.insert(name("n_iter"), Array::i64(&[1], vec![last.iterations as i64])?);
        let path = path_length(&last.points, &layer);
        recomputed.insert(name("layer0_path_total_avg"), Array::f64(&[2], path.to_vec())?);
    }
    Ok(())
}

fn selectivity(inputs: &GoldenInputs, recomputed: &mut Recomputed) -> Result<()> {
    #[derive(Deserialize)]
    struct Settings {
        /// `feat.output_1_t0..t4`.
        features: String,
        threshold: f64,
        /// The last word names the features of one step.
        laststep: String,
    }
    let settings: Settings = inputs.parameter("dprime")?;
    let labels = inputs.array("labels")?.to_f64();
    let is_face: Vec<bool> = labels.iter().map(|&label| label == 0.0).collect();
    let flags = is_face.iter().map(|&face| i64::from(face)).collect();
    recomputed.insert("dprime.is_face", Array::i64(&[is_face.len()], flags)?);

    let (stem, steps) = steps_of(&settings.features)?;
    let responses: Vec<Matrix> =
        steps.map(|t| Ok(given(inputs, &format!("{stem}{t}"))?.transposed())).collect::<Result<_>>()?;
    let (n_units, n_images) = (responses[0].rows(), responses[0].columns());
    let share = 1.0 / responses.len() as f64;
    let zero = Matrix::zeros(n_units, n_images);
    let mean = responses.iter().fold(zero, |sum, responses| sum.plus(responses)).scaled(share);
    let values = d_prime(&mean, &is_face)?;
    let cells: Vec<usize> = (0..n_units).filter(|&unit| values[unit] > settings.threshold).collect();
    let of_cells: Vec<f64> =
        responses.iter().flat_map(|step| cells.iter().flat_map(|&unit| step.row(unit).to_vec())).collect();
    recomputed.insert("dprime.output_1", Array::f64(&[n_units], values)?);
    let dims = [responses.len(), cells.len(), n_images];
    recomputed.insert("dprime.face_cell_resp", Array::f64(&dims, of_cells)?);
    let cells: Vec<i64> = cells.into_iter().map(|unit| unit as i64).collect();
    recomputed.insert("dprime.selected_units", Array::i64(&[cells.len()], cells)?);

    let last = settings.laststep.rsplit(' ').next().unwrap_or_default();
    let (standardised, _) = standardised_units(&given(inputs, last)?.transposed());
    let values = d_prime(&standardised, &is_face)?;
    recomputed.insert("dprime.notebook_laststep", Array::f64(&[values.len()], values)?);
    Ok(())
}

/// `a_t0..t4` as `a_t` and 0 to 4.
fn steps_of(text: &str) -> Result<(String, RangeInclusive<usize>)> {
    let parts = text.split_once("..t").and_then(|(first, last)| {
        let (stem, from) = first.rsplit_once("_t")?;
        Some((format!("{stem}_t"), from.parse().ok()?..=last.parse().ok()?))
    });
    parts.ok_or_else(|| Error::config("dprime features", "like feat.output_1_t0..t4", text))
}

fn components(inputs: &GoldenInputs, recomputed: &mut Recomputed) -> Result<()> {
    #[derive(Deserialize)]
    struct Settings {
        features: String,
        components: usize,
    }
    let settings: Settings = inputs.parameter("pca")?;
    let found = pca(&given(inputs, &settings.features)?, settings.components)?;
    recomputed.insert("pca.components", array(&found.components)?);
    recomputed.insert("pca.scores", array(&found.scores)?);
    recomputed.insert("pca.explained_variance_ratio", Array::f64(&[found.explained.len()], found.explained)?);
    Ok(())
}
