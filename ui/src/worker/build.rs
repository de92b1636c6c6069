//! Networks that nobody has trained yet: made from a configuration and a seed, and saved.

use std::path::{Path, PathBuf};

use crossbeam_channel::Receiver;
use gainfield::checkpoint::{self, Description};
use gainfield::families::{self, Creation};
use gainfield::model::{Model, Target};
use gainfield::provenance::{Provenance, quoted};
use gainfield::settings::Overrides;
use gainfield::{Error, Result};
use serde_json::Value;

use super::{Event, Outbox, guarded};
use crate::item::ItemId;
use crate::jobs::JobId;

/// A network to be made or saved.
pub enum BuildRequest {
    Make {
        job: JobId,
        like: Model,
        /// The file of `like`, where it has one.
        path: Option<PathBuf>,
        set: Vec<(String, Value)>,
        seed: u64,
    },
    Save {
        job: JobId,
        item: ItemId,
        model: Model,
        path: PathBuf,
        /// The command that makes the same file.
        command: String,
    },
}

pub(super) fn serve(requests: &Receiver<BuildRequest>, outbox: &Outbox) {
    for request in requests {
        let (job, result) = match request {
            BuildRequest::Make { job, like, path, set, seed } => {
                (job, guarded(|| make(&like, path.as_deref(), &set, seed)))
            }
            BuildRequest::Save { job, item, model, path, command } => {
                (job, guarded(|| save(item, &model, &path, command)))
            }
        };
        outbox.send(result.unwrap_or_else(|message| Event::BuildFailed { message }));
        outbox.send(Event::Ended { job });
    }
}

fn make(like: &Model, path: Option<&Path>, set: &[(String, Value)], seed: u64) -> Result<Event> {
    let mut overrides = Overrides::default();
    for (key, value) in set {
        overrides.push(key, value.clone());
    }
    let family = like.info.family;
    let creation = Creation { family, start: None, like: Some(like), overrides: &overrides, seed };
    let made = families::create(&creation)?;
    let out = format!("{}.safetensors", made.description.variant);
    let command = command(family.name(), path, set, seed, &out);
    let (kept, drawn) = (made.kept.len(), made.drawn.len());
    Ok(Event::Built { model: Box::new(made.model), command, kept, drawn })
}

/// `gainfield new` with these values.
pub fn command(family: &str, like: Option<&Path>, set: &[(String, Value)], seed: u64, out: &str) -> String {
    let mut command = format!("gainfield new {family}");
    if let Some(path) = like {
        command += &format!(" --like {}", quoted(&path.to_string_lossy()));
    }
    for (key, value) in set {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        command += &format!(" --set {}", quoted(&format!("{key}={value}")));
    }
    command + &format!(" --seed {seed} --out {}", quoted(out))
}

fn save(item: ItemId, model: &Model, path: &Path, command: String) -> Result<Event> {
    let Value::Object(config) = model.info.config.values() else {
        return Err(Error::Unsupported("the network has no configuration to save".to_owned()));
    };
    let info = &model.info;
    let description = Description::new(info.family.name(), info.variant.clone(), &config)?;
    let mut provenance = Provenance::new(command);
    provenance.config = Value::Object(config);
    let path = checkpoint::save(path, &model.weights, &description, &provenance)?;
    let model = families::open(&path, &Overrides::default(), &Target::default())?;
    Ok(Event::Saved { item, model: Box::new(model) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_command_has_every_value() {
        let set = [("pool".to_owned(), json!("blur")), ("widths".to_owned(), json!([32, 64]))];
        let text = command("blt", Some(Path::new("my net.pt")), &set, 3, "blt_b.safetensors");
        assert_eq!(
            text,
            "gainfield new blt --like 'my net.pt' --set pool=blur --set 'widths=[32,64]' --seed 3 \
             --out blt_b.safetensors"
        );
        let folder = tempfile::tempdir().unwrap();
        let event = save(ItemId(1), &small(), &folder.path().join("n"), "gainfield new".to_owned()).unwrap();
        assert!(matches!(event, Event::Saved { model, .. } if model.info.origin.path.is_some()));
    }

    fn small() -> Model {
        let overrides = Overrides::read(None, &["channels=[1,2,3]".to_owned()]).unwrap();
        let family = gainfield::model::Family::ObjectAttention;
        let creation = Creation { family, start: None, like: None, overrides: &overrides, seed: 0 };
        families::create(&creation).unwrap().model
    }
}
