//! The images of a room: by id, in stacking order, and in the chunks in which storage keeps them. It decides whether
//! an edit fits; who may make it is not its business.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::errors::Code;
use crate::image::{Changes, Image};
use crate::limits::{CHUNK_BYTES, FURTHER_FIELDS, IMAGE_BYTES, Limits};
use crate::recording::Redaction;
use crate::stack;
use crate::wire::json;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Images {
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
    by_id: BTreeMap<Box<str>, u32>,
    /// `(z, id)`: stacking order, ties by id.
    order: BTreeSet<(Box<str>, Box<str>)>,
    chunks: Vec<Chunk>,
    bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    image: Image,
    /// Bytes of JSON.
    size: u32,
    chunk: u32,
    /// The journal's mark of its add: before that is durable, nobody else may hear of the image (GATE4).
    mark: u64,
}

/// What one row of the snapshot holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Chunk {
    bytes: u32,
    slots: Vec<u32>,
    touched: bool,
}

/// A row of the snapshot that must be written, or deleted if empty.
#[derive(Debug)]
pub(crate) struct TouchedChunk {
    pub(crate) no: u32,
    pub(crate) bytes: Option<Vec<u8>>,
}

impl Images {
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.by_id.len()).unwrap_or(u32::MAX)
    }

    /// All images together, in bytes of JSON.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn slot(&self, id: &str) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn at(&self, slot: u32) -> Option<&Image> {
        self.entry(slot).map(|entry| &entry.image)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Image> {
        self.at(self.slot(id)?)
    }

    /// The journal's mark of the image's add.
    pub(crate) fn mark(&self, slot: u32) -> Option<u64> {
        self.entry(slot).map(|entry| entry.mark)
    }

    /// The images from the bottom up.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &Image> {
        self.order.iter().filter_map(|(_, id)| self.get(id))
    }

    /// Adds an image; one without `z` comes to lie on top.
    pub(crate) fn add(&mut self, mut image: Image, mark: u64, limits: &Limits) -> Result<u32, Code> {
        if self.by_id.contains_key(&image.id) {
            return Err(Code::Conflict);
        }
        if image.z.is_empty() {
            image.z = stack::above(self.order.last().map(|(z, _)| z.as_ref())).into();
        }
        let size = fits(&image)?;
        if self.len() >= limits.images || self.bytes + u64::from(size) > u64::from(limits.image_bytes) {
            return Err(Code::LimitImages);
        }
        Ok(self.insert(image, size, mark))
    }

    /// Changes an image and returns the changes that would undo it. Nothing changes if it fails.
    pub(crate) fn change(&mut self, slot: u32, changes: &Changes, limits: &Limits) -> Result<Changes, Code> {
        let Some(entry) = self.slots.get(slot as usize).and_then(Option::as_ref) else { return Err(Code::NotFound) };
        let mut image = entry.image.clone();
        let was = image.apply(changes);
        let size = fits(&image)?;
        let grown = self.bytes - u64::from(entry.size) + u64::from(size);
        if size > entry.size && grown > u64::from(limits.image_bytes) {
            return Err(Code::LimitImages);
        }
        if let Some(z) = &was.z {
            self.order.remove(&(z.clone(), image.id.clone()));
            self.order.insert((image.z.clone(), image.id.clone()));
        }
        self.bytes = grown;
        self.resize(slot, size);
        if let Some(Some(entry)) = self.slots.get_mut(slot as usize) {
            entry.image = image;
        }
        Ok(was)
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<Image> {
        let entry = self.slots.get_mut(slot as usize)?.take()?;
        self.leave_chunk(slot, entry.chunk, entry.size);
        self.free.push(slot);
        self.by_id.remove(&entry.image.id);
        self.order.remove(&(entry.image.z.clone(), entry.image.id.clone()));
        self.bytes -= u64::from(entry.size);
        Some(entry.image)
    }

    /// Takes a stored chunk. The room is loaded from nothing but these and the log.
    pub(crate) fn load_chunk(&mut self, no: u32, bytes: &[u8]) -> Option<()> {
        let list = json::read(bytes)?.into_list()?;
        let no = usize::try_from(no).ok().filter(|no| *no < MAX_CHUNKS)?;
        if self.chunks.len() <= no {
            self.chunks.resize_with(no + 1, Chunk::default);
        }
        for value in list {
            let image = Image::read(value.into_object()?).ok().filter(|image| !image.z.is_empty())?;
            if self.by_id.contains_key(&image.id) {
                return None;
            }
            let size = fits(&image).ok()?;
            self.place(image, size, 0, u32::try_from(no).ok()?);
        }
        self.chunks.get_mut(no)?.touched = false;
        Some(())
    }

    /// The chunks that changed since this was last asked, as storage keeps them.
    pub(crate) fn take_touched(&mut self) -> Vec<TouchedChunk> {
        let mut touched = Vec::new();
        for at in 0..self.chunks.len() {
            if !core::mem::take(&mut self.chunks[at].touched) {
                continue;
            }
            let no = u32::try_from(at).unwrap_or(u32::MAX);
            let mut bytes = Vec::with_capacity(self.chunks[at].bytes as usize + 2);
            for slot in &self.chunks[at].slots {
                bytes.push(if bytes.is_empty() { b'[' } else { b',' });
                if let Some(image) = self.at(*slot) {
                    image.write(&mut bytes);
                }
            }
            bytes.push(b']');
            touched.push(TouchedChunk { no, bytes: (!self.chunks[at].slots.is_empty()).then_some(bytes) });
        }
        touched
    }

    /// States what must always hold.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let live = self.slots.iter().flatten().count();
        if live != self.by_id.len() || live != self.order.len() || live + self.free.len() != self.slots.len() {
            return Err("images: index, order and slots disagree");
        }
        if self.slots.iter().flatten().map(|entry| u64::from(entry.size)).sum::<u64>() != self.bytes {
            return Err("images: the sum of bytes is wrong");
        }
        for (no, chunk) in self.chunks.iter().enumerate() {
            let sizes = chunk.slots.iter().map(|slot| self.entry(*slot).filter(|entry| entry.chunk as usize == no));
            let sum = sizes.map(|entry| entry.map(|entry| entry.size + 1)).sum::<Option<u32>>();
            if sum != Some(chunk.bytes) || chunk.bytes as usize > CHUNK_BYTES {
                return Err("images: a chunk's content or size is wrong");
            }
        }
        let chunked: usize = self.chunks.iter().map(|chunk| chunk.slots.len()).sum();
        if chunked != live {
            return Err("images: an image is in no chunk or in two");
        }
        Ok(())
    }

    fn entry(&self, slot: u32) -> Option<&Entry> {
        self.slots.get(slot as usize)?.as_ref()
    }

    fn insert(&mut self, image: Image, size: u32, mark: u64) -> u32 {
        let chunk = self.room_in_chunk(size);
        self.place(image, size, mark, chunk)
    }

    fn place(&mut self, image: Image, size: u32, mark: u64, chunk: u32) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        self.by_id.insert(image.id.clone(), slot);
        self.order.insert((image.z.clone(), image.id.clone()));
        self.bytes += u64::from(size);
        self.enter_chunk(slot, chunk, size);
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(Entry { image, size, chunk, mark });
        }
        slot
    }

    /// Keeps an image of a new size in its chunk where it fits, else moves it.
    fn resize(&mut self, slot: u32, size: u32) {
        let Some((chunk, old)) = self.entry(slot).map(|entry| (entry.chunk, entry.size)) else { return };
        self.leave_chunk(slot, chunk, old);
        let room = self.chunks.get(chunk as usize).is_some_and(|chunk| fits_chunk(chunk, size));
        let chunk = if room { chunk } else { self.room_in_chunk(size) };
        self.enter_chunk(slot, chunk, size);
        if let Some(Some(entry)) = self.slots.get_mut(slot as usize) {
            entry.size = size;
            entry.chunk = chunk;
        }
    }

    /// A chunk with room: the last one, else the first that has it, else a new one.
    fn room_in_chunk(&mut self, size: u32) -> u32 {
        let fits = |chunk: &Chunk| fits_chunk(chunk, size);
        let at = match self.chunks.last().is_some_and(fits) {
            true => self.chunks.len() - 1,
            false => self.chunks.iter().position(fits).unwrap_or_else(|| {
                self.chunks.push(Chunk::default());
                self.chunks.len() - 1
            }),
        };
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn enter_chunk(&mut self, slot: u32, chunk: u32, size: u32) {
        if let Some(chunk) = self.chunks.get_mut(chunk as usize) {
            chunk.bytes += size + 1;
            chunk.slots.push(slot);
            chunk.touched = true;
        }
    }

    fn leave_chunk(&mut self, slot: u32, chunk: u32, size: u32) {
        if let Some(chunk) = self.chunks.get_mut(chunk as usize) {
            chunk.bytes -= size + 1;
            chunk.slots.retain(|other| *other != slot);
            chunk.touched = true;
        }
    }
}

/// Far more than 8 MiB of images need, even if every chunk is half empty.
const MAX_CHUNKS: usize = 65_536;

/// With its comma, and the list's brackets.
fn fits_chunk(chunk: &Chunk, size: u32) -> bool {
    chunk.bytes as usize + size as usize + 2 <= CHUNK_BYTES
}

/// The image's size in bytes of JSON, if that is in bounds.
fn fits(image: &Image) -> Result<u32, Code> {
    if image.further.len() > FURTHER_FIELDS {
        return Err(Code::TooMany);
    }
    match u32::try_from(image.to_json().len()) {
        Ok(size) if size as usize <= IMAGE_BYTES => Ok(size),
        _ => Err(Code::TooLong),
    }
}

impl Images {
    pub(crate) fn redact(&mut self, with: &Redaction) {
        for image in self.slots.iter_mut().flatten().map(|entry| &mut entry.image) {
            image.src = with.address(&image.src);
            image.further.iter_mut().for_each(|(name, value)| with.further(name, value));
        }
    }
}
