//! Timed cases: the same work, names and shapes as the PyTorch peers, to be laid side by side.

mod blt;
mod cordsnet;
mod counter_hebb;
mod measure;
mod object_attention;
mod recurrent_gating;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub use measure::{peak_rss_mb, process_cpu_ms};

use crate::checkpoint;
use crate::dynamics::Workspace;
use crate::error::{Error, Result};
use crate::ops::{Numerics, compute_pool};
use crate::weights::Weights;
use measure::Timings;

/// What is timed, and how.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// Threads of the compute pool.
    pub threads: usize,
    /// Of convolutions outside any graph.
    pub numerics: Numerics,
    /// Every batched case at this batch instead of its own ones.
    pub batch: Option<usize>,
    /// Only cases whose name contains this.
    pub filter: String,
    /// Folder of checkpoints with a subfolder per family; without one, weights are random.
    pub checkpoints: Option<PathBuf>,
}

/// One case to be timed.
pub struct Case {
    pub name: String,
    pub batch: usize,
    /// What one timed call works through.
    pub items: usize,
    /// Frames of one sequence, where the peers report them.
    pub frames: Option<usize>,
    repeats: usize,
    build: Build,
}

/// Makes the call that is timed, and says where its weights are from.
type Build = Box<dyn Fn(&Sources) -> Result<(Call, Origin)> + Send + Sync>;
type Call = Box<dyn FnMut() -> Result<()> + Send>;

/// Where the weights of a case are from; the speed hardly depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Checkpoint,
    Random,
}

/// One line of the report.
#[derive(Clone, Debug, Serialize)]
pub struct Measurement {
    pub case: String,
    pub batch: usize,
    pub threads: usize,
    pub numerics: Numerics,
    /// Wall time of one call.
    pub median_ms: f64,
    pub items: usize,
    /// Processor time of one call, all threads summed; `None` where the system does not tell.
    pub cpu_ms: Option<f64>,
    /// Largest resident size of the process so far, MiB.
    pub peak_rss_mb: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<usize>,
    pub weights: Origin,
}

/// All cases that `options` ask for, in the peers' order.
///
/// # Errors
/// [`Error::Config`] for a batch of 0.
pub fn cases(options: &BenchOptions) -> Result<Vec<Case>> {
    if options.batch == Some(0) {
        return Err(Error::config("batch", "at least 1", 0));
    }
    let mut cases = recurrent_gating::cases(options.batch)?;
    cases.extend(object_attention::cases(options.batch));
    cases.extend(cordsnet::cases(options.batch));
    cases.extend(counter_hebb::cases(options.batch)?);
    cases.extend(blt::cases(options.batch));
    cases.retain(|case| case.name.contains(&options.filter));
    Ok(cases)
}

impl Case {
    /// Builds the case, calls it once to warm up and then several times; only the calls are timed.
    ///
    /// # Errors
    /// Of the checkpoint or of the work itself.
    pub fn measure(&self, options: &BenchOptions) -> Result<Measurement> {
        let sources = Sources { checkpoints: options.checkpoints.clone(), numerics: options.numerics };
        let (timings, weights) = compute_pool(options.threads)?.install(|| {
            let (mut call, origin) = (self.build)(&sources)?;
            Ok::<_, Error>((Timings::of(self.repeats, &mut call)?, origin))
        })?;
        Ok(Measurement {
            case: self.name.clone(),
            batch: self.batch,
            threads: options.threads,
            numerics: options.numerics,
            median_ms: timings.median_wall_ms(),
            items: self.items,
            cpu_ms: timings.median_cpu_ms(),
            peak_rss_mb: peak_rss_mb(),
            frames: self.frames,
            weights,
        })
    }
}

/// Where a case takes its weights from.
struct Sources {
    checkpoints: Option<PathBuf>,
    numerics: Numerics,
}

impl Sources {
    fn workspace(&self) -> Workspace {
        Workspace::with_numerics(self.numerics)
    }

    /// Weights of the file `name` below the checkpoints, else `random()`.
    fn weights(&self, name: &Path, random: impl FnOnce() -> Result<Weights>) -> Result<(Weights, Origin)> {
        match self.checkpoints.as_ref().map(|folder| folder.join(name)).filter(|path| path.is_file()) {
            Some(path) => Ok((checkpoint::read(path)?.weights, Origin::Checkpoint)),
            None => Ok((random()?, Origin::Random)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(batch: Option<usize>, filter: &str) -> BenchOptions {
        BenchOptions {
            threads: 1,
            numerics: Numerics::Exact,
            batch,
            filter: filter.to_owned(),
            checkpoints: None,
        }
    }

    fn named(batch: Option<usize>, filter: &str) -> Vec<(String, usize)> {
        cases(&options(batch, filter)).unwrap().into_iter().map(|case| (case.name, case.batch)).collect()
    }

    #[test]
    fn names_and_batches_are_those_of_the_peers() {
        let all = named(None, "");
        assert_eq!(all.len(), 12 + 6 + 11 + 17 + 23 + 16);
        assert_eq!(all[0], ("brg/mnist_v2/forward".to_owned(), 1));
        assert_eq!(all[1], ("brg/mnist_v2/train".to_owned(), 1));
        let coco = [
            ("coco_step", 1),
            ("coco_attend_2x5", 1),
            ("coco_train_batch_2x5", 1),
            ("coco_step", 4),
            ("coco_attend_2x5", 4),
        ];
        assert_eq!(named(None, "coco"), coco.map(|(name, batch)| (name.to_owned(), batch)));
        assert_eq!(named(Some(8), "coco_train"), [("coco_train_batch_2x5".to_owned(), 8)]);
    }

    #[test]
    fn a_full_name_picks_one_case() {
        let all = named(Some(1), "");
        for (name, _) in &all {
            assert_eq!(named(Some(1), name).len(), 1, "{name}");
        }
    }

    #[test]
    fn every_kind_of_case_runs_on_random_weights() {
        for name in [
            "brg/psycphys_contrast/forward",
            "brg/psycphys_change/train",
            "psych_contrast_train_step_4_frames",
            "mnist_step",
            "mnist_attend_2x5",
            "mnist_train_batch_2x5",
            "r2_mnist_224_one_step",
            "tiny_r2_base4_64px_forward_200_steps",
            "tiny_r8_base4_64px_train_step_linear",
            "r2_mnist_224_cnn_forward_backward",
            "arnoldi_100_c10_n10",
        ] {
            let case = cases(&options(Some(1), name)).unwrap().remove(0);
            let (mut call, origin) =
                (case.build)(&Sources { checkpoints: None, numerics: Numerics::Exact }).unwrap();
            call().unwrap();
            assert_eq!(origin, Origin::Random);
        }
    }
}
