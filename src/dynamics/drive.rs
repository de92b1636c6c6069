//! What reaches a network at one timestep, and the schedule of all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{DType, Device, Tensor};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::stimulus::PixelScale;

static NEXT_FRAME: AtomicU64 = AtomicU64::new(1);

/// An image shared by all timesteps that show it; preparation runs once per distinct frame.
#[derive(Clone, Debug)]
pub struct Frame {
    id: u64,
    image: Tensor,
    is_blank: bool,
}

impl Frame {
    /// `image`: `[batch, channels, height, width]`, values usually in `0..=1`.
    pub fn new(image: Tensor) -> Self {
        Self { id: NEXT_FRAME.fetch_add(1, Ordering::Relaxed), image, is_blank: false }
    }

    /// No picture at all, for `batch` trials of networks that take `shape`. What reaches a network
    /// then is its family's affair: nothing, where the source says so, else a picture of zeros.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn blank(batch: usize, shape: [usize; 3]) -> Result<Self> {
        let [channels, height, width] = shape;
        let zeros = Tensor::zeros((1, channels, height, width), DType::F32, &Device::Cpu)?;
        let image = zeros.broadcast_as((batch, channels, height, width))?;
        Ok(Self { is_blank: true, ..Self::new(image) })
    }

    /// Made by [`Frame::blank`]?
    pub fn is_blank(&self) -> bool {
        self.is_blank
    }

    /// Unique within the process.
    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn image(&self) -> &Tensor {
        &self.image
    }

    pub fn batch(&self) -> usize {
        self.image.dims().first().copied().unwrap_or(0)
    }

    /// The image of the type and on the device of `like`, for a network that takes `shape`.
    ///
    /// # Errors
    /// [`Error::Shape`] for an image of another shape or without trials, [`Error::Config`] for pixels
    /// that are not finite.
    pub fn pixels(&self, shape: [usize; 3], like: &Tensor) -> Result<Tensor> {
        let dims = self.image.dims();
        if dims.len() != 4 || dims[1..] != shape || dims[0] == 0 {
            let [channels, height, width] = shape;
            let expected = format!("[batch, {channels}, {height}, {width}]");
            return Err(Error::Shape { what: "the stimulus".to_owned(), expected, found: dims.to_vec() });
        }
        // Whatever is not finite survives multiplication by zero.
        let rest = (self.image.detach() * 0.0)?.flatten_from(1)?.sum(1)?.to_dtype(DType::F32)?;
        if let Some(trial) = rest.to_vec1::<f32>()?.iter().position(|sum| *sum != 0.0) {
            return Err(Error::config(
                "pixels of the stimulus",
                "finite numbers",
                format!("NaN or infinity in trial {trial}"),
            ));
        }
        Ok(self.image.to_device(like.device())?.to_dtype(like.dtype())?.contiguous()?)
    }

    /// As [`Frame::pixels`], normalised channel by channel.
    ///
    /// # Errors
    /// As [`Frame::pixels`].
    pub fn normalised(&self, shape: [usize; 3], by: Option<&PixelScale>, like: &Tensor) -> Result<Tensor> {
        let image = self.pixels(shape, like)?;
        let Some(PixelScale { mean, std }) = by else { return Ok(image) };
        let per_channel = |values: &[f32]| -> Result<Tensor> {
            let values = Tensor::from_slice(values, (1, values.len(), 1, 1), like.device())?;
            Ok(values.to_dtype(like.dtype())?)
        };
        Ok(image.broadcast_sub(&per_channel(mean)?)?.broadcast_div(&per_channel(std)?)?)
    }
}

/// Top-down input: which task, and which class to look for.
#[derive(Clone, Debug, Default)]
pub struct Instruction {
    /// Index of the task; `None` is "no task", not task 0.
    pub task: Option<usize>,
    /// Prompt `[batch, classes]`, usually one-hot.
    pub prompt: Option<Tensor>,
}

/// What kind of application of the network a timestep is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// Evolution without a stimulus before time zero.
    WarmUp,
    /// The ordinary timestep.
    Sweep,
    /// An ordinary timestep stepped singly on persistent state, where the source distinguishes it.
    SingleSweep,
    /// A bottom-up pass that only reads the answer, with the gains of the last sweep.
    ReadOut,
    /// A bottom-up pass without any gain.
    FeedForward,
    /// A top-down pass that turns an instruction into gates.
    Instruction,
    /// A top-down pass that carries the error.
    Error,
}

/// All input at one timestep.
#[derive(Clone, Debug)]
pub struct Drive {
    pub frame: Arc<Frame>,
    pub instruction: Option<Instruction>,
    /// What the answer is compared with, in the family's own form; object attention: the image
    /// that attending each object alone would leave, `[objects, batch, channels, height, width]`;
    /// Counter-Hebb: the right answers, `[batch]`.
    pub target: Option<Tensor>,
    pub pass: Pass,
    /// Index of the phase (object attention: one per attended object).
    pub phase: usize,
    /// Index of this timestep within its phase, of `n_passes`.
    pub pass_index: usize,
    pub n_passes: usize,
    /// Timesteps of the presentation before this one; 0 before its onset.
    pub shown: usize,
}

