//! Where documentation and code of a reference disagree about a run: both defaults, side by side.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::train::AnyRecipe;
use crate::error::Result;
use crate::settings::Overrides;

/// The setting that chooses between documentation and code.
const PRESET: &str = "preset";

impl AnyRecipe {
    /// Settings whose defaults the reference's documentation and its code put differently: dotted key,
    /// documented and as coded. `null` stands for what only one of them has.
    ///
    /// # Errors
    /// [`crate::Error::Unknown`] for a family or run that does not exist.
    pub fn presets(family: &str, variant: &str) -> Result<Vec<(String, Value, Value)>> {
        if !Self::fields(family, variant)?.iter().any(|field| field.key == PRESET) {
            return Ok(Vec::new());
        }
        let of = |preset: &str| {
            let mut overrides = Overrides::default();
            overrides.push(PRESET, preset);
            Ok::<_, crate::Error>(Self::from_map(family, variant, &Map::new(), &overrides)?.values())
        };
        let mut found = Vec::new();
        differences("", &of("documented")?, &of("as-coded")?, &mut found);
        found.retain(|(key, ..)| key != PRESET);
        Ok(found)
    }
}

/// Where two values differ, key by key of their tables.
fn differences(key: &str, a: &Value, b: &Value, found: &mut Vec<(String, Value, Value)>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for inner in keys {
                let dotted = if key.is_empty() { inner.clone() } else { format!("{key}.{inner}") };
                let of = |map: &Map<String, Value>| map.get(inner).cloned().unwrap_or_default();
                differences(&dotted, &of(a), &of(b), found);
            }
        }
        (a, b) if a != b => found.push((key.to_owned(), a.clone(), b.clone())),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_documentation_and_code_put_differently_is_listed() {
        let of = |family: &str, run: &str| -> Vec<String> {
            let found = AnyRecipe::presets(family, run).unwrap();
            found.into_iter().map(|(key, a, b)| format!("{key} {a} {b}")).collect()
        };
        assert_eq!(of("object_attention", "digits"), ["objects 2 3", "updates 19710 6570"]);
        assert_eq!(of("object_attention", "coco"), ["strength 0.9 0.3"]);
        let stl = of("recurrent_gating", "stl10");
        assert_eq!(stl, ["n_epochs 64 128"]);
        assert_eq!(of("recurrent_gating", "celeba"), ["tasks.Celeb.params.n_iter 2 1"]);
        assert!(of("recurrent_gating", "digits").contains(&"n_epochs 96 128".to_owned()));
        assert!(of("blt", "imagenet").contains(&"model \"blt_bl_top2linear\" \"blt_bl\"".to_owned()));
        assert!(of("recurrent_gating", "coco").is_empty() && of("cordsnet", "pipeline").is_empty());
    }
}
