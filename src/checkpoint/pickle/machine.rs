//! The stack machine: opcodes to values, within limits.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::rebuild;
use super::{Fault, Id, Object, Parsed, Pickle, Value, Values};

/// Largest pickle that is parsed, in bytes; real ones describe a network in tens of kilobytes.
pub(in crate::checkpoint) const MAX_BYTES: usize = 32 << 20;

/// Most values, memo entries and stack slots.
const MAX_VALUES: usize = 1_000_000;

/// Most bytes that may be made by copying what is in the pickle once (names, items, shapes).
const MAX_COPIED: usize = 64 << 20;

const NONE: Id = 0;
const FALSE: Id = 1;
const TRUE: Id = 2;

/// Parses the pickle that starts at the beginning of `bytes`; what follows it is left alone.
pub(in crate::checkpoint) fn parse(bytes: &[u8]) -> Parsed<Pickle> {
    let mut machine = Machine {
        bytes,
        at: 0,
        values: Values { list: vec![Value::None, Value::Bool(false), Value::Bool(true)] },
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        storages: BTreeMap::new(),
        copied: 0,
    };
    let root = machine.run()?;
    Ok(Pickle { values: machine.values, root, storages: machine.storages, end: machine.at })
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Values,
    stack: Vec<Id>,
    /// Heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    storages: BTreeMap<String, (usize, u64)>,
    copied: usize,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Parsed<Id> {
        loop {
            let start = self.at;
            let opcode = self.byte()?;
            match opcode {
                b'.' => return self.pop(),
                0x80 => {
                    let protocol = self.byte()?;
                    if protocol > 5 {
                        return Err(Fault::new(format!("pickle protocol {protocol}, newer than 5")));
                    }
                }
                // A frame only groups what follows for a reader of streams.
                0x95 => {
                    self.take(8)?;
                }

                b'N' => self.push(NONE)?,
                0x88 => self.push(TRUE)?,
                0x89 => self.push(FALSE)?,
                b'J' => {
                    let int = i32::from_le_bytes(self.array()?);
                    self.make(Value::Int(int.into()))?;
                }
                b'K' => {
                    let int = self.byte()?;
                    self.make(Value::Int(int.into()))?;
                }
                b'M' => {
                    let int = u16::from_le_bytes(self.array()?);
                    self.make(Value::Int(int.into()))?;
                }
                0x8a => {
                    let length = self.byte()?;
                    self.long(length.into())?;
                }
                0x8b => {
                    let length = self.length4()?;
                    self.long(length)?;
                }
                b'G' => {
                    let float = f64::from_be_bytes(self.array()?);
                    self.make(Value::Float(float))?;
                }
                b'I' => match self.line()? {
                    "00" => self.push(FALSE)?,
                    "01" => self.push(TRUE)?,
                    text => {
                        let int = decimal(text)?;
                        self.make(int)?;
                    }
                },
                b'L' => {
                    let text = self.line()?;
                    let int = decimal(text.strip_suffix('L').unwrap_or(text))?;
                    self.make(int)?;
                }
                b'F' => {
                    let text = self.line()?;
                    let float = text.parse().map_err(|_invalid| {
                        Fault::new(format!("the text {:?} for a float", shortened(text)))
                    })?;
                    self.make(Value::Float(float))?;
                }

                b'V' => {
                    let text = self.line()?.into();
                    self.make(Value::Text(text))?;
                }
                // Text of Python 2 (T, U) comes as bytes that nearly always are UTF-8.
                b'U' => {
                    let length = self.byte()?;
                    self.old_text(length.into())?;
                }
                b'T' => {
                    let length = self.length4()?;
                    self.old_text(length)?;
                }
                0x8c => {
                    let length = self.byte()?;
                    self.text(length.into())?;
                }
                b'X' => {
                    let length = self.length4()?;
                    self.text(length)?;
                }
                0x8d => {
                    let length = self.length8()?;
                    self.text(length)?;
                }
                b'C' => {
                    let length = self.byte()?;
                    self.raw_bytes(length.into())?;
                }
                b'B' => {
                    let length = self.length4()?;
                    self.raw_bytes(length)?;
                }
                0x8e | 0x96 => {
                    let length = self.length8()?;
                    self.raw_bytes(length)?;
                }

                b'(' => {
                    within(self.marks.len(), "open marks")?;
                    self.marks.push(self.stack.len());
                }
                b')' | b']' | 0x8f => self.make(Value::Sequence(Vec::new()))?,
                b'}' => self.make(Value::Mapping(Vec::new()))?,
                b't' | b'l' | 0x91 => {
                    let items = self.pop_to_mark()?;
                    self.make(Value::Sequence(items))?;
                }
                0x85..=0x87 => {
                    let from = self.stack.len().checked_sub(usize::from(opcode - 0x84));
                    let items = from.filter(|&from| from >= self.floor()).ok_or_else(underflow)?;
                    let items = self.stack.split_off(items);
                    self.make(Value::Sequence(items))?;
                }
                b'd' => {
                    let items = pairs(self.pop_to_mark()?)?;
                    self.make(Value::Mapping(items))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(&[item])?;
                }
                b'e' | 0x90 => {
                    let items = self.pop_to_mark()?;
                    self.append(&items)?;
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.set_items(&[(key, value)])?;
                }
                b'u' => {
                    let items = pairs(self.pop_to_mark()?)?;
                    self.set_items(&items)?;
                }

                b'0' => {
                    if self.stack.len() == self.floor() && !self.marks.is_empty() {
                        self.marks.pop();
                    } else {
                        self.pop()?;
                    }
                }
                b'1' => {
                    self.pop_to_mark()?;
                }
                b'2' => {
                    let top = self.top()?;
                    self.push(top)?;
                }

                b'g' => {
                    let index = self.index_line()?;
                    self.recall(index)?;
                }
                b'h' => {
                    let index = self.byte()?;
                    self.recall(index.into())?;
                }
                b'j' => {
                    let index = u32::from_le_bytes(self.array()?);
                    self.recall(index)?;
                }
                b'p' => {
                    let index = self.index_line()?;
                    self.memorise(index)?;
                }
                b'q' => {
                    let index = self.byte()?;
                    self.memorise(index.into())?;
                }
                b'r' => {
                    let index = u32::from_le_bytes(self.array()?);
                    self.memorise(index)?;
                }
                0x94 => {
                    let index = u32::try_from(self.memo.len()).unwrap_or(u32::MAX);
                    self.memorise(index)?;
                }

                b'c' => {
                    let module = self.line()?;
                    let name = self.line()?;
                    self.make(Value::Global(format!("{module}.{name}").into()))?;
                }
                0x93 => {
                    let name = self.pop()?;
                    let module = self.pop()?;
                    let (Some(module), Some(name)) = (self.values.text(module), self.values.text(name))
                    else {
                        return Err(Fault::new("a class named by something other than text"));
                    };
                    let global = Rc::from(format!("{module}.{name}"));
                    self.copy(module.len() + name.len())?;
                    self.make(Value::Global(global))?;
                }
                b'Q' => {
                    let id = self.pop()?;
                    let storage = rebuild::storage(&self.values, id)?;
                    self.copy(size_of::<rebuild::Storage>() + 2 * storage.key.len())?;
                    self.declare(&storage)?;
                    self.make(Value::Storage(Rc::new(storage)))?;
                }
                b'R' => {
                    let arguments = self.pop()?;
                    let callable = self.pop()?;
                    self.call(callable, arguments)?;
                }
                0x81 => {
                    let arguments = self.pop()?;
                    let class = self.pop()?;
                    self.instantiate(class, arguments)?;
                }
                0x92 => {
                    let _keywords = self.pop()?;
                    let arguments = self.pop()?;
                    let class = self.pop()?;
                    self.instantiate(class, arguments)?;
                }
                b'b' => {
                    let state = self.pop()?;
                    let object = self.top()?;
                    // Attributes of a dictionary or a tensor carry nothing that is wanted.
                    if let Some(Value::Object(object)) = self.values.list.get_mut(object as usize) {
                        object.state = Some(state);
                    }
                }
                _ => {
                    return Err(Fault::new(format!(
                        "the byte {opcode:#04x} at offset {start} of its pickle, which no checkpoint has there"
                    )));
                }
            }
        }
    }

    /// `callable(*arguments)`, for the few calls that only put data together; any other stays a name.
    fn call(&mut self, callable: Id, arguments: Id) -> Parsed<()> {
        let Value::Global(name) = self.values.get(callable) else {
            return self.instantiate(callable, arguments);
        };
        let fields = self.values.sequence(arguments).unwrap_or_default();
        match &**name {
            "collections.OrderedDict" => {
                let items = match fields.first() {
                    None => Vec::new(),
                    Some(&list) => rebuild::ordered_items(&self.values, list)?,
                };
                self.copy(size_of_val(items.as_slice()))?;
                self.make(Value::Mapping(items))
            }
            // A set is read as the list that it was made of.
            "builtins.set" | "__builtin__.set" | "builtins.frozenset" | "__builtin__.frozenset" => {
                match fields.first() {
                    None => self.make(Value::Sequence(Vec::new())),
                    Some(&list) => self.push(list),
                }
            }
            // The parameter is its tensor; what else it carries (hooks, requires_grad) is not wanted.
            "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state" => {
                let data = *fields.first().ok_or_else(|| Fault::new("a parameter without data"))?;
                self.push(data)
            }
            name => match rebuild::tensor(&self.values, name, fields)? {
                Some(view) => {
                    self.copy(size_of_val(&view) + 2 * size_of_val(&*view.shape) + view.storage.len())?;
                    self.make(Value::Tensor(Box::new(view)))
                }
                None => self.instantiate(callable, arguments),
            },
        }
    }

    fn instantiate(&mut self, class: Id, arguments: Id) -> Parsed<()> {
        let class = match self.values.get(class) {
            Value::Global(name) => Rc::clone(name),
            Value::Object(object) => Rc::clone(&object.class),
            _ => Rc::from("object"),
        };
        if &*class == "collections.OrderedDict" {
            return self.make(Value::Mapping(Vec::new()));
        }
        self.make(Value::Object(Box::new(Object { class, arguments, state: None, items: Vec::new() })))
    }

    fn declare(&mut self, storage: &rebuild::Storage) -> Parsed<()> {
        let size = (storage.element_size(), storage.declared);
        match self.storages.insert(storage.key.clone(), size) {
            Some(earlier) if earlier != size => {
                Err(Fault::new(format!("two sizes for the storage {:?}", shortened(&storage.key))))
            }
            _ => Ok(()),
        }
    }

    fn append(&mut self, items: &[Id]) -> Parsed<()> {
        let top = self.top()?;
        match self.values.list.get_mut(top as usize) {
            Some(Value::Sequence(list)) => list.extend_from_slice(items),
            // The items of a list subclass (a deque, say) are not wanted.
            Some(Value::Object(_)) => {}
            _ => return Err(Fault::new("items appended to something other than a list")),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[(Id, Id)]) -> Parsed<()> {
        let top = self.top()?;
        match self.values.list.get_mut(top as usize) {
            Some(Value::Mapping(mapping)) => mapping.extend_from_slice(items),
            Some(Value::Object(object)) => object.items.extend_from_slice(items),
            _ => return Err(Fault::new("items set on something other than a dictionary")),
        }
        Ok(())
    }

    /// Accounts for bytes that a short pickle can have made again and again.
    fn copy(&mut self, bytes: usize) -> Parsed<()> {
        self.copied = self.copied.saturating_add(bytes);
        if self.copied <= MAX_COPIED {
            return Ok(());
        }
        Err(Fault::new("a pickle that unfolds to many times its size"))
    }

    fn make(&mut self, value: Value) -> Parsed<()> {
        within(self.values.list.len(), "values")?;
        let id = Id::try_from(self.values.list.len()).unwrap_or(Id::MAX);
        self.values.list.push(value);
        self.push(id)
    }

    fn push(&mut self, id: Id) -> Parsed<()> {
        within(self.stack.len(), "values on the stack")?;
        self.stack.push(id);
        Ok(())
    }

    /// Height below which the innermost mark forbids to pop.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Parsed<Id> {
        if self.stack.len() <= self.floor() {
            return Err(underflow());
        }
        self.stack.pop().ok_or_else(underflow)
    }

    fn top(&self) -> Parsed<Id> {
        if self.stack.len() <= self.floor() {
            return Err(underflow());
        }
        self.stack.last().copied().ok_or_else(underflow)
    }

    fn pop_to_mark(&mut self) -> Parsed<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(underflow)?;
        Ok(self.stack.split_off(mark))
    }

    fn recall(&mut self, index: u32) -> Parsed<()> {
        let id = *self
            .memo
            .get(&index)
            .ok_or_else(|| Fault::new(format!("a reference to value {index} before that value")))?;
        self.push(id)
    }

    fn memorise(&mut self, index: u32) -> Parsed<()> {
        within(self.memo.len(), "memo entries")?;
        let top = self.top()?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn byte(&mut self) -> Parsed<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        let bytes = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk).ok_or_else(cut_short)?;
        self.at += N;
        Ok(*bytes)
    }

    fn take(&mut self, length: usize) -> Parsed<&'a [u8]> {
        let end = self.at.checked_add(length).ok_or_else(cut_short)?;
        let bytes = self.bytes.get(self.at..end).ok_or_else(cut_short)?;
        self.at = end;
        Ok(bytes)
    }

    fn length4(&mut self) -> Parsed<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_too_large| cut_short())
    }

    fn length8(&mut self) -> Parsed<usize> {
        usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_too_large| cut_short())
    }

    /// The text up to the next line feed.
    fn line(&mut self) -> Parsed<&'a str> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or_else(cut_short)?;
        self.at += length + 1;
        let line =
            std::str::from_utf8(&rest[..length]).map_err(|_invalid| Fault::new("a name that is no text"))?;
        Ok(line.strip_suffix('\r').unwrap_or(line))
    }

    fn index_line(&mut self) -> Parsed<u32> {
        let text = self.line()?;
        text.parse()
            .map_err(|_invalid| Fault::new(format!("the text {:?} for a memo index", shortened(text))))
    }

    fn text(&mut self, length: usize) -> Parsed<()> {
        // Lossy: Python also writes lone surrogates, which UTF-8 has no place for.
        let text = String::from_utf8_lossy(self.take(length)?).into();
        self.make(Value::Text(text))
    }

    /// Text of Python 2, which also holds bytes that are no text.
    fn old_text(&mut self, length: usize) -> Parsed<()> {
        match std::str::from_utf8(self.take(length)?) {
            Ok(text) => self.make(Value::Text(text.into())),
            Err(_) => self.make(Value::Bytes(self.at - length..self.at)),
        }
    }

    fn raw_bytes(&mut self, length: usize) -> Parsed<()> {
        self.take(length)?;
        self.make(Value::Bytes(self.at - length..self.at))
    }

    fn long(&mut self, length: usize) -> Parsed<()> {
        let bytes = self.take(length)?;
        let value = match bytes.len() {
            0..=8 => {
                let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
                let mut int = [if negative { 0xff } else { 0 }; 8];
                int[..bytes.len()].copy_from_slice(bytes);
                Value::Int(i64::from_le_bytes(int))
            }
            _ => Value::Opaque,
        };
        self.make(value)
    }
}

fn within(count: usize, what: &str) -> Parsed<()> {
    if count < MAX_VALUES {
        return Ok(());
    }
    Err(Fault::new(format!("a pickle of more than {MAX_VALUES} {what}")))
}

fn cut_short() -> Fault {
    Fault::new("a pickle that ends in the middle")
}

fn underflow() -> Fault {
    Fault::new("a pickle that takes more values than it made")
}

fn decimal(text: &str) -> Parsed<Value> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    match text.parse() {
        Ok(int) => Ok(Value::Int(int)),
        Err(err) if matches!(err.kind(), PosOverflow | NegOverflow) => Ok(Value::Opaque),
        Err(_) => Err(Fault::new(format!("the text {:?} for an integer", shortened(text)))),
    }
}

fn pairs(items: Vec<Id>) -> Parsed<Vec<(Id, Id)>> {
    let (pairs, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Fault::new("a dictionary key without a value"));
    }
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}

/// The first characters of a text from a file, for a message.
pub(in crate::checkpoint) fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}
