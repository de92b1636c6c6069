//! The published protocol: how many sweeps each task takes, what is scored, the read-out pass.

use std::sync::Arc;

use super::tasks::TaskSpec;
use crate::dynamics::{
    Drive, Frame, Instruction, LabelSet, Pass, Presentation, ProtocolOptions, Schedule, Segment, SegmentKind,
};
use crate::error::Result;

/// Sweeps of a still image where nothing says how many.
const DEFAULT_SWEEPS: usize = 3;

/// The tasks of a network and what follows from them for a run.
#[derive(Clone, Debug)]
pub struct Protocol {
    specs: Vec<TaskSpec>,
    /// Name of each row of the task tables.
    tasks: Vec<String>,
    classes: Vec<String>,
}

impl Protocol {
    /// `specs`, with keys below `n_tasks`, is empty where no `tasks.json` is known.
    pub fn new(specs: &[TaskSpec], n_tasks: usize, n_classes: usize) -> Self {
        let name = |key: usize| {
            let named = specs.iter().find(|spec| spec.key == key);
            named.map_or_else(|| format!("task {key}"), |spec| spec.name.clone())
        };
        let is_known = n_tasks > 1 || !specs.is_empty();
        let tasks = if is_known { (0..n_tasks).map(name).collect() } else { Vec::new() };
        Self { specs: specs.to_vec(), tasks, classes: class_names(specs, n_classes) }
    }

    pub fn tasks(&self) -> &[String] {
        &self.tasks
    }

    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    pub fn specs(&self) -> &[TaskSpec] {
        &self.specs
    }

    /// What is known of the task `key`; the only one where there is no choice.
    pub fn spec(&self, key: Option<usize>) -> Option<&TaskSpec> {
        match key {
            Some(key) if self.tasks.len() > 1 => self.specs.iter().find(|spec| spec.key == key),
            _ if self.tasks.len() <= 1 => self.specs.first(),
            _ => None,
        }
    }

    /// Sweeps over the frames (the last one held, if there are more sweeps), then the read-out pass.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for no frames, no sweeps, or another number of instructions than frames.
    pub fn schedule(&self, presentation: &Presentation, options: &ProtocolOptions) -> Result<Schedule> {
        presentation.check()?;
        let (frames, instructions) = (&presentation.frames, &presentation.instructions);
        let task = instructions.iter().flatten().find_map(|instruction| instruction.task);
        let spec = self.spec(task);
        let published_sweeps = spec.and_then(TaskSpec::n_sweeps);
        let is_held = frames.len() == 1;
        let shown = if is_held { published_sweeps.unwrap_or(DEFAULT_SWEEPS) } else { frames.len() };
        let n = options.n_timesteps(shown)?;
        let has_read_out = spec.is_none_or(TaskSpec::has_read_out);
        let at = |t: usize, pass, index, n_passes| {
            drive(presentation.frame_at(t), presentation.instruction_at(t), pass, index, n_passes)
        };
        let mut drives: Vec<Drive> = (0..n).map(|t| at(t, Pass::Sweep, t, n)).collect();
        let mut segments = presentation.segments.clone();
        if segments.is_empty() {
            segments = self.segments(spec, is_held, n);
        }
        if let Some(spec) = spec {
            segments.extend(scored_segments(&spec.loss.scored_sweeps(n).unwrap_or_default()));
        }
        if has_read_out && !options.without_read_out {
            drives.push(Drive { shown: n - 1, ..at(n - 1, Pass::ReadOut, 0, 1) });
            segments.push(segment(SegmentKind::ReadOut, "read-out", n, n + 1));
        }
        let published = published_sweeps.map(|sweeps| sweeps + usize::from(has_read_out));
        Ok(Schedule { drives, segments, published })
    }

    fn segments(&self, spec: Option<&TaskSpec>, is_held: bool, n: usize) -> Vec<Segment> {
        let stretches: Vec<usize> =
            spec.map(TaskSpec::stretches).unwrap_or_default().into_iter().map(|n| n as usize).collect();
        if is_held || stretches.iter().sum::<usize>() != n {
            return vec![segment(SegmentKind::Stimulus, "stimulus", 0, n)];
        }
        let kinds: &[(SegmentKind, &str)] = match stretches.len() {
            // Noise, cue, noise, stimulus.
            4 => &[
                (SegmentKind::Blank, "noise"),
                (SegmentKind::Cue, "cue"),
                (SegmentKind::Blank, "noise"),
                (SegmentKind::Stimulus, "stimulus"),
            ],
            3 => &[
                (SegmentKind::Cue, "fixation"),
                (SegmentKind::Stimulus, "stimulus"),
                (SegmentKind::Stimulus, "saccade"),
            ],
            _ => &[(SegmentKind::Cue, "cue"), (SegmentKind::Stimulus, "stimulus")],
        };
        let mut from = 0;
        let mut segments = Vec::new();
        for (&length, &(kind, name)) in stretches.iter().zip(kinds) {
            if length > 0 {
                segments.push(segment(kind, name, from, from + length));
            }
            from += length;
        }
        segments
    }

    /// The labels of this sweep's frame; the read-out pass is judged by the last.
    pub fn scored_labels(&self, labels: &LabelSet, drive: &Drive) -> Option<Vec<i64>> {
        let LabelSet::PerTimestep(rows) = labels else { return None };
        let last = rows.last()?;
        match drive.pass {
            Pass::Sweep | Pass::SingleSweep => Some(rows.get(drive.pass_index).unwrap_or(last).clone()),
            Pass::ReadOut | Pass::FeedForward => Some(last.clone()),
            Pass::WarmUp | Pass::Instruction | Pass::Error => None,
        }
    }
}

