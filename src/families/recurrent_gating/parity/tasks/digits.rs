//! Kinds `compose_mnist_tasks` and `compose_mnist_extra`.

use super::reader::{Reader, finished, insert_trial, stacked};
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::stimulus::{Digits, Image, Split, fixation_candidates, idx::load_digits};
use crate::task::recurrent_gating::{
    Arrow, ArrowShapes, ArrowThenDigits, Cue, Ior, Lattice, Popout, Recognition, Search, Stripes, Tracking,
    arrow::ArrowDraws,
    arrow::arrow_towards,
    cue::CueDraws,
    patterned::{LatticeDraws, StripesDraws},
    popout::PopoutDraws,
    recognition::{Drift, RecognitionDraws, background_noise, occluder_texture},
    scene::Scattered,
    search::SearchDraws,
    stretched_mask,
    tracking::{Path, TrackingDraws},
    with_noise,
};

/// Digits and arrows that the files were made of.
struct Setting<'a> {
    reader: Reader<'a>,
    digits: Digits,
    arrows: ArrowShapes,
    n_classes: usize,
}

impl<'a> Setting<'a> {
    fn open(inputs: &'a GoldenInputs) -> Result<Self> {
        let reader = Reader::new(inputs)?;
        let n_classes = reader.params().count("n_classes", 10);
        let digits = load_digits(&inputs.data_folder("mnist")?, Split::Test)?;
        let arrows = ArrowShapes::read(&inputs.data_folder("brg/arrows")?)?;
        Ok(Self { reader, digits, arrows, n_classes })
    }

    fn scattered(&self, item: &str) -> Result<Scattered> {
        Ok(Scattered {
            sources: self.reader.indices(&format!("{item}.source_index"))?,
            warps: self.reader.warps(&format!("{item}.affine_deg_tx_ty_scale"))?,
            colours: self.reader.colours(&format!("{item}.rgb_raw"))?,
            background: self.reader.colour(&format!("{item}.bg_raw"))?,
        })
    }

    fn arrow(&self, item: &str) -> Result<ArrowDraws> {
        Ok(ArrowDraws {
            target: self.reader.index(&format!("{item}.target_index"))?,
            distractors: self.reader.indices(&format!("{item}.distractor_index"))?,
            position: self.reader.index(&format!("{item}.position_t"))?,
            colours: self.reader.colours(&format!("{item}.rgbs"))?,
            background: self.reader.colour(&format!("{item}.bg_raw"))?,
        })
    }
}

pub(in super::super) fn compose_mnist_tasks(inputs: &GoldenInputs) -> Result<Recomputed> {
    let setting = Setting::open(inputs)?;
    let mut recomputed = Recomputed::new();
    for item in setting.reader.items() {
        compose(&setting, &item, &mut recomputed)?;
    }
    Ok(recomputed)
}

fn compose(setting: &Setting<'_>, item: &str, recomputed: &mut Recomputed) -> Result<()> {
    let Setting { reader, digits, arrows, n_classes } = setting;
    let (settings, name) = (reader.settings(item), |suffix: &str| format!("{item}.{suffix}"));
    let trial = match item {
        "ior" => {
            let default = Ior::default();
            let task = Ior {
                n_digits: settings.count("n_digits", default.n_digits),
                n_attend: settings.count("n_attend", default.n_attend),
                ..default
            };
            task.compose(digits, &setting.scattered(item)?)?
        }
        "arrow" => {
            let draws = setting.arrow(item)?;
            let cell = arrow_towards(arrows, draws.position)?;
            recomputed.insert(name("arrow_mask"), Array::f32(&cell.shape(), cell.data().to_vec())?);
            Arrow { timesteps: settings.count("T", 3) }.compose(digits, arrows, &draws)?
        }
        "cue" => {
            let [n_fixate, n_attend] = settings.counts("T", [2, 3])?;
            let n_digits = settings.count("n_digits", 4);
            let task = Cue { n_digits, n_fixate, n_attend, ..Cue::default() };
            let draws = CueDraws {
                scattered: setting.scattered(item)?,
                target: reader.index(&name("target_id"))?,
                dot: reader.some_indices(&name("fix_centre_ij"))?,
                second: None,
            };
            let trial = task.compose(digits, &draws)?;
            let (places, slack) = fixation_candidates(&trial.components[draws.target]);
            let flat: Vec<i64> = places.iter().flatten().map(|&at| at as i64).collect();
            recomputed.insert(name("fix_candidates_ij"), Array::i64(&[places.len(), 2], flat)?);
            recomputed.insert(name("fix_slack_s"), Array::i64(&[], vec![slack as i64])?);
            trial
        }
        "tracking" => tracking(setting, item)?,
        "search" => {
            let default = Search::default();
            let task = Search {
                n_digits: settings.count("n_digits", default.n_digits),
                timesteps: settings.count("T", default.timesteps),
                ..default
            };
            let target = reader.index(&name("target_id"))?;
            task.compose(digits, &SearchDraws { scattered: setting.scattered(item)?, target })?
        }
        "popout" => {
            let [odd, repeated] = reader.some_indices(&name("source_index"))?;
            let colours = reader.colours(&name("rgbs"))?;
            let n = colours.len();
            let draws = PopoutDraws {
                odd,
                repeated,
                position: reader.index(&name("position_t"))?,
                colours: colours.try_into().map_err(|_other| Error::shape(name("rgbs"), [2, 3], &[n, 3]))?,
                background: reader.colour(&name("bg_raw"))?,
            };
            Popout { timesteps: settings.count("T", 2) }.compose(digits, &draws)?
        }
        "patterned" => {
            let draws = LatticeDraws {
                source: reader.index(&name("source_index"))?,
                warp: reader.warp(&name("affine_deg_tx_ty_scale"))?,
                digit: reader.colour(&name("digit_color_raw"))?,
                background: reader.colour(&name("background_color_raw"))?,
            };
            Lattice { timesteps: settings.count("T", 3) }.compose(digits, &draws)?
        }
        "line" => {
            let draws = StripesDraws {
                source: reader.index(&name("source_index"))?,
                colour: reader.colour(&name("color"))?,
                vertical_ground: reader.indices(&name("perm"))?.first() == Some(&1),
                corner: reader.some_indices(&name("top_left"))?,
            };
            Stripes { timesteps: settings.count("T", 3) }.compose(digits, &draws)?
        }
        item if item.starts_with("rec") => recognition(setting, item, recomputed)?,
        other => {
            return Err(Error::unknown(
                "digit task",
                other,
                ["ior", "arrow", "cue", "tracking", "rec", "search", "popout", "patterned", "line"],
            ));
        }
    };
    insert_trial(recomputed, reader.inputs, item, &finished(trial), *n_classes)
}

