//! Storages and tensors as a pickle describes them; sizes are checked, nothing is read yet.

use std::rc::Rc;

use super::super::element::Element;
use super::machine::shortened;
use super::{Fault, Id, Parsed, Value, Values};

/// Most dimensions of a tensor.
const MAX_RANK: usize = 64;

/// A run of elements that lies outside the pickle, under a key.
#[derive(Clone, Debug)]
pub(in crate::checkpoint) struct Storage {
    pub(in crate::checkpoint) key: String,
    /// `None` for a storage of plain bytes, whose tensors name their type themselves.
    element: Option<Element>,
    /// Elements of the whole storage.
    pub(in crate::checkpoint) declared: u64,
    /// First element and end of the part that tensors may refer to (early files name such parts).
    start: u64,
    end: u64,
}

impl Storage {
    pub(in crate::checkpoint) fn element_size(&self) -> usize {
        self.element.map_or(1, Element::size)
    }
}

/// A tensor as a strided view of a storage. Its last element lies within the storage's declared size.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::checkpoint) struct View {
    pub(in crate::checkpoint) storage: String,
    pub(in crate::checkpoint) element: Element,
    /// First element.
    pub(in crate::checkpoint) offset: u64,
    pub(in crate::checkpoint) shape: Vec<u64>,
    /// In elements, one per dimension.
    pub(in crate::checkpoint) stride: Vec<u64>,
    /// Number of elements, the product of `shape`.
    pub(in crate::checkpoint) n_elements: u64,
    /// One past the last element in the storage.
    pub(in crate::checkpoint) end: u64,
}

/// The storage behind a persistent id `("storage", class, key, location, n_elements[, view])`.
///
/// Where the storage lived (`cuda:3`) is ignored.
pub(super) fn storage(values: &Values, id: Id) -> Parsed<Storage> {
    let malformed = || Fault::new("a reference to tensor data in no known form");
    let fields = values.sequence(id).ok_or_else(malformed)?;
    let &[tag, class, key, _location, declared, ref view @ ..] = fields else { return Err(malformed()) };
    if values.text(tag) != Some("storage") {
        return Err(malformed());
    }
    let class = match values.get(class) {
        Value::Global(class) => &**class,
        Value::Text(class) => &**class,
        _ => return Err(malformed()),
    };
    let element = if class.ends_with("UntypedStorage") {
        None
    } else {
        let unknown = || Fault::new(format!("tensor data of the unknown type {:?}", shortened(class)));
        Some(Element::of_storage(class).ok_or_else(unknown)?)
    };
    let key = values.key(key).ok_or_else(malformed)?;
    let declared = count(values, declared, "the size of tensor data")?;
    if declared.checked_mul(element.map_or(1, Element::size) as u64).is_none() {
        return Err(Fault::new(format!("tensor data of {declared} elements")));
    }
    let (start, end) = match view.first().map(|&view| values.get(view)) {
        None | Some(Value::None) => (0, declared),
        Some(Value::Sequence(part)) => {
            let &[_key, offset, size] = part.as_slice() else { return Err(malformed()) };
            let start = count(values, offset, "an offset")?;
            let size = count(values, size, "a size")?;
            let end = start.checked_add(size).filter(|&end| end <= declared).ok_or_else(malformed)?;
            (start, end)
        }
        Some(_) => return Err(malformed()),
    };
    Ok(Storage { key, element, declared, start, end })
}

