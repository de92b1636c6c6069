//! `gainfield bench`: the peers' cases, one JSON line each.

use std::path::{Path, PathBuf};

use clap::Args;
use gainfield::bench::{BenchOptions, cases};
use gainfield::ops::Numerics;
use serde_json::json;

use super::{Common, Ending, Failure, Outcome, print};

/// Checkpoints beside a checkout of the sources.
const NEAR: &str = "../shared/checkpoints";

#[derive(Debug, Args)]
pub struct Bench {
    /// Threads to compute with.
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Every batched case at this batch, in place of its default batches.
    #[arg(long, value_name = "B")]
    batch: Option<usize>,
    /// How convolutions outside any graph arrange their sums: exact or fast.
    #[arg(long, default_value_t)]
    numerics: Numerics,
    /// Only cases whose name contains this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// Name what would run, run nothing.
    #[arg(long)]
    list: bool,
    /// Folder of checkpoints with a subfolder per family; random weights of the same shapes without.
    #[arg(long, value_name = "DIR")]
    checkpoints: Option<PathBuf>,
}

impl Bench {
    pub fn execute(&self, common: &Common) -> Outcome {
        let near = || Some(PathBuf::from(NEAR)).filter(|path: &PathBuf| Path::is_dir(path));
        let options = BenchOptions {
            threads: self.threads.max(1),
            numerics: self.numerics,
            batch: self.batch,
            filter: self.filter.clone(),
            checkpoints: self.checkpoints.clone().or_else(near),
        };
        for case in cases(&options).map_err(Failure::usage)? {
            if self.list {
                if common.json {
                    print::json_line(&json!({"case": case.name, "batch": case.batch, "items": case.items}))?;
                } else {
                    print::line(format_args!(
                        "{:<36} batch {:<4} {} items",
                        case.name, case.batch, case.items
                    ))?;
                }
                continue;
            }
            let measured = case.measure(&options)?;
            if common.json {
                print::json_line(&measured)?;
            } else {
                let cpu =
                    measured.cpu_ms.map_or_else(String::new, |cpu| format!(" ({cpu:.2} ms of processor)"));
                print::line(format_args!(
                    "{:<36} batch {:<4} {:>10.2} ms{cpu}",
                    measured.case, measured.batch, measured.median_ms
                ))?;
            }
        }
        Ok(Ending::Done)
    }
}
