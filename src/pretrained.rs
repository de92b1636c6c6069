//! The networks that ship inside the programs, trained on what the program draws itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::Device;
use safetensors::SafeTensors;

use crate::checkpoint::{Checkpoint, Container};
use crate::error::{Error, Result};
use crate::files;
use crate::weights::Weights;

/// What the window opens with, wherever a path to a checkpoint is taken.
pub const NAME: &str = "pretrained:object_attention_digits";

/// Before the name of a bundled network, in the place of a path.
const SCHEME: &str = "pretrained:";

/// A bundled network.
#[derive(Clone, Copy, Debug)]
pub struct Bundled {
    /// Its folder in `pretrained/`.
    pub folder: &'static str,
    /// On screen.
    pub title: &'static str,
    /// What it was trained to do, in one line.
    pub task: &'static str,
    /// What it was trained on, where its configuration does not say so.
    pub stimulus: Option<&'static str>,
    weights: &'static [u8],
}

macro_rules! bundled {
    ($folder:literal, $title:literal, $task:literal, $stimulus:expr) => {
        Bundled {
            folder: $folder,
            title: $title,
            task: $task,
            stimulus: $stimulus,
            weights: include_bytes!(concat!("../pretrained/", $folder, "/weights.safetensors")),
        }
    };
}

/// All of them; the first is the one that the window opens with.
pub const NETWORKS: [Bundled; 8] = [
    bundled!(
        "object_attention_digits",
        "Digits, bundled",
        "two digits side by side: attend one, name it, then the other",
        None
    ),
    bundled!(
        "recurrent_gating_digits",
        "Recurrent gating, bundled",
        "find a digit on a large canvas, look there again and name it",
        None
    ),
    bundled!(
        "recurrent_gating_curves",
        "Curve tracing, bundled",
        "a dot on one of two curves: trace it to its other end",
        None
    ),
    bundled!("cordsnet_digits", "CordsNet, bundled", "name a digit in continuous time", None),
    bundled!(
        "counter_hebb_digits",
        "Counter-Hebb, bundled",
        "two overlapping digits: name the left or the right one, learned by the local rule",
        None
    ),
    bundled!(
        "backprop_digits",
        "Backpropagation twin, bundled",
        "two overlapping digits: name the left or the right one, learned by backpropagation",
        None
    ),
    bundled!(
        "blt_b",
        "BLT b, bundled",
        "name schematic faces and objects, bottom-up alone",
        Some("set:folders")
    ),
    bundled!(
        "blt_bl",
        "BLT bl, bundled",
        "name schematic faces and objects with lateral connections",
        Some("set:folders")
    ),
];

impl Bundled {
    /// Its name wherever a path to a checkpoint is taken.
    pub fn name(&self) -> String {
        format!("{SCHEME}{}", self.folder)
    }

    /// Its weights as a checkpoint.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the bundled file is damaged, which a test rules out.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        let damaged = |what: &dyn std::fmt::Display| {
            let folder = self.folder;
            Error::Unsupported(format!(
                "the bundled network {folder} is damaged: {what}; build the program again"
            ))
        };
        let (_, header) = SafeTensors::read_metadata(self.weights).map_err(|err| damaged(&err))?;
        let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
        let tensors: BTreeMap<_, _> =
            candle_core::safetensors::load_buffer(self.weights, &Device::Cpu)?.into_iter().collect();
        Ok(Checkpoint {
            path: PathBuf::from(self.name()),
            sha256: files::sha256_bytes(self.weights),
            container: Container::Safetensors,
            order: tensors.keys().cloned().collect(),
            weights: Weights::from_tensors(tensors),
            metadata,
            sidecars: Vec::new(),
            key: None,
            prefix_stripped: None,
            left_out: Vec::new(),
        })
    }
}

/// The bundled network that `path` names; `None` if it is a file.
///
/// # Errors
/// [`Error::Unknown`] with the nearest name.
pub fn named(path: &Path) -> Result<Option<&'static Bundled>> {
    let Some(folder) = path.to_str().and_then(|path| path.strip_prefix(SCHEME)) else { return Ok(None) };
    let found = NETWORKS.iter().find(|network| network.folder == folder);
    let known = NETWORKS.iter().map(|network| network.folder);
    found.map(Some).ok_or_else(|| Error::unknown("bundled network", folder, known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families;
    use crate::model::Target;
    use crate::settings::{Overrides, Source};

    fn open(name: &str, sets: &[String]) -> crate::Result<crate::model::Model> {
        let overrides = Overrides::read(None, sets).unwrap();
        families::open(Path::new(name), &overrides, &Target::default())
    }

    #[test]
    fn the_first_network_opens_whole_and_takes_values() {
        assert_eq!(NETWORKS[0].name(), NAME);
        let model = open(NAME, &[]).unwrap();
        assert!(model.info.report.is_complete());
        assert_eq!(model.n_parameters(), 82_661);
        assert_eq!(model.info.variant, "digits");
        assert_eq!(model.info.config.get("strength").unwrap().source, Source::File);
        let given = open(NAME, &["strength=0.4".to_owned()]).unwrap();
        assert_eq!(given.info.config.get("strength").unwrap().value, 0.4);
    }

    #[test]
    fn a_mistyped_name_suggests_the_nearest() {
        let message = named(Path::new("pretrained:object_attention_digit")).unwrap_err().to_string();
        assert!(message.contains("did you mean \"object_attention_digits\""), "{message}");
    }
}