/// The tensor that a call of `torch._utils._rebuild_tensor*` describes; `None` for any other call.
pub(super) fn tensor(values: &Values, function: &str, fields: &[Id]) -> Parsed<Option<View>> {
    let few = || Fault::new(format!("too few arguments of {function}"));
    match function {
        "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2" => {
            view(values, fields.get(..4).ok_or_else(few)?, None)
        }
        "torch._utils._rebuild_tensor_v3" => {
            let Value::Global(dtype) = values.get(*fields.get(6).ok_or_else(few)?) else { return Err(few()) };
            match Element::of_dtype(dtype) {
                Some(element) => view(values, &fields[..4], Some(element)),
                None => Ok(None),
            }
        }
        // A subclass of tensor: (function, class, arguments, state), where the data is what counts.
        "torch._tensor._rebuild_from_type_v2" => {
            let &[inner, _class, arguments, ..] = fields else { return Err(few()) };
            match values.get(inner) {
                Value::Global(inner) if inner.starts_with("torch._utils._rebuild_tensor") => {
                    tensor(values, inner, values.sequence(arguments).unwrap_or_default())
                }
                _ => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

/// `(storage, offset, shape, stride)` as a view, with every size checked.
fn view(values: &Values, fields: &[Id], dtype: Option<Element>) -> Parsed<Option<View>> {
    let &[storage, offset, shape, stride] = fields else { return Ok(None) };
    let Value::Storage(storage) = values.get(storage) else {
        return Err(Fault::new("a tensor without data"));
    };
    let storage: &Rc<Storage> = storage;
    let shape = counts(values, shape, "a tensor's shape")?;
    let stride = counts(values, stride, "a tensor's strides")?;
    if stride.len() != shape.len() || shape.len() > MAX_RANK {
        return Err(Fault::new(format!(
            "a tensor of {} dimensions and {} strides",
            shape.len(),
            stride.len()
        )));
    }
    let element = match (dtype, storage.element) {
        (Some(dtype), None) => dtype,
        (None, Some(element)) => element,
        (Some(dtype), Some(element)) if dtype == element => dtype,
        _ => return Err(Fault::new("a tensor of another type than its data")),
    };
    let too_large = || Fault::new(format!("a tensor of shape {shape:?}, beyond what can be addressed"));
    let n_elements =
        shape.iter().try_fold(1u64, |product, &size| product.checked_mul(size)).ok_or_else(too_large)?;
    let offset =
        count(values, offset, "a tensor's offset")?.checked_add(storage.start).ok_or_else(too_large)?;
    let mut end = offset;
    if n_elements > 0 {
        for (&size, &step) in shape.iter().zip(&stride) {
            let reach = (size - 1).checked_mul(step).ok_or_else(too_large)?;
            end = end.checked_add(reach).ok_or_else(too_large)?;
        }
        end = end.checked_add(1).ok_or_else(too_large)?;
    }
    // A storage of plain bytes counts bytes.
    let available = if storage.element.is_some() { storage.end } else { storage.end / element.size() as u64 };
    if end > available {
        return Err(Fault::new(format!(
            "a tensor of shape {shape:?} that reaches element {end} of data of {available} elements"
        )));
    }
    Ok(Some(View { storage: storage.key.clone(), element, offset, shape, stride, n_elements, end }))
}

/// The argument of `OrderedDict([(key, value), …])`.
pub(super) fn ordered_items(values: &Values, list: Id) -> Parsed<Vec<(Id, Id)>> {
    if let Value::Mapping(items) = values.get(list) {
        return Ok(items.clone());
    }
    let malformed = || Fault::new("an OrderedDict of something other than pairs");
    let pair = |&item: &Id| match values.sequence(item) {
        Some(&[key, value]) => Ok((key, value)),
        _ => Err(malformed()),
    };
    values.sequence(list).ok_or_else(malformed)?.iter().map(pair).collect()
}

fn count(values: &Values, id: Id, what: &str) -> Parsed<u64> {
    match values.get(id) {
        Value::Int(int) => u64::try_from(*int).map_err(|_negative| Fault::new(format!("{what} of {int}"))),
        _ => Err(Fault::new(format!("{what} that is no integer"))),
    }
}

fn counts(values: &Values, id: Id, what: &str) -> Parsed<Vec<u64>> {
    let items = values.sequence(id).ok_or_else(|| Fault::new(format!("{what} that is no list")))?;
    items.iter().map(|&item| count(values, item, what)).collect()
}
