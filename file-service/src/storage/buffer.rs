//! Buffers for pieces. The server copies a piece at once and lets go of it, so a few of them serve all transfers of a
//! thread: they stay in the processor's cache, and a reader who is slow holds none.

use std::cell::RefCell;

use bytes::Bytes;

/// How much is read at a time.
pub(crate) const PIECE_BYTES: usize = 256 * 1024;
/// How many a thread keeps.
const KEPT: usize = 4;

thread_local! {
    static FREE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Goes back to its thread when it is dropped.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    length: usize,
}

impl Buffer {
    /// One for so many bytes, or as many as one holds.
    pub(super) fn of(wanted: u64) -> Self {
        let free = FREE.with_borrow_mut(Vec::pop);
        let bytes = free.unwrap_or_else(|| vec![0; PIECE_BYTES]);
        let length = usize::try_from(wanted).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        Self { bytes, length }
    }

    pub(super) fn shorten(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }
}

impl From<Buffer> for Bytes {
    fn from(buffer: Buffer) -> Self {
        Self::from_owner(buffer)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        // A thread that ends has nowhere to keep it any more.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < KEPT {
                free.push(bytes);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_and_shows_nothing_of_before() {
        let mut first = Buffer::of(u64::MAX);
        first.as_mut().fill(7);
        let place = first.as_ref().as_ptr();
        drop(Bytes::from(first));
        let mut second = Buffer::of(10);
        second.shorten(3);
        assert_eq!((second.as_ref().as_ptr(), second.len()), (place, 3));
    }

    #[test]
    fn a_thread_keeps_few() {
        let many: Vec<Buffer> = (0..10 * KEPT).map(|_| Buffer::of(1)).collect();
        drop(many);
        assert_eq!(FREE.with_borrow(Vec::len), KEPT);
    }
}
