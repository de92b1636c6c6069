//! Where in a saved object the weights are, and what stands beside them.

use std::collections::{BTreeMap, HashSet};

use super::pickle::{Fault, Id, Object, Parsed, Pickle, Value, Values, View, shortened};

/// Deepest nesting that is looked into.
const MAX_DEPTH: usize = 64;

/// Most values and longest text kept as metadata.
const MAX_METADATA: usize = 2_000;
const MAX_TEXT: usize = 4_096;

/// Most sets of weights, and most keys of tensors left out.
const MAX_GROUPS: usize = 1_000;

/// Longest dotted key.
const MAX_KEY: usize = 4_096;

/// Most tensors in one group, and most values visited to find them.
const MAX_TENSORS: usize = 100_000;
const MAX_VISITS: usize = 1_000_000;

/// One set of weights in a file: a state dict, or a whole module read as its state dict.
pub(super) struct Group {
    /// Where it lies: dotted, empty at the root.
    pub(super) key: String,
    id: Id,
}

/// What a file holds.
pub(super) struct Content {
    pub(super) groups: Vec<Group>,
    /// Tensors outside any group and states of optimisers, by their keys.
    pub(super) loose: Vec<String>,
    /// Numbers and texts by dotted key; classes of objects under `….__class__`.
    pub(super) metadata: BTreeMap<String, String>,
}

/// Looks through the whole object.
pub(super) fn content(pickle: &Pickle) -> Parsed<Content> {
    let mut walk = Walk {
        values: &pickle.values,
        seen: HashSet::new(),
        content: Content { groups: Vec::new(), loose: Vec::new(), metadata: BTreeMap::new() },
    };
    walk.find(pickle.root, "", 0)?;
    Ok(walk.content)
}

/// Everything in the file as one set of weights.
pub(super) fn whole(pickle: &Pickle) -> Group {
    Group { key: String::new(), id: pickle.root }
}

/// The tensors of a group, named as `state_dict()` names them, in the file's order.
pub(super) fn tensors(pickle: &Pickle, group: &Group) -> Parsed<Vec<(String, View)>> {
    let mut flat = Flat { values: &pickle.values, tensors: Vec::new(), visits: 0 };
    flat.collect(group.id, "", 0)?;
    Ok(flat.tensors)
}

struct Walk<'a> {
    values: &'a Values,
    seen: HashSet<Id>,
    content: Content,
}