fn tracking(setting: &Setting<'_>, item: &str) -> Result<crate::task::recurrent_gating::Trial> {
    let Setting { reader, digits, .. } = setting;
    let (settings, name) = (reader.settings(item), |suffix: &str| format!("{item}.{suffix}"));
    let [n_fixate, n_attend] = settings.counts("T", [2, 5])?;
    let ends = reader.indices(&name("start_end_ij"))?;
    let controls = reader.numbers(&name("bezier_mid_control"))?;
    let paths = ends.as_chunks::<4>().0.iter().zip(controls.as_chunks::<2>().0);
    let draws = TrackingDraws {
        sources: reader.indices(&name("source_index"))?,
        paths: paths.map(|(&[a, b, c, d], &control)| Path { start: [a, b], control, end: [c, d] }).collect(),
        colours: reader.colours(&name("rgb_raw"))?,
        background: reader.colour(&name("bg_raw"))?,
    };
    let task = Tracking { n_digits: settings.count("n_digits", 4), n_fixate, n_attend };
    task.compose(digits, &draws)
}

fn recognition(
    setting: &Setting<'_>,
    item: &str,
    recomputed: &mut Recomputed,
) -> Result<crate::task::recurrent_gating::Trial> {
    let Setting { reader, digits, .. } = setting;
    let (settings, name) = (reader.settings(item), |suffix: &str| format!("{item}.{suffix}"));
    let default = Recognition::default();
    let task = Recognition {
        timesteps: settings.count("T", default.timesteps),
        stride: settings.count("stride", default.stride),
        blank: settings.flag("blank"),
        still: settings.flag("static"),
        hard: settings.flag("hard"),
        ..default
    };
    let drift = |pair: &[usize]| Drift { stride: pair[0], backwards: pair[1] == 1 };
    let (background_drift, occluder_drift) = match task.still {
        true => (None, drift(&reader.some_indices::<2>(&name("fg_stride_dir"))?)),
        false => {
            let both: [usize; 4] = reader.some_indices(&name("bg_stride_dir_fg_stride_dir"))?;
            (Some(drift(&both[..2])), drift(&both[2..]))
        }
    };
    let phases = settings.text("phases_of").unwrap_or(item);
    let abc = reader.floats(&name("abc"))?;
    let n = abc.len();
    let draws = RecognitionDraws {
        source: reader.index(&name("source_index"))?,
        warp: reader.warp(&name("affine_deg_tx_ty_scale"))?,
        digit: reader.colour(&name("digit_color_raw"))?,
        background: reader.colour(&name("background_color_raw"))?,
        abc: abc.try_into().map_err(|_other| Error::shape(name("abc"), [3], &[n]))?,
        background_phases: reader.floats(&format!("{phases}.bg_phase_u"))?,
        occluder_phases: reader.floats(&format!("{phases}.fg_phase_u"))?,
        background_drift,
        occluder_drift,
    };
    let trial = task.compose(digits, &draws)?;
    let width = task.texture_width();
    let table = |image: Image| Array::f32(&[image.height(), image.width()], image.into_data());
    let noise = background_noise(&draws.background_phases, draws.abc, width);
    // An item that takes the phases of another shares its textures.
    if phases == item {
        recomputed.insert(name("bg_pink_cos"), table(noise)?);
        recomputed.insert(name("fg_binary"), table(occluder_texture(&draws.occluder_phases, width))?);
    }
    Ok(trial)
}

pub(in super::super) fn compose_mnist_extra(inputs: &GoldenInputs) -> Result<Recomputed> {
    let setting = Setting::open(inputs)?;
    let reader = &setting.reader;
    let mut recomputed = Recomputed::new();
    for item in reader.items() {
        if item == "noise" {
            let amplitude = reader.number("noise.amplitude_u")? * reader.number("noise.noise")?;
            let uniforms = reader.images("noise.u")?;
            let noisy: Vec<Image> = (reader.images("noise.composites_in")?.iter().zip(&uniforms))
                .map(|(image, u)| with_noise(image, amplitude as f32, u.data()))
                .collect();
            let masks: Vec<Image> = reader.images("noise.masks_in")?.iter().map(stretched_mask).collect();
            recomputed.insert("noise.composites_out", stacked(&noisy)?);
            recomputed.insert("noise.masks_out", stacked(&masks)?);
            continue;
        }
        let task = ArrowThenDigits { timesteps: reader.settings(&item).count("T", 3) };
        let trial = task.compose(&setting.digits, &setting.arrows, &setting.arrow(&item)?)?;
        insert_trial(&mut recomputed, inputs, &item, &finished(trial), setting.n_classes)?;
    }
    Ok(recomputed)
}
