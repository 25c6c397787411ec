//! The few pickle instructions that a state dict needs (Python's `pickletools`, protocol 2). Nothing is imported or
//! called: the three names that a state dict uses are known, everything else is refused by name.
//!
//! An instruction makes one value at most, so the bytes of a pickle, which the archive bounds, bound its values too.

use std::collections::HashMap;

/// Of one text: a weight's name, a device, a storage's key.
const MOST_TEXT_BYTES: usize = 256;
const MOST_TENSORS: usize = 1000;
const MOST_DIMENSIONS: usize = 8;
const REBUILD_TENSOR: &str = "torch._utils._rebuild_tensor_v2";
const ORDERED_DICT: &str = "collections.OrderedDict";

/// A tensor as a view of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorEntry {
    /// `FloatStorage`, `LongStorage` and the like.
    pub storage_type: String,
    /// File name of the storage in the archive.
    pub key: String,
    /// Elements in the storage.
    pub storage_count: usize,
    /// First element.
    pub offset: usize,
    /// Outermost dimension first.
    pub shape: Vec<usize>,
    /// Elements between neighbors of each dimension.
    pub strides: Vec<usize>,
}

impl TensorEntry {
    /// The elements of the view, row-major; none where it leaves the storage or repeats elements of it.
    pub fn gathered<T: Copy>(&self, storage: &[T]) -> Option<Vec<T>> {
        if self.shape.len() != self.strides.len() {
            return None;
        }
        let count = self.shape.iter().try_fold(1usize, |product, side| product.checked_mul(*side))?;
        let reach =
            |sum: usize, (side, stride): (&usize, &usize)| sum.checked_add(side.checked_sub(1)?.checked_mul(*stride)?);
        let last = self.shape.iter().zip(&self.strides).try_fold(self.offset, reach)?;
        if count > storage.len() || last >= storage.len() {
            return None;
        }
        let mut elements = Vec::with_capacity(count);
        let mut place = self.offset;
        let mut index = vec![0; self.shape.len()];
        for _ in 0..count {
            elements.push(*storage.get(place)?);
            for (axis, at) in index.iter_mut().enumerate().rev() {
                *at += 1;
                place += self.strides[axis];
                if *at < self.shape[axis] {
                    break;
                }
                place -= self.shape[axis] * self.strides[axis];
                *at = 0;
            }
        }
        Some(elements)
    }
}

/// The named tensors of the state dict that a pickle describes.
///
/// # Errors
/// What the pickle does beyond describing one, in words.
pub fn tensors(program: &[u8]) -> Result<Vec<(String, TensorEntry)>, String> {
    let mut machine = Machine { input: program, values: Vec::new(), stack: Vec::new(), memo: HashMap::new() };
    let result = machine.run()?;
    let Value::Dict(entries) = machine.value(result)? else {
        return Err("a pickle whose result is no dictionary".to_owned());
    };
    if entries.len() > MOST_TENSORS {
        return Err(format!("{} tensors, over the limit of {MOST_TENSORS}", entries.len()));
    }
    let mut found = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        match (machine.value(*key)?, machine.value(*value)?) {
            (Value::Text(name), Value::Tensor(entry)) => found.push((name.clone(), entry.clone())),
            (Value::Text(name), _) => return Err(format!("{name:?}, which is no tensor")),
            _ => return Err("a key that is no text".to_owned()),
        }
    }
    Ok(found)
}

/// Values refer to each other by place, as Python's references do.
type Place = usize;

#[derive(Debug, Clone)]
enum Value {
    /// Flags and None, which nothing reads.
    Ignored,
    Mark,
    Integer(i64),
    Text(String),
    Tuple(Vec<Place>),
    Dict(Vec<(Place, Place)>),
    Name(String),
    Storage(Storage),
    Tensor(TensorEntry),
}

#[derive(Debug, Clone)]
struct Storage {
    storage_type: String,
    key: String,
    count: usize,
}

