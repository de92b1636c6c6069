//! What a family hands back for one golden file.

use std::collections::BTreeMap;

use super::{Array, Value};

/// Recomputed quantities by name, and what some rules need besides.
#[derive(Clone, Debug, Default)]
pub struct Recomputed {
    values: BTreeMap<String, Value>,
    expectations: Vec<Expectation>,
    /// Per output: the gradient that decided each update.
    deciding_gradients: BTreeMap<String, Vec<Array>>,
    /// Per output: entries of the parameter its statistics are of.
    parameter_entries: BTreeMap<String, usize>,
}

/// What the file is expected to store.
#[derive(Clone, Debug)]
enum Expectation {
    All(Vec<String>),
    /// The quantity is stored in one of these forms, each with all its names.
    OneOf(Vec<Vec<String>>),
}

impl Recomputed {
    pub fn new() -> Self {
        Self::default()
    }

    /// A quantity that every file of the kind stores; one that does not is reported.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        let name = name.into();
        self.expectations.push(Expectation::All(vec![name.clone()]));
        self.values.insert(name, value.into());
    }

    /// A quantity that is compared where the file stores it.
    pub fn insert_if_stored(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.values.insert(name.into(), value.into());
    }

    /// Whether a file of the kind may leave the quantity out.
    pub fn is_optional(&self, name: &str) -> bool {
        !self.expectations.iter().any(|expectation| match expectation {
            Expectation::All(names) => names.iter().any(|expected| expected == name),
            Expectation::OneOf(forms) => forms.iter().flatten().any(|expected| expected == name),
        })
    }

    /// Whether a file that stores neither `name` nor `other` is told to lack one of them: they are the
    /// same, or belong to forms of one quantity.
    pub fn are_alternatives(&self, name: &str, other: &str) -> bool {
        let has = |forms: &[Vec<String>], name: &str| forms.iter().flatten().any(|known| known == name);
        name == other
            || self.expectations.iter().any(|expectation| match expectation {
                Expectation::All(_) => false,
                Expectation::OneOf(forms) => has(forms, name) && has(forms, other),
            })
    }

    /// A quantity that is stored in one of several forms, for example in full or thinned with
    /// statistics: one list of (name, value) per form.
    pub fn insert_one_of(&mut self, forms: impl IntoIterator<Item = Vec<(String, Value)>>) {
        let mut names = Vec::new();
        for form in forms {
            names.push(form.iter().map(|(name, _)| name.clone()).collect());
            self.values.extend(form);
        }
        self.expectations.push(Expectation::OneOf(names));
    }

    /// The gradient that decided each update of the weights `name`, after clipping and, except for
    /// decoupled decay, with the L2 term; one array of the shape of `name` per update.
    pub fn decide(&mut self, name: impl Into<String>, gradients: Vec<Array>) {
        self.deciding_gradients.insert(name.into(), gradients);
    }

    /// Number of entries of the parameter whose statistics `name` holds.
    pub fn entries(&mut self, name: impl Into<String>, n: usize) {
        self.parameter_entries.insert(name.into(), n);
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// A copy with one value replaced or forgotten, for tests of the comparer.
    pub fn with(&self, name: &str, value: Option<Value>) -> Self {
        let mut changed = self.clone();
        match value {
            Some(value) => changed.values.insert(name.to_owned(), value),
            None => changed.values.remove(name),
        };
        changed
    }

    pub(super) fn array(&self, name: &str) -> Option<&Array> {
        match self.values.get(name) {
            Some(Value::Array(array)) => Some(array),
            _ => None,
        }
    }

    pub(super) fn deciding(&self, name: &str) -> Option<&[Array]> {
        self.deciding_gradients.get(name).map(Vec::as_slice)
    }

    pub(super) fn n_entries(&self, name: &str) -> Option<usize> {
        self.parameter_entries.get(name).copied()
    }

    /// Names that should be stored and are not; `is_judged` says whether a tolerance covers a name.
    pub(super) fn not_stored(
        &self,
        is_stored: impl Fn(&str) -> bool,
        is_judged: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let mut missing = Vec::new();
        for expectation in &self.expectations {
            let form = match expectation {
                Expectation::All(names) => names,
                Expectation::OneOf(forms) => {
                    let present = forms.iter().find(|form| form.iter().any(|name| is_stored(name)));
                    let covered = || forms.iter().find(|form| form.iter().all(|name| is_judged(name)));
                    match present.or_else(covered) {
                        Some(form) => form,
                        None => continue,
                    }
                }
            };
            missing.extend(form.iter().filter(|name| !is_stored(name) && is_judged(name)).cloned());
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_counts_as_stored_only_with_all_its_names() {
        let value = || Value::Json(0.into());
        let mut recomputed = Recomputed::new();
        recomputed.insert("logits", value());
        recomputed.insert_if_stored("extra", value());
        recomputed.insert_one_of([
            vec![("act".to_owned(), value())],
            vec![("act.sub".to_owned(), value()), ("act.stat".to_owned(), value())],
        ]);
        let missing = |stored: &[&str]| recomputed.not_stored(|name| stored.contains(&name), |_| true);
        assert!(missing(&["logits", "act"]).is_empty());
        assert!(missing(&["logits", "act.sub", "act.stat"]).is_empty());
        assert_eq!(missing(&["logits", "act.stat"]), ["act.sub"]);
        assert_eq!(missing(&["act"]), ["logits"]);
        assert_eq!(missing(&["logits"]), ["act"]);
    }
}