impl Walk<'_> {
    /// Collects below `id`; returns whether a group was found there.
    fn find(&mut self, id: Id, key: &str, depth: usize) -> Parsed<bool> {
        if depth > MAX_DEPTH || key.len() > MAX_KEY {
            return Err(Fault::new(format!("objects nested deeper than {MAX_DEPTH} levels")));
        }
        let value = self.values.get(id);
        match value {
            Value::None | Value::Bytes(_) | Value::Opaque | Value::Storage(_) | Value::Tensor(_) => {
                return Ok(false);
            }
            Value::Bool(bool) => self.note(key, || bool.to_string()),
            Value::Int(int) => self.note(key, || int.to_string()),
            Value::Float(float) => self.note(key, || float.to_string()),
            Value::Text(text) => self.note(key, || text.chars().take(MAX_TEXT).collect()),
            Value::Global(name) => self.note(key, || name.to_string()),
            _ => return self.find_inside(id, value, key, depth),
        }
        Ok(false)
    }

    fn find_inside(&mut self, id: Id, value: &Value, key: &str, depth: usize) -> Parsed<bool> {
        // What is referred to twice is the same; the first key names it.
        if !self.seen.insert(id) {
            return Ok(false);
        }
        match value {
            Value::Sequence(items) => {
                if !items.is_empty() && items.len() <= 64 && items.iter().all(|&item| self.is_scalar(item)) {
                    let list: Vec<String> = items.iter().map(|&item| self.scalar(item)).collect();
                    self.note(key, || format!("[{}]", list.join(", ")));
                    return Ok(false);
                }
                let entries: Vec<_> = items
                    .iter()
                    .enumerate()
                    .filter(|&(_, &item)| !self.is_scalar(item))
                    .map(|(at, &item)| (at.to_string(), item))
                    .collect();
                self.find_entries(&entries, key, depth)
            }
            Value::Object(object) => {
                self.note(&joined(key, "__class__"), || object.class.chars().take(MAX_TEXT).collect());
                if let Some(module) = Module::of(self.values, object) {
                    let outside = (self.content.groups.len(), self.content.loose.len());
                    self.note_module(&module, key, depth)?;
                    // Tensors in a module's attributes are no weights of it, and no weights beside it.
                    self.content.groups.truncate(outside.0);
                    self.content.loose.truncate(outside.1);
                    return self.add_group(key, id);
                }
                let mut entries = self.values.entries(id).unwrap_or_default();
                entries.extend(attributes(self.values, object).unwrap_or_default());
                self.find_in_mapping(id, &entries, key, depth)
            }
            _ => {
                let entries = self.values.entries(id).unwrap_or_default();
                self.find_in_mapping(id, &entries, key, depth)
            }
        }
    }

    fn find_in_mapping(&mut self, id: Id, entries: &[(String, Id)], key: &str, depth: usize) -> Parsed<bool> {
        let holds = |name: &str| entries.iter().any(|(key, _)| key == name);
        if holds("state") && holds("param_groups") {
            self.leave_out(key.to_owned());
            return Ok(false);
        }
        if self.find_entries(entries, key, depth)? {
            for (name, value) in entries {
                if matches!(self.values.get(*value), Value::Tensor(_)) {
                    self.leave_out(joined(key, name));
                }
            }
            return Ok(true);
        }
        let is_weight = |id: Id| matches!(self.values.get(id), Value::Tensor(view) if !view.shape.is_empty());
        if entries.iter().any(|&(_, value)| is_weight(value)) {
            return self.add_group(key, id);
        }
        Ok(false)
    }

    fn add_group(&mut self, key: &str, id: Id) -> Parsed<bool> {
        if self.content.groups.len() >= MAX_GROUPS {
            return Err(Fault::new(format!("more than {MAX_GROUPS} sets of weights")));
        }
        self.content.groups.push(Group { key: key.to_owned(), id });
        Ok(true)
    }

    fn leave_out(&mut self, key: String) {
        if self.content.loose.len() < MAX_GROUPS {
            self.content.loose.push(key);
        }
    }

    fn find_entries(&mut self, entries: &[(String, Id)], key: &str, depth: usize) -> Parsed<bool> {
        let mut found = false;
        for (name, value) in entries {
            found |= self.find(*value, &joined(key, name), depth + 1)?;
        }
        Ok(found)
    }

    /// Attributes of a module and of its children: what the constructor was told.
    fn note_module(&mut self, module: &Module, key: &str, depth: usize) -> Parsed<()> {
        for (name, value) in &module.attributes {
            if !name.starts_with('_') && name != "training" {
                self.find(*value, &joined(key, name), depth + 1)?;
            }
        }
        for (name, child) in self.values.entries(module.children).unwrap_or_default() {
            let Value::Object(object) = self.values.get(child) else { continue };
            if depth >= MAX_DEPTH || !self.seen.insert(child) {
                continue;
            }
            let key = joined(key, &name);
            self.note(&joined(&key, "__class__"), || object.class.chars().take(MAX_TEXT).collect());
            if let Some(module) = Module::of(self.values, object) {
                self.note_module(&module, &key, depth + 1)?;
            }
        }
        Ok(())
    }

    fn note(&mut self, key: &str, text: impl FnOnce() -> String) {
        if !key.is_empty() && self.content.metadata.len() < MAX_METADATA && key.len() <= MAX_KEY {
            self.content.metadata.insert(key.to_owned(), text());
        }
    }

    fn is_scalar(&self, id: Id) -> bool {
        matches!(self.values.get(id), Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_))
    }

    fn scalar(&self, id: Id) -> String {
        match self.values.get(id) {
            Value::Bool(bool) => bool.to_string(),
            Value::Int(int) => int.to_string(),
            Value::Float(float) => float.to_string(),
            Value::Text(text) => format!("{:?}", shortened(text)),
            _ => String::new(),
        }
    }
}

