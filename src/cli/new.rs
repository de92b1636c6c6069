//! `gainfield new`: a network with weights drawn from a seed.

use std::path::PathBuf;

use clap::Args;
use gainfield::checkpoint;
use gainfield::families::{self, Created, Creation, starts};
use gainfield::model::Family;
use gainfield::provenance::{DataFile, Provenance, quoted};
use gainfield::settings::Overrides;
use serde_json::json;

use super::{Common, Ending, Failure, Outcome, Settings, print};

#[derive(Debug, Args)]
pub struct New {
    /// blt, cordsnet, counter_hebb, object_attention or recurrent_gating.
    family: Family,
    /// Published network to start from, for example blt_bl or r4-cifar10; `--list` names them.
    #[arg(long, value_name = "NAME", conflicts_with = "like")]
    start: Option<String>,
    /// Checkpoint to start from; tensors of equal name and shape keep their values.
    #[arg(long, value_name = "FILE")]
    like: Option<PathBuf>,
    /// Where the drawn weights come from.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// File for the weights (.safetensors); configuration and provenance are written beside it.
    #[arg(long, value_name = "FILE", required_unless_present = "list")]
    out: Option<PathBuf>,
    /// List the networks to start from and write nothing.
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    settings: Settings,
}

impl New {
    pub fn execute(&self, common: &Common) -> Outcome {
        let Some(out) = self.out.as_ref().filter(|_| !self.list) else {
            let names = starts(self.family);
            if common.json {
                print::json(&names)?;
            } else {
                names.iter().try_for_each(print::line)?;
            }
            return Ok(Ending::Done);
        };
        let overrides = self.settings.overrides().map_err(Failure::usage)?;
        let target = common.target()?;
        let like = match &self.like {
            Some(path) => Some(families::open(path, &Overrides::default(), &target)?),
            None => None,
        };
        let creation = Creation {
            family: self.family,
            start: self.start.as_deref(),
            like: like.as_ref(),
            overrides: &overrides,
            seed: self.seed,
        };
        let Created { model, description, kept, drawn } =
            families::create(&creation).map_err(Failure::usage)?;
        let mut provenance = Provenance::new(self.command(out));
        provenance.config = model.info.config.values();
        provenance.seed = Some(self.seed);
        let origin = like.as_ref().map(|like| &like.info.origin);
        provenance.checkpoint = origin
            .and_then(|origin| Some(DataFile { name: origin.name.clone(), sha256: origin.sha256.clone()? }));
        let path = checkpoint::save(out, &model.weights, &description, &provenance)?;
        if common.json {
            print::json(&json!({
                "file": path,
                "family": description.family,
                "variant": description.variant,
                "parameters": model.n_parameters(),
                "kept": kept,
                "drawn": drawn,
            }))?;
        } else {
            print::line(format_args!(
                "{} {}: {} parameters, {} tensors drawn from seed {}, {} kept",
                description.family,
                description.variant,
                model.n_parameters(),
                drawn.len(),
                self.seed,
                kept.len()
            ))?;
            print::line(format_args!("wrote {}", path.display()))?;
        }
        Ok(Ending::Done)
    }

    /// The line that makes the same file again.
    fn command(&self, out: &std::path::Path) -> String {
        let mut command = format!("gainfield new {}", self.family.name());
        if let Some(start) = &self.start {
            command += &format!(" --start {}", quoted(start));
        }
        if let Some(like) = &self.like {
            command += &format!(" --like {}", quoted(&like.to_string_lossy()));
        }
        command += &self.settings.arguments();
        command + &format!(" --seed {} --out {}", self.seed, quoted(&out.to_string_lossy()))
    }
}