struct Machine<'a> {
    input: &'a [u8],
    values: Vec<Value>,
    stack: Vec<Place>,
    memo: HashMap<u32, Place>,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Place, String> {
        loop {
            match self.byte()? {
                0x80 => self.protocol()?,
                b'.' => return self.pop(),
                b'}' => self.push(Value::Dict(Vec::new())),
                b')' => self.push(Value::Tuple(Vec::new())),
                b'(' => self.push(Value::Mark),
                b'N' | 0x88 | 0x89 => self.push(Value::Ignored),
                b'K' => self.integer::<1>()?,
                b'M' => self.integer::<2>()?,
                b'J' => self.signed_integer()?,
                0x8a => self.long_integer()?,
                b'X' => self.text()?,
                b'c' => self.global()?,
                b'q' => self.remember_byte()?,
                b'r' => self.remember_word()?,
                b'h' => self.recall_byte()?,
                b'j' => self.recall_word()?,
                b't' => self.tuple_to_mark()?,
                0x85 => self.tuple(1)?,
                0x86 => self.tuple(2)?,
                0x87 => self.tuple(3)?,
                b'Q' => self.persistent()?,
                b'R' => self.reduce()?,
                b's' => self.set_item()?,
                b'u' => self.set_items()?,
                b'b' => self.attributes()?,
                other => return Err(format!("pickle instruction {other:#04x}, which no state dict needs")),
            }
        }
    }

    fn protocol(&mut self) -> Result<(), String> {
        match self.byte()? {
            2 => Ok(()),
            other => Err(format!("pickle protocol {other}, not 2")),
        }
    }

    fn integer<const N: usize>(&mut self) -> Result<(), String> {
        let number = self.take(N)?.iter().rev().fold(0, |number, byte| number << 8 | i64::from(*byte));
        self.push(Value::Integer(number));
        Ok(())
    }

    fn signed_integer(&mut self) -> Result<(), String> {
        let number = i32::from_le_bytes(self.array()?);
        self.push(Value::Integer(number.into()));
        Ok(())
    }

    fn long_integer(&mut self) -> Result<(), String> {
        let length = self.byte()?;
        if length > 8 {
            return Err(format!("an integer of {length} bytes"));
        }
        let bytes = self.take(length.into())?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut wide = if negative { [0xff; 8] } else { [0; 8] };
        wide[..bytes.len()].copy_from_slice(bytes);
        self.push(Value::Integer(i64::from_le_bytes(wide)));
        Ok(())
    }

    fn text(&mut self) -> Result<(), String> {
        let length = u32::from_le_bytes(self.array()?) as usize;
        if length > MOST_TEXT_BYTES {
            return Err(format!("a text of {length} bytes, over the limit of {MOST_TEXT_BYTES}"));
        }
        let text = std::str::from_utf8(self.take(length)?).map_err(|error| error.to_string())?.to_owned();
        self.push(Value::Text(text));
        Ok(())
    }

    fn global(&mut self) -> Result<(), String> {
        let (module, name) = (self.line()?, self.line()?);
        let full = format!("{module}.{name}");
        let is_storage = module == "torch" && name.ends_with("Storage");
        if !is_storage && full != REBUILD_TENSOR && full != ORDERED_DICT {
            return Err(format!("a pickle that wants {full:?}, which is no part of a state dict"));
        }
        self.push(Value::Name(full));
        Ok(())
    }

    fn remember_byte(&mut self) -> Result<(), String> {
        let key = self.byte()?.into();
        self.remember(key)
    }

    fn remember_word(&mut self) -> Result<(), String> {
        let key = u32::from_le_bytes(self.array()?);
        self.remember(key)
    }

    fn remember(&mut self, key: u32) -> Result<(), String> {
        let place = *self.stack.last().ok_or("a pickle that remembers nothing")?;
        self.memo.insert(key, place);
        Ok(())
    }

    fn recall_byte(&mut self) -> Result<(), String> {
        let key = self.byte()?.into();
        self.recall(key)
    }

    fn recall_word(&mut self) -> Result<(), String> {
        let key = u32::from_le_bytes(self.array()?);
        self.recall(key)
    }

    fn recall(&mut self, key: u32) -> Result<(), String> {
        let place = *self.memo.get(&key).ok_or_else(|| format!("a pickle that recalls {key}, which it never met"))?;
        self.stack.push(place);
        Ok(())
    }

    fn tuple_to_mark(&mut self) -> Result<(), String> {
        let items = self.pop_to_mark()?;
        self.push(Value::Tuple(items));
        Ok(())
    }

    fn tuple(&mut self, count: usize) -> Result<(), String> {
        let start = self.stack.len().checked_sub(count).ok_or("a pickle that takes from an empty stack")?;
        let items = self.stack.split_off(start);
        self.push(Value::Tuple(items));
        Ok(())
    }

    /// `('storage', torch.FloatStorage, key, device, count)`
    fn persistent(&mut self) -> Result<(), String> {
        let place = self.pop()?;
        let storage = self.storage(place)?;
        self.push(Value::Storage(storage));
        Ok(())
    }

    fn storage(&self, place: Place) -> Result<Storage, String> {
        let Value::Tuple(items) = self.value(place)? else {
            return Err("a persistent object that is no tuple".to_owned());
        };
        let [kind, name, key, _device, count] = items.as_slice() else {
            return Err(format!("a persistent object of {} parts", items.len()));
        };
        match (self.value(*kind)?, self.value(*name)?, self.value(*key)?) {
            (Value::Text(kind), Value::Name(name), Value::Text(key)) if kind == "storage" => {
                let storage_type = name.rsplit('.').next().unwrap_or_default().to_owned();
                Ok(Storage { storage_type, key: key.clone(), count: self.size(*count)? })
            }
            _ => Err("a persistent object that is no storage".to_owned()),
        }
    }

    /// `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)` or `OrderedDict()`.
    fn reduce(&mut self) -> Result<(), String> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let (Value::Name(name), Value::Tuple(arguments)) = (self.value(callee)?, self.value(arguments)?) else {
            return Err("a call of something that is no name".to_owned());
        };
        let made = match (name.as_str(), arguments.as_slice()) {
            (ORDERED_DICT, []) => Value::Dict(Vec::new()),
            (REBUILD_TENSOR, [storage, offset, shape, strides, _requires_grad, _hooks]) => {
                let Value::Storage(storage) = self.value(*storage)? else {
                    return Err("a tensor without a storage".to_owned());
                };
                Value::Tensor(TensorEntry {
                    storage_type: storage.storage_type.clone(),
                    key: storage.key.clone(),
                    storage_count: storage.count,
                    offset: self.size(*offset)?,
                    shape: self.sizes(*shape)?,
                    strides: self.sizes(*strides)?,
                })
            }
            (name, arguments) => return Err(format!("a call of {name} with {} arguments", arguments.len())),
        };
        self.push(made);
        Ok(())
    }

    /// Attributes of a dictionary, which hold versions only.
    fn attributes(&mut self) -> Result<(), String> {
        self.pop()?;
        match self.stack.last().and_then(|place| self.values.get(*place)) {
            Some(Value::Dict(_)) => Ok(()),
            _ => Err("attributes of something that is no dictionary".to_owned()),
        }
    }

    fn set_item(&mut self) -> Result<(), String> {
        let (value, key) = (self.pop()?, self.pop()?);
        self.extend_dict(vec![key, value])
    }

    fn set_items(&mut self) -> Result<(), String> {
        let items = self.pop_to_mark()?;
        self.extend_dict(items)
    }

    fn extend_dict(&mut self, items: Vec<Place>) -> Result<(), String> {
        let place = *self.stack.last().ok_or("a pickle that fills nothing")?;
        let Some(Value::Dict(entries)) = self.values.get_mut(place) else {
            return Err("a pickle that fills something that is no dictionary".to_owned());
        };
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("a key without a value".to_owned());
        }
        entries.extend(pairs.iter().map(|[key, value]| (*key, *value)));
        Ok(())
    }

    fn size(&self, place: Place) -> Result<usize, String> {
        match self.value(place)? {
            Value::Integer(number) => usize::try_from(*number).map_err(|_| format!("a size of {number}")),
            _ => Err("a size that is no integer".to_owned()),
        }
    }

    fn sizes(&self, place: Place) -> Result<Vec<usize>, String> {
        match self.value(place)? {
            Value::Tuple(items) if items.len() <= MOST_DIMENSIONS => {
                items.iter().map(|item| self.size(*item)).collect()
            }
            _ => Err("a shape that is no short tuple".to_owned()),
        }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Place>, String> {
        let is_mark = |place: &Place| matches!(self.values.get(*place), Some(Value::Mark));
        let mark = self.stack.iter().rposition(is_mark).ok_or("a pickle without its mark")?;
        let items = self.stack.split_off(mark + 1);
        self.stack.pop();
        Ok(items)
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<Place, String> {
        self.stack.pop().ok_or_else(|| "a pickle that takes from an empty stack".to_owned())
    }

    fn value(&self, place: Place) -> Result<&Value, String> {
        self.values.get(place).ok_or_else(|| "a pickle that refers to nothing".to_owned())
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.array().map(|[byte]: [u8; 1]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (head, rest) = self.input.split_first_chunk().ok_or("a pickle that ends too early")?;
        self.input = rest;
        Ok(*head)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (head, rest) = self.input.split_at_checked(length).ok_or("a pickle that ends too early")?;
        self.input = rest;
        Ok(head)
    }

    fn line(&mut self) -> Result<String, String> {
        let end = self.input.iter().take(MOST_TEXT_BYTES).position(|byte| *byte == b'\n');
        let line = String::from_utf8_lossy(self.take(end.ok_or("a name that doesn't end")?)?).into_owned();
        self.take(1)?;
        Ok(line)
    }
}