/// One timestep of this family's protocols.
pub fn drive(
    frame: &Arc<Frame>,
    instruction: Option<Instruction>,
    pass: Pass,
    pass_index: usize,
    n_passes: usize,
) -> Drive {
    Drive {
        frame: Arc::clone(frame),
        instruction,
        target: None,
        pass,
        phase: 0,
        pass_index,
        n_passes,
        shown: pass_index,
    }
}

fn segment(kind: SegmentKind, name: &str, from: usize, to: usize) -> Segment {
    Segment { kind, name: name.to_owned(), from, to }
}

/// Runs of neighbouring sweeps as segments.
fn scored_segments(sweeps: &[usize]) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    for &sweep in sweeps {
        match segments.last_mut() {
            Some(last) if last.to == sweep => last.to = sweep + 1,
            _ => segments.push(segment(SegmentKind::Scored, "scored", sweep, sweep + 1)),
        }
    }
    segments
}

/// Names of the classes where the tasks' stimuli tell them, else numbers.
fn class_names(specs: &[TaskSpec], n_classes: usize) -> Vec<String> {
    const ANIMALS: [&str; 10] =
        ["bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"];
    let uses = |suffix: &str| !specs.is_empty() && specs.iter().all(|spec| spec.composer.ends_with(suffix));
    if uses("_COCO") && n_classes == ANIMALS.len() {
        return ANIMALS.map(str::to_owned).to_vec();
    }
    if specs.iter().any(|spec| spec.composer.starts_with("Psych")) && n_classes == 9 {
        return (0..9).map(|cell| format!("cell {cell}")).collect();
    }
    if let Some([_, _, _]) = specs.first().map(|spec| spec.label_groups.as_slice()) {
        let groups = &specs[0].label_groups;
        let names = ["shape", "colour", "texture"];
        let name = |class: usize| {
            let inside =
                |&(from, to): &(usize, Option<usize>)| class >= from && to.is_none_or(|to| class < to);
            let group = groups.iter().position(inside)?;
            Some(format!("{} {}", names[group], class - groups[group].0))
        };
        return (0..n_classes).map(|class| name(class).unwrap_or_else(|| class.to_string())).collect();
    }
    (0..n_classes).map(|class| class.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};
    use serde_json::json;

    use super::*;
    use crate::families::recurrent_gating::tasks::read_tasks;

    fn protocol() -> Protocol {
        let tasks = read_tasks(&json!({
            "Cue": {"key": 0, "params": {"fix_attend": [2, 3]}, "loss_w": [0.0, 1.0, 1.0], "loss_s": [[4], null]},
            "Track": {"key": 1, "params": {"fix_attend": [2, 5]}, "loss_w": [1.0, 1.0, 1.0],
                "loss_s": "(slice(1, None, None), None)"},
        }))
        .unwrap();
        Protocol::new(&tasks, 2, 3)
    }

    fn image() -> Tensor {
        Tensor::zeros((1, 1, 4, 4), DType::F32, &Device::Cpu).unwrap()
    }

    fn instructed(n_frames: usize, task: usize) -> Presentation {
        let mut presentation = Presentation::held(image());
        presentation.frames = (0..n_frames).map(|_| Arc::new(Frame::new(image()))).collect();
        presentation.instructions = vec![Some(Instruction { task: Some(task), prompt: None }); n_frames];
        presentation
    }

    #[test]
    fn a_still_image_is_held_for_the_published_sweeps_and_read_out_last() {
        let schedule = protocol().schedule(&instructed(1, 1), &ProtocolOptions::default()).unwrap();
        assert_eq!(schedule.len(), 8);
        assert_eq!(schedule.published, Some(8));
        assert!(!schedule.is_off_protocol());
        assert_eq!(schedule.drives[7].pass, Pass::ReadOut);
        assert_eq!(schedule.drives[6].pass_index, 6);
        let first = schedule.drives[0].frame.id();
        assert!(schedule.drives.iter().all(|drive| drive.frame.id() == first));
        let scored: Vec<_> = schedule.segments.iter().filter(|one| one.kind == SegmentKind::Scored).collect();
        assert_eq!((scored[0].from, scored[0].to), (1, 7));
    }

    #[test]
    fn frames_are_shown_in_turn_and_the_last_is_held() {
        let shown = instructed(5, 0);
        let options = ProtocolOptions { timesteps: Some(7), without_read_out: true, ..Default::default() };
        let schedule = protocol().schedule(&shown, &options).unwrap();
        let ids: Vec<u64> = schedule.drives.iter().map(|drive| drive.frame.id()).collect();
        assert_eq!(ids[..5], shown.frames.iter().map(|frame| frame.id()).collect::<Vec<_>>());
        assert_eq!(ids[5], ids[4]);
        assert!(schedule.is_off_protocol());
        let schedule = protocol().schedule(&shown, &ProtocolOptions::default()).unwrap();
        assert_eq!(schedule.segments[0], segment(SegmentKind::Cue, "cue", 0, 2));
        assert_eq!(schedule.segments[1], segment(SegmentKind::Stimulus, "stimulus", 2, 5));
        assert!(protocol().schedule(&shown, &ProtocolOptions { timesteps: Some(0), ..options }).is_err());
    }

    #[test]
    fn the_read_out_is_judged_by_the_last_label() {
        let protocol = protocol();
        let schedule = protocol.schedule(&instructed(5, 0), &ProtocolOptions::default()).unwrap();
        let labels = LabelSet::PerTimestep((0..5).map(|t| vec![t]).collect());
        let of = |t: usize| protocol.scored_labels(&labels, &schedule.drives[t]);
        assert_eq!(of(1), Some(vec![1]));
        assert_eq!(of(5), Some(vec![4]));
    }
}
