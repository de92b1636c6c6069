//! The recurrent-gating tasks from recorded draws.

use std::path::Path;

use gainfield::{
    stimulus::{Affine, Digits, Image, Split, fixation_candidates, idx::load_digits},
    task::recurrent_gating::{
        Arrow, ArrowShapes, ArrowThenDigits, Cue, Ior, Lattice, Popout, Recognition, Search, Stripes, Timed,
        Tracking, Trial,
        arrow::ArrowDraws,
        cue::CueDraws,
        patterned::{LatticeDraws, StripesDraws},
        popout::PopoutDraws,
        recognition::{Drift, RecognitionDraws, background_noise, occluder_texture},
        scene::{Colour, Scattered},
        search::SearchDraws,
        stretched_mask,
        tracking::{Path as DigitPath, TrackingDraws},
        with_noise,
    },
};

use crate::support::{Golden, assert_close, shared};

/// Everything that the stored trials were composed of.
struct Setting {
    golden: Golden,
    digits: Digits,
    arrows: ArrowShapes,
}

fn setting(file: &str) -> Option<Setting> {
    let golden = Golden::read(&shared(&format!("golden/brg_tasks/{file}"))?);
    let digits = load_digits(&shared("data/mnist")?, Split::Test).unwrap();
    let arrows = ArrowShapes::read(&shared("data/brg/arrows")?).unwrap();
    Some(Setting { golden, digits, arrows })
}

fn tasks() -> Option<Setting> {
    setting("mnist_tasks.safetensors")
}

impl Golden {
    fn index(&self, name: &str) -> usize {
        self.indices(name)[0]
    }

    fn colour(&self, name: &str) -> Colour {
        self.f32(name).try_into().unwrap()
    }

    fn colours(&self, name: &str) -> Vec<Colour> {
        self.f32(name).as_chunks::<3>().0.to_vec()
    }

    fn warps(&self, name: &str) -> Vec<Affine> {
        let stored = self.f32(name);
        let warps = stored.as_chunks::<4>().0.iter().map(|&row| row.map(f64::from));
        warps.map(|[deg, tx, ty, scale]| Affine { deg, tx, ty, scale }).collect()
    }

    fn scattered(&self, task: &str) -> Scattered {
        Scattered {
            sources: self.indices(&format!("{task}.source_index")),
            warps: self.warps(&format!("{task}.affine_deg_tx_ty_scale")),
            colours: self.colours(&format!("{task}.rgb_raw")),
            background: self.colour(&format!("{task}.bg_raw")),
        }
    }

    /// Compares frames and masks, whole or thinned as they are stored, and labels and time courses.
    fn check(&self, task: &str, trial: &mut Trial) {
        trial.finish(0.0, &mut gainfield::rng::stream(0, "unused", &[]));
        let joined = |timed: &Timed, step: usize| -> Vec<f32> {
            timed.distinct.iter().flat_map(|image| image.thinned(step).into_data()).collect()
        };
        let whole = format!("{task}.frames");
        let (name, step) = if self.has(&whole) { (whole, 1) } else { (format!("{whole}_s2"), 2) };
        assert_close(&name, &joined(&trial.frames, step), &self.f32(&name), 1e-5, 0.999);
        assert_eq!(trial.frames.index, self.indices(&format!("{task}.frame_index")), "{task}");
        for (suffix, step, halved) in [("masks", 1, false), ("masks_s2", 2, false), ("masks01_u8", 1, true)] {
            let name = format!("{task}.{suffix}");
            if self.has(&name) {
                let mut found = joined(&trial.masks, step);
                if halved {
                    found.iter_mut().for_each(|value| *value = (*value + 1.0) / 2.0);
                }
                assert_close(&name, &found, &self.f32(&name), 1e-5, 0.999);
            }
        }
        if self.has(&format!("{task}.mask_index")) {
            assert_eq!(trial.masks.index, self.indices(&format!("{task}.mask_index")), "{task}");
        }
        if self.has(&format!("{task}.labels")) {
            let labels: Vec<i64> = trial.labels.iter().map(|&label| i64::from(label)).collect();
            assert_eq!(labels, self.integers(&format!("{task}.labels")), "{task}");
        }
        if self.has(&format!("{task}.components")) {
            let name = format!("{task}.components");
            let parts: Vec<f32> = trial.components.iter().flat_map(|part| part.data().to_vec()).collect();
            assert_close(&name, &parts, &self.f32(&name), 1e-5, 0.999);
        }
    }
}

