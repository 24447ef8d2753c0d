//! How the parts of a snapshot are written and read: columns of records, lengths before what varies.
//!
//! Entries of a set are sorted when the file is written, so that one state has one spelling.

use ward_model::column::Column;

/// Bytes of a part that grow; entries are marked, so that they can be sorted off the lock.
#[derive(Default)]
pub(crate) struct Out {
    bytes: Vec<u8>,
    /// Runs of entries: where each entry begins, and where the run ends.
    runs: Vec<(Vec<usize>, Option<usize>)>,
}

impl Out {
    pub(crate) fn put<T: Column>(&mut self, value: &T) {
        value.put(&mut self.bytes);
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.u64(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// `0`, or `1` and the value.
    pub(crate) fn option<T>(&mut self, value: Option<&T>, put: impl FnOnce(&mut Self, &T)) {
        self.put(&value.is_some());
        if let Some(value) = value {
            put(self, value);
        }
    }

    /// The next entry of an unordered set begins here and ends at the next, or where the set ends.
    pub(crate) fn entry(&mut self) {
        let at = self.bytes.len();
        match self.runs.last_mut() {
            Some((starts, None)) => starts.push(at),
            _ => self.runs.push((vec![at], None)),
        }
    }

    /// The set ends here, and something else follows.
    pub(crate) fn entries_end(&mut self) {
        let at = self.bytes.len();
        if let Some((_, end @ None)) = self.runs.last_mut() {
            *end = Some(at);
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        if self.runs.is_empty() {
            return self.bytes;
        }
        let piece = |start: usize, end: usize| self.bytes.get(start..end).unwrap_or_default();
        let mut sorted = Vec::with_capacity(self.bytes.len());
        let mut from = 0;
        for (starts, end) in &self.runs {
            let end = end.unwrap_or(self.bytes.len());
            let ends = starts.iter().skip(1).copied().chain([end]);
            let mut entries: Vec<&[u8]> =
                starts.iter().zip(ends).map(|(start, end)| piece(*start, end)).collect();
            entries.sort_unstable();
            sorted.extend_from_slice(piece(from, starts.first().copied().unwrap_or(end)));
            entries.iter().for_each(|entry| sorted.extend_from_slice(entry));
            from = end;
        }
        sorted.extend_from_slice(piece(from, self.bytes.len()));
        sorted
    }
}

/// Bytes of a part that are read. Total: what does not fit is `None`.
pub(crate) struct In<'a>(pub(crate) &'a [u8]);

impl<'a> In<'a> {
    pub(crate) fn take<T: Column>(&mut self) -> Option<T> {
        T::take(&mut self.0).ok()
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u64()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        self.bytes().and_then(|bytes| core::str::from_utf8(bytes).ok()).map(str::to_owned)
    }

    pub(crate) fn option<T>(
        &mut self,
        take: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.take::<bool>()? {
            true => take(self).map(Some),
            false => Some(None),
        }
    }

    /// Takes entries until the part ends.
    pub(crate) fn entries(&mut self, mut take: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        while !self.0.is_empty() {
            take(self)?;
        }
        Some(())
    }
}
