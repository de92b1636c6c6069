//! Small runs of every family through the headless binary.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A run that takes seconds: what it is called and what makes it small.
pub struct Small {
    pub name: &'static str,
    pub sets: &'static [&'static str],
}

/// One of each family, with checkpoints and evaluations between most updates.
pub const FAMILIES: [Small; 5] = [
    Small {
        name: "object_attention/digits",
        sets: &[
            "objects=2",
            "passes=2",
            "batch=4",
            "updates=24",
            "validate_every=5",
            "validation_stimuli=8",
            "test_stimuli=10",
            "training_digits=40",
            "save_every=4",
        ],
    },
    Small {
        name: "recurrent_gating/change",
        sets: &[
            "network={channels=[1, 2, 2, 2, 2, 2]}",
            "batch_size=2",
            "updates=24",
            "n_samples=6",
            "n_validation=2",
            "n_test=2",
            "validate_every=5",
            "save_every=3",
        ],
    },
    Small {
        name: "counter_hebb/multi_mnist",
        sets: &[
            "network={conv_channels=[4, 4]}",
            "drawn=60",
            "batch_size=6",
            "updates=60",
            "validate_every=7",
            "update_noise=0.05",
            "save_every=4",
        ],
    },
    Small {
        name: "cordsnet/small",
        sets: &[
            "base=2",
            "drawn=40",
            "held_out=6",
            "test_stimuli=4",
            "validation_stimuli=4",
            "validate_every=3",
            "cnn={updates=6, batch=4, learning_rates=[0.1, 0.01]}",
            "inverse={updates=6, batch=4}",
            "linear={updates=4, batch=2}",
            "parametric={updates=2, epochs=2, batch=2}",
            "final={updates=4, batch=2}",
            "slope_fall=0.5",
            "save_every=2",
        ],
    },
    Small {
        name: "blt/small",
        sets: &[
            "drawn=20",
            "batch_size=2",
            "updates=10",
            "recurrent_steps=7",
            "validate_every=3",
            "validation_stimuli=2",
            "test_stimuli=2",
            "held_out=4",
            "save_every=2",
        ],
    },
];

impl Small {
    /// `gainfield train` of it into `out`, from its beginning or from its last checkpoint.
    pub fn command(&self, out: &Path, resume: bool) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gainfield"));
        command.arg("train").arg("--quiet").arg("--out").arg(out);
        if resume {
            command.arg("--resume");
        } else {
            command.arg(self.name);
            self.sets.iter().for_each(|set| {
                command.args(["--set", set]);
            });
        }
        command
    }

    pub fn spawn(&self, out: &Path, resume: bool) -> Child {
        self.command(out, resume).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs to the end, which must be a good one.
    pub fn finish(&self, out: &Path, resume: bool) {
        succeed(&self.command(out, resume).output().unwrap());
    }
}

pub fn succeed(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The one sentence of a run that had to stop.
pub fn sentence(output: &Output) -> String {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("gainfield: "), "{stderr}");
    stderr
}

/// What two runs of the same recipe must have in common, bit for bit.
#[derive(PartialEq, Eq)]
pub struct Outcome {
    pub metrics: String,
    pub evaluations: String,
    weights: Vec<u8>,
    best: Option<Vec<u8>>,
}

impl Outcome {
    pub fn read(out: &Path) -> Self {
        let text = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
        Self {
            metrics: text("metrics.csv"),
            evaluations: text("evaluations.csv"),
            weights: std::fs::read(out.join("checkpoints/last/weights.safetensors")).unwrap(),
            best: std::fs::read(out.join("checkpoints/best/weights.safetensors")).ok(),
        }
    }

    /// What differs first, in words.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let line = |a: &str, b: &str| {
            let at = a.lines().zip(b.lines()).position(|(a, b)| a != b).unwrap_or(a.lines().count());
            format!("row {at}: {:?} against {:?}", a.lines().nth(at), b.lines().nth(at))
        };
        if self.metrics != other.metrics {
            return Some(format!("metrics, {}", line(&self.metrics, &other.metrics)));
        }
        if self.evaluations != other.evaluations {
            return Some(format!("evaluations, {}", line(&self.evaluations, &other.evaluations)));
        }
        if self.weights != other.weights {
            return Some("the last weights".to_owned());
        }
        (self.best != other.best).then(|| "the best weights".to_owned())
    }
}
