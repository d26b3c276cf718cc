//! The frames that a client sends, from the first byte of the connection on (RFC 9113).

use std::mem;

use super::fields;

/// A client begins with so many bytes that are no frame.
const PREFACE_BYTES: usize = 24;

/// Length, kind, flags and stream.
const HEAD_BYTES: usize = 9;

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// The stream and the weight of a priority.
const PRIORITY_BYTES: usize = 5;

/// Longer headers pass as they are; requests have some hundred bytes.
const MAX_HELD: usize = 64 << 10;

/// Cuts what a client sends into frames, holds those of headers back until they are complete, and changes them.
#[derive(Debug)]
pub(super) struct Frames {
    /// So many bytes more pass as they are.
    skip: usize,
    /// The beginning of a frame, or headers as far as they came.
    held: Vec<u8>,
    /// The last frame of `held` begins here.
    last: usize,
}

impl Frames {
    pub(super) fn new() -> Self {
        Self { skip: PREFACE_BYTES, held: Vec::new(), last: 0 }
    }

    /// Number of `bytes`, which came next, that pass as they are. The others are for [`Self::change`].
    pub(super) fn pass(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while self.held.is_empty() {
            let skipped = self.skip.min(bytes.len() - at);
            at += skipped;
            self.skip -= skipped;
            match Head::of(&bytes[at..]) {
                Some(head) if head.kind != HEADERS => self.skip = HEAD_BYTES + head.length,
                _ => break,
            }
        }
        at
    }

    /// Rewrites `bytes`, which came next. Some of it may be held back.
    pub(super) fn change(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            let same = self.pass(bytes);
            out.extend_from_slice(&bytes[..same]);
            bytes = &bytes[same..];
            if bytes.is_empty() {
                return out;
            }
            let end = match Head::of(&self.held[self.last..]) {
                None => self.last + HEAD_BYTES,
                Some(head) => self.last + HEAD_BYTES + head.length,
            };
            let taken = (end - self.held.len()).min(bytes.len());
            self.held.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            self.release(&mut out);
        }
    }

    /// The bytes held back, when nothing more comes.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        self.last = 0;
        mem::take(&mut self.held)
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.held.len()
    }

    /// Moves what is held to `out` as soon as it is clear what becomes of it.
    fn release(&mut self, out: &mut Vec<u8>) {
        let Some(head) = Head::of(&self.held[self.last..]) else { return };
        let end = self.last + HEAD_BYTES + head.length;
        let expected = if self.last == 0 { HEADERS } else { CONTINUATION };
        if head.kind != expected || end > MAX_HELD {
            self.skip = end - self.held.len();
            out.append(&mut self.held);
        } else if self.held.len() < end {
            return;
        } else if head.flags & END_HEADERS == 0 {
            self.last = end;
            return;
        } else if let Some(changed) = changed(&self.held) {
            out.extend_from_slice(&changed);
            self.held.clear();
        } else {
            out.append(&mut self.held);
        }
        self.last = 0;
    }
}

/// The headers in the frames `held` as one frame, if they need a change.
fn changed(held: &[u8]) -> Option<Vec<u8>> {
    let head = Head::of(held)?;
    let (frame, mut rest) = held.split_at_checked(HEAD_BYTES + head.length)?;
    let payload = unpadded(&frame[HEAD_BYTES..], head.flags)?;
    let (priority, block) =
        payload.split_at_checked(if head.flags & PRIORITY == 0 { 0 } else { PRIORITY_BYTES })?;
    let mut block = block.to_vec();
    while let Some(next) = Head::of(rest) {
        let (frame, others) = rest.split_at_checked(HEAD_BYTES + next.length)?;
        block.extend_from_slice(&frame[HEAD_BYTES..]);
        rest = others;
    }
    let block = fields::changed(&block)?;
    let length = (priority.len() + block.len()) as u32;
    let kind_and_flags = [HEADERS, head.flags & !PADDED | END_HEADERS];
    Some([&length.to_be_bytes()[1..], &kind_and_flags, &held[5..HEAD_BYTES], priority, &block].concat())
}

/// A payload of headers without the padding, if that is well-formed.
fn unpadded(payload: &[u8], flags: u8) -> Option<&[u8]> {
    if flags & PADDED == 0 {
        return Some(payload);
    }
    let (&padding, padded) = payload.split_first()?;
    padded.get(..padded.len().checked_sub(padding as usize)?)
}

/// The head of a frame, without its stream.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// Bytes behind the head.
    length: usize,
    kind: u8,
    flags: u8,
}

impl Head {
    /// The head at the beginning of `bytes`, if it is complete.
    fn of(bytes: &[u8]) -> Option<Self> {
        let &[a, b, c, kind, flags, _, _, _, _] = bytes.first_chunk::<HEAD_BYTES>()?;
        Some(Self { length: u32::from_be_bytes([0, a, b, c]) as usize, kind, flags })
    }
}