#[test]
fn inhibition_of_return() {
    let Some(Setting { golden, digits, .. }) = tasks() else { return };
    let mut trial = Ior::default().compose(&digits, &golden.scattered("ior")).unwrap();
    golden.check("ior", &mut trial);
}

#[test]
fn arrow() {
    let Some(Setting { golden, digits, arrows }) = tasks() else { return };
    let draws = arrow_draws(&golden, "arrow");
    golden.check("arrow", &mut Arrow::default().compose(&digits, &arrows, &draws).unwrap());
    let pointing = [5, 0, 4, 2, 1, 7, 3, 6][draws.position];
    assert_eq!(arrows.cell(pointing).data(), golden.f32("arrow.arrow_mask"));
}

fn arrow_draws(golden: &Golden, task: &str) -> ArrowDraws {
    ArrowDraws {
        target: golden.index(&format!("{task}.target_index")),
        distractors: golden.indices(&format!("{task}.distractor_index")),
        position: golden.index(&format!("{task}.position_t")),
        colours: golden.colours(&format!("{task}.rgbs")),
        background: golden.colour(&format!("{task}.bg_raw")),
    }
}

#[test]
fn cueing() {
    let Some(Setting { golden, digits, .. }) = tasks() else { return };
    let dot = golden.indices("cue.fix_centre_ij");
    let draws = CueDraws {
        scattered: golden.scattered("cue"),
        target: golden.index("cue.target_id"),
        dot: [dot[0], dot[1]],
        second: None,
    };
    let mut trial = Cue::default().compose(&digits, &draws).unwrap();
    golden.check("cue", &mut trial);
    let (places, slack) = fixation_candidates(&trial.components[draws.target]);
    assert_eq!(places.concat(), golden.indices("cue.fix_candidates_ij"));
    assert_eq!(slack, golden.index("cue.fix_slack_s"));
}

#[test]
fn tracking() {
    let Some(Setting { golden, digits, .. }) = tasks() else { return };
    let (ends, controls) =
        (golden.indices("tracking.start_end_ij"), golden.f32("tracking.bezier_mid_control"));
    let paths = ends.chunks(4).zip(controls.chunks(2)).map(|(ends, control)| DigitPath {
        start: [ends[0], ends[1]],
        control: [f64::from(control[0]), f64::from(control[1])],
        end: [ends[2], ends[3]],
    });
    let draws = TrackingDraws {
        sources: golden.indices("tracking.source_index"),
        paths: paths.collect(),
        colours: golden.colours("tracking.rgb_raw"),
        background: golden.colour("tracking.bg_raw"),
    };
    golden.check("tracking", &mut Tracking::default().compose(&digits, &draws).unwrap());
}

fn recognition_draws(golden: &Golden, task: &str, drifts: (Option<Drift>, Drift)) -> RecognitionDraws {
    RecognitionDraws {
        source: golden.index(&format!("{task}.source_index")),
        warp: golden.warps(&format!("{task}.affine_deg_tx_ty_scale"))[0],
        digit: golden.colour(&format!("{task}.digit_color_raw")),
        background: golden.colour(&format!("{task}.background_color_raw")),
        abc: golden.f32(&format!("{task}.abc")).try_into().unwrap(),
        background_phases: golden.f32("rec.bg_phase_u"),
        occluder_phases: golden.f32("rec.fg_phase_u"),
        background_drift: drifts.0,
        occluder_drift: drifts.1,
    }
}