/// A pickled `torch.nn.Module`: an object whose state has tables of parameters and of children.
struct Module {
    attributes: Vec<(String, Id)>,
    parameters: Id,
    buffers: Option<Id>,
    children: Id,
    /// Buffers that `state_dict()` leaves out.
    transient: Option<Id>,
}

impl Module {
    fn of(values: &Values, object: &Object) -> Option<Self> {
        let state = object.state?;
        let table = |name| {
            let id = values.entry(state, name)?;
            matches!(values.get(id), Value::Mapping(_)).then_some(id)
        };
        Some(Self {
            parameters: table("_parameters")?,
            children: table("_modules")?,
            buffers: table("_buffers"),
            transient: values.entry(state, "_non_persistent_buffers_set"),
            attributes: values.entries(state)?,
        })
    }

    /// Entries in the order of `state_dict()`: parameters, buffers, children.
    fn entries(&self, values: &Values) -> Vec<(String, Id)> {
        let transient = self.transient.and_then(|id| values.sequence(id)).unwrap_or_default();
        let is_transient = |name: &str| transient.iter().any(|&id| values.text(id) == Some(name));
        let mut entries = values.entries(self.parameters).unwrap_or_default();
        let buffers = self.buffers.and_then(|id| values.entries(id)).unwrap_or_default();
        entries.extend(buffers.into_iter().filter(|(name, _)| !is_transient(name)));
        entries.extend(values.entries(self.children).unwrap_or_default());
        entries
    }
}

struct Flat<'a> {
    values: &'a Values,
    tensors: Vec<(String, View)>,
    visits: usize,
}

impl Flat<'_> {
    fn collect(&mut self, id: Id, name: &str, depth: usize) -> Parsed<()> {
        self.visits += 1;
        let too_deep = depth > MAX_DEPTH || name.len() > MAX_KEY / 4;
        if too_deep || self.visits > MAX_VISITS || self.tensors.len() >= MAX_TENSORS {
            return Err(Fault::new(format!(
                "weights of more than {MAX_TENSORS} tensors or nested deeper than {MAX_DEPTH} levels"
            )));
        }
        let entries = match self.values.get(id) {
            Value::Tensor(view) => {
                self.tensors.push((name.to_owned(), (**view).clone()));
                return Ok(());
            }
            Value::Sequence(items) => {
                items.iter().enumerate().map(|(at, &item)| (at.to_string(), item)).collect()
            }
            Value::Object(object) => match Module::of(self.values, object) {
                Some(module) => module.entries(self.values),
                None => {
                    self.refuse_hidden_tensor(object, name)?;
                    self.values.entries(id).unwrap_or_default()
                }
            },
            _ => self.values.entries(id).unwrap_or_default(),
        };
        for (key, value) in entries {
            self.collect(value, &joined(name, &key), depth + 1)?;
        }
        Ok(())
    }

    /// A sparse, quantized or otherwise unusual tensor must not go missing silently.
    fn refuse_hidden_tensor(&self, object: &Object, name: &str) -> Parsed<()> {
        let holds_data = |&id: &Id| matches!(self.values.get(id), Value::Tensor(_) | Value::Storage(_));
        let arguments = self.values.sequence(object.arguments).unwrap_or_default();
        let inner = |id: &Id| self.values.sequence(*id).is_some_and(|items| items.iter().any(holds_data));
        if arguments.iter().any(|id| holds_data(id) || inner(id)) {
            return Err(Fault::new(format!(
                "the tensor {:?} of an unsupported kind ({})",
                shortened(name),
                shortened(&object.class)
            )));
        }
        Ok(())
    }
}

/// The attributes of an object: its state, or the first half of (state, slots).
fn attributes(values: &Values, object: &Object) -> Option<Vec<(String, Id)>> {
    let state = object.state?;
    match values.sequence(state) {
        Some(&[state, _slots]) => values.entries(state),
        _ => values.entries(state),
    }
}

fn joined(key: &str, name: &str) -> String {
    if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") }
}
