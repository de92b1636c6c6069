//! Kind `compose_coco`.

use super::reader::{Reader, finished, insert_trial, whole};
use super::recorded::Recorded;
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::stimulus::{centre_of_mass, square_dot};
use crate::task::recurrent_gating::Mode;
use crate::task::recurrent_gating::animals::{
    AnimalGrid, AnimalGrouping, AnimalRecognition, AnimalSearch, Backgrounds, DOT_MARGIN, Instance,
};

/// The published drift of backgrounds; the files store what was drawn.
const STRIDE: i64 = 64;

pub(in super::super) fn compose_coco(inputs: &GoldenInputs) -> Result<Recomputed> {
    let reader = Reader::new(inputs)?;
    let params = reader.params();
    let (side, n_classes) = (params.count("canvas", 256), params.count("n_classes", 10));
    let mut instances = Vec::new();
    while inputs.has(&format!("image{}", instances.len())) {
        let k = instances.len();
        let bbox = reader.numbers(&format!("bbox{k}"))?;
        let n = bbox.len();
        instances.push(Instance {
            image: reader.image(&format!("image{k}"))?,
            mask: reader.image(&format!("mask{k}"))?,
            bbox: bbox.try_into().map_err(|_other| Error::shape("bounding box", [4], &[n]))?,
            class: k as u32,
        });
    }
    let backgrounds = if inputs.has("background") { reader.images("background")? } else { Vec::new() };
    let backgrounds = Backgrounds::of_images(backgrounds);
    let at = |index: usize| {
        let instance = instances.get(index);
        instance
            .ok_or_else(|| Error::config("index of an image", format!("below {}", instances.len()), index))
    };
    let mut recomputed = Recomputed::new();
    for item in reader.items().iter().filter(|item| inputs.has(&format!("{item}.index"))) {
        let name = |suffix: &str| format!("{item}.{suffix}");
        let settings = reader.settings(item);
        let instance = at(reader.index(&name("index"))?)?;
        let mut recorded = Recorded::of(reader.numbers(&name("randint_sequence"))?);
        let mut python = match inputs.has(&name("pyrand_sequence")) {
            true => reader.numbers(&name("pyrand_sequence"))?.into(),
            false => std::collections::VecDeque::new(),
        };
        let timesteps = settings.count("T", 3);
        let trial = match item.as_str() {
            "grouping" => {
                recorded.uniforms = Some(python);
                let [n_fixate, n_attend] = settings.counts("frames", [2, 2])?;
                let task = AnimalGrouping { n_fixate, n_attend, natural: false, side };
                task.compose(instance, Mode::Test, &mut recorded)?
            }
            "search" => {
                recorded.uniforms = Some(python);
                AnimalSearch { timesteps, side }.compose(instance, Mode::Test, &mut recorded)?
            }
            "recognition" => {
                let warp = reader.warp(&name("affine_deg_tx_ty_scale"));
                recorded.uniforms = Some(warp.iter().map(|warp| (warp.scale - 0.5) / 0.5).collect());
                let largest = python.iter().skip(1).take(2).copied().fold(1.0, f64::max) as i64;
                recorded.inclusives = Some(std::mem::take(&mut python));
                let task = AnimalRecognition {
                    timesteps,
                    stride: STRIDE.max(largest) as usize,
                    still: settings.flag("static"),
                    blank: settings.flag("blank"),
                    side,
                };
                task.compose(instance, &backgrounds, Mode::Test, &mut recorded)?
            }
            "searchgrid" => {
                let others = reader.indices(&name("sample"))?.into_iter().map(at);
                let others: Vec<Instance> = others.map(|other| other.cloned()).collect::<Result<_>>()?;
                let cells = reader.indices(&name("grid_order_pos"))?;
                let task = AnimalGrid { timesteps, side };
                task.compose(instance, &others, &backgrounds, &cells, Mode::Test, &mut recorded)?
            }
            other => {
                let known = ["grouping", "search", "recognition", "searchgrid"];
                return Err(Error::unknown("photograph task", other, known));
            }
        };
        insert_trial(&mut recomputed, inputs, item, &finished(trial), n_classes)?;
    }
    if inputs.stores("centre_of_mass_ij") {
        let centre = centre_of_mass(&reader.image("mask2")?, DOT_MARGIN);
        recomputed.insert("centre_of_mass_ij", whole(centre.map(|at| at as i64))?);
    }
    points(&reader, &mut recomputed)?;
    Ok(recomputed)
}

/// `coord_to_points_kK_ij_I_J`: a dot on a picture of the size of `mask2`.
fn points(reader: &Reader<'_>, recomputed: &mut Recomputed) -> Result<()> {
    let names: Vec<String> = (reader.inputs.output_names())
        .filter(|name| name.starts_with("coord_to_points"))
        .map(str::to_owned)
        .collect();
    for name in names {
        let numbers: Vec<usize> =
            name.split(['_', 'k']).filter_map(|part| part.parse::<usize>().ok()).collect();
        let &[radius, i, j] = numbers.as_slice() else {
            return Err(Error::config("name of a dot", "coord_to_points_kK_ij_I_J", name));
        };
        let mask = reader.image("mask2")?;
        let dot = square_dot(mask.height(), mask.width(), [i, j], radius);
        recomputed.insert(name, Array::u8(&dot.shape(), dot.data().iter().map(|&v| v as u8).collect())?);
    }
    Ok(())
}
