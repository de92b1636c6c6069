//! Kind `compose_stl`.

use super::reader::{Reader, finished, insert_trial};
use super::recorded::Recorded;
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::stimulus::{gaussian_patch, tile_window};
use crate::task::recurrent_gating::tiles::{
    BrokenDraws, CuedTilesDraws, GAP, SearchTilesDraws, TileSet, unchanged,
};

pub(in super::super) fn compose_stl(inputs: &GoldenInputs) -> Result<Recomputed> {
    let reader = Reader::new(inputs)?;
    let n_classes = reader.params().count("n_classes", 10);
    let images = reader.images("images")?;
    let labels = (0..images.len()).map(|k| (k % n_classes.max(1)) as u32).collect();
    let tiles = TileSet::new(images, labels)?;
    let mut recomputed = Recomputed::new();
    for item in reader.items().iter().filter(|item| inputs.has(&format!("{item}.target_index"))) {
        let name = |suffix: &str| format!("{item}.{suffix}");
        let settings = reader.settings(item);
        let is_test = settings.text("mode") == Some("test");
        let target = reader.index(&name("target_index"))?;
        let mut recorded = Recorded::of(reader.numbers(&name("randint_sequence"))?)
            .with_permutation(reader.indices(&name("perm"))?);
        let trial = match item.split('_').next().unwrap_or_default() {
            "broken" => {
                let gap = if is_test { 0 } else { GAP };
                BrokenDraws::draw(&tiles, target, gap, &mut recorded)?.compose(
                    &tiles,
                    settings.count("T", 1),
                    false,
                    &mut unchanged,
                )?
            }
            "cued" => CuedTilesDraws::draw(&tiles, target, is_test, &mut recorded)?.compose(
                &tiles,
                settings.counts("T", [2, 1])?,
                &mut unchanged,
            )?,
            "search" => SearchTilesDraws::draw(&tiles, target, is_test, &mut recorded)?.compose(
                &tiles,
                settings.count("T", 2),
                &mut unchanged,
            )?,
            other => return Err(Error::unknown("tile task", other, ["broken", "cued", "search"])),
        };
        insert_trial(&mut recomputed, inputs, item, &finished(trial), n_classes)?;
    }
    let outputs: Vec<String> = inputs.output_names().map(str::to_owned).collect();
    for name in outputs {
        let settings = reader.settings(&name);
        let size = settings.count("size", 48);
        if name.starts_with("gaussian_patch") {
            let patch = gaussian_patch(size, size, settings.number("sigma", 5.0));
            recomputed.insert(name, Array::f32(&[size, size], patch.into_data())?);
        } else if name.starts_with("blur_edges") {
            let tiles = settings.count("tiles", 3);
            let window = tile_window(size, size, [tiles; 2], settings.number("s", 8.0));
            let rows = settings.0.get("rows").and_then(serde_json::Value::as_array);
            let rows: Vec<usize> = match rows {
                Some(rows) => {
                    let rows = rows.iter().filter_map(serde_json::Value::as_u64).map(|row| row as usize);
                    rows.filter(|&row| row < size).collect()
                }
                None => (0..size).collect(),
            };
            let values = rows.iter().flat_map(|row| window.data()[row * size..][..size].to_vec()).collect();
            recomputed.insert(name, Array::f32(&[rows.len(), size], values)?);
        }
    }
    Ok(recomputed)
}
