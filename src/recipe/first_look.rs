//! A first look at a training run: what is changed of its documented settings so that it ends in minutes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::train::AnyRecipe;

/// Fewer stimuli and updates than documented, by family and run; runs that end in minutes as they are, or
/// that need pictures from the user, have none.
fn shortened(family: &str, run: &str) -> &'static [(&'static str, u64)] {
    match (family, run) {
        ("object_attention", "digits") => &[
            ("batch", 16),
            ("updates", 600),
            ("validate_every", 50),
            ("validation_stimuli", 256),
            ("test_stimuli", 512),
        ],
        ("counter_hebb", "multi_mnist" | "mnist" | "fashion_mnist") => {
            &[("updates", 300), ("validate_every", 50), ("drawn", 6000), ("held_out", 500)]
        }
        (
            "recurrent_gating",
            "digits" | "recognition" | "curves" | "contrast" | "discrimination" | "change" | "shapes",
        ) => &[
            ("batch_size", 16),
            ("updates", 200),
            ("validate_every", 50),
            ("n_samples", 3200),
            ("n_validation", 64),
            ("n_test", 128),
        ],
        _ => &[],
    }
}

impl AnyRecipe {
    /// The settings of a first look at the run of this name (`object_attention/digits`) that differ from
    /// the documented ones. Empty where the run is short as it is, or is not known.
    pub fn first_look(name: &str) -> BTreeMap<String, Value> {
        let (family, run) = name.split_once('/').unwrap_or((name, ""));
        shortened(family, run).iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Overrides;

    #[test]
    fn every_first_look_is_a_recipe_that_is_shorter_than_documented() {
        let mut found = 0;
        for name in AnyRecipe::names() {
            let look = AnyRecipe::first_look(&name);
            if look.is_empty() {
                continue;
            }
            found += 1;
            let mut overrides = Overrides::default();
            for (key, value) in &look {
                overrides.push(key.clone(), value.clone());
            }
            let short = AnyRecipe::named(&name, &overrides).unwrap();
            let whole = AnyRecipe::named(&name, &Overrides::default()).unwrap();
            assert!(short.n_updates().unwrap() <= 1000, "{name}");
            assert!(whole.n_updates().is_none_or(|n| n > short.n_updates().unwrap()), "{name}");
        }
        assert!(found > 5, "{found} runs have one");
        assert!(AnyRecipe::first_look("object_attention/none").is_empty());
    }
}