#[test]
fn recognition_in_clutter() {
    let Some(Setting { golden, digits, .. }) = tasks() else { return };
    let drift = |pair: &[usize]| Drift { stride: pair[0], backwards: pair[1] == 1 };
    let moving = golden.indices("rec.bg_stride_dir_fg_stride_dir");
    let draws = recognition_draws(&golden, "rec", (Some(drift(&moving[..2])), drift(&moving[2..])));
    golden.check("rec", &mut Recognition::default().compose(&digits, &draws).unwrap());
    let noise = background_noise(&draws.background_phases, draws.abc, 144);
    assert_close("rec.bg_pink_cos", noise.data(), &golden.f32("rec.bg_pink_cos"), 1e-5, 1.0);
    let occluder = occluder_texture(&draws.occluder_phases, 144);
    assert_close("rec.fg_binary", occluder.data(), &golden.f32("rec.fg_binary"), 1e-5, 0.999);

    let still = drift(&golden.indices("rec_static_blank.fg_stride_dir"));
    let draws = recognition_draws(&golden, "rec_static_blank", (None, still));
    let task = Recognition { blank: true, still: true, ..Recognition::default() };
    golden.check("rec_static_blank", &mut task.compose(&digits, &draws).unwrap());
}

#[test]
fn search() {
    let Some(Setting { golden, digits, .. }) = tasks() else { return };
    let draws =
        SearchDraws { scattered: golden.scattered("search"), target: golden.index("search.target_id") };
    let mut trial = Search::default().compose(&digits, &draws).unwrap();
    golden.check("search", &mut trial);
    let prompt = trial.prompt.unwrap() as usize;
    let stored = golden.f32("search.hot_labels");
    assert!(stored.chunks(10).all(|row| row.iter().position(|&v| v == 1.0) == Some(prompt)));
}

#[test]
fn pop_out() {
    let Some(Setting { golden, digits, .. }) = tasks() else { return };
    let sources = golden.indices("popout.source_index");
    let draws = PopoutDraws {
        odd: sources[0],
        repeated: sources[1],
        position: golden.index("popout.position_t"),
        colours: golden.colours("popout.rgbs").try_into().unwrap(),
        background: golden.colour("popout.bg_raw"),
    };
    golden.check("popout", &mut Popout::default().compose(&digits, &draws).unwrap());
}

#[test]
fn lattice_and_stripes() {
    let Some(Setting { golden, digits, .. }) = tasks() else { return };
    let draws = LatticeDraws {
        source: golden.index("patterned.source_index"),
        warp: golden.warps("patterned.affine_deg_tx_ty_scale")[0],
        digit: golden.colour("patterned.digit_color_raw"),
        background: golden.colour("patterned.background_color_raw"),
    };
    golden.check("patterned", &mut Lattice::default().compose(&digits, &draws).unwrap());
    let corner = golden.indices("line.top_left");
    let draws = StripesDraws {
        source: golden.index("line.source_index"),
        colour: golden.colour("line.color"),
        vertical_ground: golden.indices("line.perm")[0] == 1,
        corner: [corner[0], corner[1]],
    };
    golden.check("line", &mut Stripes::default().compose(&digits, &draws).unwrap());
}

#[test]
fn arrow_before_digits() {
    let Some(Setting { golden, digits, arrows }) = setting("mnist_extra.safetensors") else { return };
    let draws = arrow_draws(&golden, "arrowcur");
    golden.check("arrowcur", &mut ArrowThenDigits::default().compose(&digits, &arrows, &draws).unwrap());
}

#[test]
fn the_last_step_of_every_composer() {
    let Some(path) = shared("golden/brg_tasks/mnist_extra.safetensors") else { return };
    let golden = Golden::read(Path::new(&path));
    let amplitude = golden.f32("noise.amplitude_u")[0] * golden.f32("noise.noise")[0];
    let whole = |name: &str, channels: usize| Image::new(2 * channels, 12, 12, golden.f32(name)).unwrap();
    let noisy = with_noise(&whole("noise.composites_in", 3), amplitude, &golden.f32("noise.u"));
    assert_close("noise.composites_out", noisy.data(), &golden.f32("noise.composites_out"), 1e-5, 1.0);
    let masks = stretched_mask(&whole("noise.masks_in", 1));
    assert_close("noise.masks_out", masks.data(), &golden.f32("noise.masks_out"), 1e-5, 1.0);
}