/// What a stretch of a schedule is, for the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentKind {
    Blank,
    Cue,
    Stimulus,
    /// The loss or the reported accuracy reads these timesteps.
    Scored,
    Phase,
    ReadOut,
}

/// A named stretch `from..to` of timesteps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Segment {
    pub kind: SegmentKind,
    pub name: String,
    pub from: usize,
    pub to: usize,
}

/// What is shown and asked, before a family turns it into its own protocol.
#[derive(Clone, Debug)]
pub struct Presentation {
    /// One per stimulus timestep; a held image repeats the same `Arc`. Never empty.
    pub frames: Vec<Arc<Frame>>,
    /// Shown after the last of `frames`; `None` holds that one.
    pub beyond: Option<Arc<Frame>>,
    /// Empty, or one per entry of `frames`.
    pub instructions: Vec<Option<Instruction>>,
    /// See [`Drive::target`].
    pub target: Option<Tensor>,
    /// In stimulus timesteps.
    pub segments: Vec<Segment>,
}

impl Presentation {
    /// One image, for as long as the family's protocol holds it.
    pub fn held(image: Tensor) -> Self {
        Self {
            frames: vec![Arc::new(Frame::new(image))],
            beyond: None,
            instructions: Vec::new(),
            target: None,
            segments: Vec::new(),
        }
    }

    /// Is there something to show, for the same trials throughout?
    ///
    /// # Errors
    /// [`Error::Config`] for no frame or another number of instructions than frames, [`Error::Shape`]
    /// for frames of different numbers of trials.
    pub fn check(&self) -> Result<()> {
        let Some(first) = self.frames.first() else {
            return Err(Error::config("frames of a presentation", "at least one", "none"));
        };
        if let Some(other) =
            self.frames.iter().chain(&self.beyond).find(|frame| frame.batch() != first.batch())
        {
            return Err(Error::shape("trials of a frame", [first.batch()], &[other.batch()]));
        }
        let n_instructions = self.instructions.len();
        if ![0, self.frames.len()].contains(&n_instructions) {
            let requirement = format!("one per frame, {}", self.frames.len());
            return Err(Error::config("instructions of a presentation", requirement, n_instructions));
        }
        Ok(())
    }

    /// Position of the frame at stimulus timestep `t`: the last one is held.
    fn shown_at(&self, t: usize) -> usize {
        t.min(self.frames.len().saturating_sub(1))
    }

    /// The frame at stimulus timestep `t`, of a presentation that was checked.
    pub fn frame_at(&self, t: usize) -> &Arc<Frame> {
        match &self.beyond {
            Some(beyond) if t >= self.frames.len() => beyond,
            _ => &self.frames[self.shown_at(t)],
        }
    }

    /// The instruction at stimulus timestep `t`.
    pub fn instruction_at(&self, t: usize) -> Option<Instruction> {
        self.instructions.get(self.shown_at(t)).cloned().flatten()
    }
}

/// Most timesteps of one run.
const MAX_TIMESTEPS: usize = 1_000_000;

/// Departures from a family's published protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProtocolOptions {
    /// Number of timesteps without the read-out pass; `None` is the published number. The last
    /// frame is held if there are more timesteps than frames.
    pub timesteps: Option<usize>,
    /// Leave out the read-out pass where the family has one.
    pub without_read_out: bool,
    /// Timesteps without a stimulus before its onset, where the family has them; `None` is the
    /// published number.
    pub warm_up: Option<usize>,
}

impl ProtocolOptions {
    /// The number of timesteps that is asked for, else `published`.
    ///
    /// # Errors
    /// [`Error::Config`] for none or more than a million.
    pub fn n_timesteps(&self, published: usize) -> Result<usize> {
        let n = self.timesteps.unwrap_or(published);
        match (1..=MAX_TIMESTEPS).contains(&n) {
            true => Ok(n),
            false => Err(Error::config("timesteps", format!("1 to {MAX_TIMESTEPS}"), n)),
        }
    }
}

/// The drives of a whole run.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub drives: Vec<Drive>,
    pub segments: Vec<Segment>,
    /// Timesteps the network was trained on, the read-out pass included; more is "off protocol".
    /// `None` where the source fixes none.
    pub published: Option<usize>,
}

impl Schedule {
    pub fn len(&self) -> usize {
        self.drives.len()
    }

    pub fn is_empty(&self) -> bool {
        self.drives.is_empty()
    }

    pub fn batch(&self) -> usize {
        self.drives.first().map_or(0, |drive| drive.frame.batch())
    }

    /// Timesteps before anything is shown.
    pub fn onset(&self) -> usize {
        self.drives.iter().take_while(|drive| drive.pass == Pass::WarmUp).count()
    }

    /// Does the run leave the protocol the network was trained on?
    pub fn is_off_protocol(&self) -> bool {
        self.published.is_some_and(|published| self.len() != published)
    }
}

/// The right answers of a presentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelSet {
    /// `[stimulus timestep][trial]`.
    PerTimestep(Vec<Vec<i64>>),
    /// `[object][trial]`, in the order of [`Drive::target`].
    PerObject(Vec<Vec<i64>>),
}
