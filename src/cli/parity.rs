//! `gainfield parity`: recompute reference outputs and compare.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use gainfield::ops::Numerics;
use gainfield::parity::{self, Options, Row};
use gainfield::progress::Progress as _;
use gainfield::{Error, Result, device, families, files};

use super::progress::Shown;
use super::{Common, Ending, Outcome, print};

#[derive(Debug, Args)]
pub struct Parity {
    /// Folder of reference outputs that describe themselves (or one such file).
    dir: PathBuf,
    /// Folder of checkpoints that they name, with a subfolder per family; by default a folder
    /// `checkpoints` beside DIR or up to two levels above.
    #[arg(long, value_name = "DIR")]
    checkpoints: Option<PathBuf>,
    /// Only these kinds.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    kind: Vec<String>,
    /// How the networks' convolutions are computed: exact, or fast to see what that changes.
    #[arg(long, default_value_t)]
    numerics: Numerics,
    /// Also write a Markdown page with a line per folder and kind.
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

impl Parity {
    pub fn execute(&self, common: &Common) -> Outcome {
        if !self.dir.exists() {
            let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(Error::io("open", &self.dir)(missing).into());
        }
        let options = Options {
            kinds: self.kind.clone(),
            checkpoints: self.checkpoints.clone(),
            device: common.target()?.device,
            numerics: self.numerics,
        };
        let mut shown = Shown::new(common.quiet);
        let outcome = parity::run(&self.dir, &families::goldens(), &options, |file, i, n| {
            shown.report(file, i, n);
            ControlFlow::Continue(())
        });
        shown.finish();
        let outcome = outcome?;
        if !common.quiet {
            for file in &outcome.ignored {
                print::remark(format_args!("{file}: does not describe itself, ignored"));
            }
        }
        if let Some(path) = &self.summary {
            let version = env!("CARGO_PKG_VERSION");
            let device = device::name(&options.device);
            let page = format!(
                "# Parity\n\nReference outputs recomputed by Gainfield {version} on the {device}; \
                 `gainfield parity DIR --summary FILE` writes this page.\n\n{}",
                parity::summary(&outcome.rows)
            );
            files::write_atomic(path, page)?;
        }
        if common.json {
            print::json(&outcome.rows)?;
        } else {
            print_text(&outcome.rows)?;
        }
        Ok(if outcome.is_ok() { Ending::Done } else { Ending::NotEqual })
    }
}

fn print_text(rows: &[Row]) -> Result<()> {
    let mut files: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        files.entry(&row.file).or_default().push(row);
    }
    for (file, rows) in files {
        let failed: Vec<&&Row> = rows.iter().filter(|row| !row.ok).collect();
        let word = if failed.is_empty() { "ok  " } else { "FAIL" };
        let judged = rows.iter().filter(|row| row.rule != "anchor" && row.rule != "not_compared");
        let excess = judged.filter_map(|row| row.excess).fold(0.0, f64::max);
        print::line(format_args!(
            "{word} {file} ({}): {} of {} within, largest deviation {} of what is allowed",
            rows[0].kind,
            rows.len() - failed.len(),
            rows.len(),
            short(excess)
        ))?;
        for row in failed {
            let worst = row.worst.map_or_else(|| "not finite or of another shape".to_owned(), short);
            let reason = row.reason.as_deref().unwrap_or_default();
            print::line(format_args!("     {} [{}]: {worst} {reason}", row.quantity, row.rule))?;
        }
    }
    if rows.is_empty() {
        print::line("nothing to compare: no file describes itself as reference outputs")?;
    }
    Ok(())
}

fn short(value: f64) -> String {
    if value == f64::MAX {
        "infinitely more".to_owned()
    } else if value == 0.0 || (1e-3..1e4).contains(&value) {
        format!("{value:.3}")
    } else {
        format!("{value:.2e}")
    }
}
