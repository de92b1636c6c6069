//! Kind `compose_shapes`.

use super::reader::{Reader, stacked};
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::stimulus::{Image, image_file::read_picture, pink_noise, rotated_smoothly};
use crate::task::recurrent_gating::scene::Colour;
use crate::task::recurrent_gating::shape_drawings::ShapeDrawings;
use crate::task::recurrent_gating::shapes::{Surface, composed};
use crate::task::recurrent_gating::stretched_mask;

/// Zeros around a drawing before it is enlarged, in the sibling tasks.
const PREPADDED: usize = 18;

pub(in super::super) fn compose_shapes(inputs: &GoldenInputs) -> Result<Recomputed> {
    let reader = Reader::new(inputs)?;
    let drawings = ShapeDrawings::read(&inputs.data_folder("brg/shapes")?)?;
    let mut recomputed = Recomputed::new();
    if inputs.has("fbg.shape_ids") {
        let ids = reader.indices("fbg.shape_ids")?;
        for (name, margin) in [("fbg.shapes_64", 0), ("mm.shapes_64_prepad18", PREPADDED)] {
            let shapes = ids.iter().map(|&shape| drawings.enlarged(shape, margin));
            recomputed.insert(name, stacked(&shapes.collect::<Result<Vec<_>>>()?)?);
        }
    }
    for item in reader.items().iter().filter(|item| inputs.has(&format!("{item}.texture_ids_bg_fg"))) {
        compose(&reader, &drawings, item, &mut recomputed)?;
    }
    if inputs.has("pink.u") {
        pink(&reader, &mut recomputed)?;
    }
    if inputs.has("bo.angles") {
        let (picture, _) = read_picture(&inputs.data_folder("brg/squares")?.join("rsvp.png"))?;
        let blue: Vec<u8> = picture.rgb.iter().copied().skip(2).step_by(3).collect();
        let square = Image::from_grey_bytes(picture.height, picture.width, &blue);
        let angles = reader.numbers("bo.angles")?;
        let turned: Vec<Image> =
            angles.iter().map(|&deg| rotated_smoothly(&square, deg).thinned(2)).collect();
        recomputed.insert("bo.rotated", stacked(&turned)?);
    }
    Ok(recomputed)
}

fn compose(
    reader: &Reader<'_>,
    drawings: &ShapeDrawings,
    item: &str,
    recomputed: &mut Recomputed,
) -> Result<()> {
    let name = |suffix: &str| format!("{item}.{suffix}");
    let labels: [usize; 3] = reader.some_indices(&name("labels"))?;
    let mask = reader.warp(&name("affine_deg_tx_ty_scale"))?.apply(&drawings.on_canvas(labels[0])?);
    let thin = mask.thinned(2);
    let colours = reader.colours(&name("colors_bg_fg"))?;
    let [_, figure_texture] = reader.some_indices(&name("texture_ids_bg_fg"))?;
    let surface = |k: usize, texture: &str| -> Result<Surface> {
        let colour = colours.get(k).copied();
        let colour = colour.ok_or_else(|| Error::shape(name("colors_bg_fg"), [2, 3], &[colours.len(), 3]))?;
        Ok(Surface { texture: reader.image(&name(texture))?, colour })
    };
    let (ground, figure) = (surface(0, "bg_texture_s2")?, surface(1, "fg_texture_s2")?);
    let frame = composed(&thin, Some(&figure), Some(&ground))?.map(|value| value.clamp(0.0, 1.0));
    recomputed.insert(name("composites_s2"), stacked(&[frame])?);
    recomputed.insert(name("masks_s2"), stacked(&[stretched_mask(&thin)])?);
    let labels = [labels[0] as i64, nearest_colour(figure.colour), figure_texture as i64];
    recomputed.insert(name("labels"), Array::i64(&[1, 3], labels.to_vec())?);
    Ok(())
}

/// The class of a disturbed colour.
fn nearest_colour(colour: Colour) -> i64 {
    let distance = |other: &Colour| -> f32 { colour.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum() };
    let classes = crate::task::recurrent_gating::shapes::COLOURS.iter().enumerate();
    let nearest = classes.min_by(|(_, (_, a)), (_, (_, b))| distance(a).total_cmp(&distance(b)));
    nearest.map_or(0, |(class, _)| class as i64)
}

fn pink(reader: &Reader<'_>, recomputed: &mut Recomputed) -> Result<()> {
    let settings = reader.settings("pink");
    let uniforms = reader.image("pink.u")?;
    let (height, width) = (uniforms.height(), uniforms.width());
    let (exponent, amplitude) = (settings.number("c", 2.5), settings.number("a", 0.5));
    let noise = pink_noise(uniforms.data(), height, width, exponent, amplitude);
    let values = match settings.text("fun") {
        Some("cos") => noise.map(f32::cos),
        None => noise,
        Some(other) => return Err(Error::unknown("function of pink noise", other, ["cos"])),
    };
    let names: Vec<String> =
        reader.inputs.output_names().filter(|name| name.starts_with("pink.out")).map(str::to_owned).collect();
    for name in names {
        recomputed.insert(name, Array::f32(&[height, width], values.data().to_vec())?);
    }
    Ok(())
}
