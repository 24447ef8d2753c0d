//! Existence: import of who exists, and the stream of who came and went.
//!
//! What it must never do: show a half-imported namespace as fed, or pull a watermark back.
//! INVARIANT: a namespace becomes fed, and its watermark rises, in the last transaction of an
//! import; whoever was imported before is never taken for a phantom in between.

use crate::limits::BATCH_IDS;
use crate::write::Want;
use crate::{Fed, Register, RegisterError, State, normal};
use ward_model::NamespaceNumber;

/// What a feed tells of one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedEvent<'a> {
    /// He exists now.
    Created(&'a str),
    /// He exists no more.
    Deleted(&'a str),
}

/// The highest numeric id so far; gone once an id is no number.
struct Highest(Option<i64>);

impl Highest {
    fn see(&mut self, id: &str) {
        self.0 = self.0.zip(normal::numeric(id)).map(|(highest, id)| highest.max(id));
    }
}

impl Register {
    /// Imports ids that exist, in batches of [`BATCH_IDS`], each one transaction; `progress` is
    /// called with the count after each. The watermark becomes the highest id when all are numbers.
    /// Adds to what was fed before; who is absent stays as he was.
    ///
    /// # Errors
    /// [`RegisterError`]: earlier batches stay; import again from the start when mended.
    pub fn import<I, S>(
        &self,
        namespace: NamespaceNumber,
        ids: I,
        mut progress: impl FnMut(u64),
    ) -> Result<Fed, RegisterError>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let mut batch = Vec::with_capacity(BATCH_IDS);
        let mut highest = Highest(Some(-1));
        let mut count = 0u64;
        for id in ids {
            let want = self.inner.want(namespace, id.as_ref(), Some(State::Exists))?;
            highest.see(&want.id);
            batch.push(want);
            if batch.len() == BATCH_IDS {
                self.feed_batch(&mut batch, None)?;
                count = count.saturating_add(BATCH_IDS as u64);
                progress(count);
            }
        }
        count = count.saturating_add(batch.len() as u64);
        let old = self.fed(namespace).watermark;
        let watermark = highest.0.map_or(old, |highest| highest.max(old));
        self.feed_batch(&mut batch, Some((namespace.0, watermark)))?;
        progress(count);
        Ok(self.fed(namespace))
    }

    /// Takes in events of a feed in their order, at most [`BATCH_IDS`], as one transaction.
    ///
    /// `watermark`: the feed has told of every id up to here. `None` when events come in the order
    /// of creation: then the highest created id is the new watermark. Never pulled back. A
    /// namespace becomes fed by [`Self::import`] only, however many events it has had.
    ///
    /// # Errors
    /// [`RegisterError`]: nothing of it was taken in; send it again.
    pub fn feed(
        &self,
        namespace: NamespaceNumber,
        events: &[FeedEvent<'_>],
        watermark: Option<i64>,
    ) -> Result<Fed, RegisterError> {
        if events.len() > BATCH_IDS {
            return Err(RegisterError::TooMany { max: BATCH_IDS });
        }
        let mut wants = Vec::with_capacity(events.len());
        let mut created = -1;
        for event in events {
            let (id, state) = match event {
                FeedEvent::Created(id) => (id, State::Exists),
                FeedEvent::Deleted(id) => (id, State::Deleted),
            };
            let want = self.inner.want(namespace, id, Some(state))?;
            if let (State::Exists, Some(id)) = (state, normal::numeric(&want.id)) {
                created = id.max(created);
            }
            wants.push(want);
        }
        let mut writer = self.inner.writer();
        let memory = self.inner.memory();
        let fed = memory.namespace(namespace.0).filter(|it| it.fed).map(|it| it.watermark);
        drop(memory);
        // WHY: -1 says that ids are no numbers; an event that looks like one does not change that.
        let told = |old: i64| watermark.unwrap_or(if old < 0 { -1 } else { created });
        let risen = fed.map(|old| old.max(told(old)));
        let watermark = risen.map(|watermark| (namespace.0, watermark));
        self.inner.commit(&mut writer, wants.iter(), watermark)?;
        drop(writer);
        Ok(self.fed(namespace))
    }

    /// One id was created; see [`Self::feed`].
    ///
    /// # Errors
    /// As [`Self::feed`].
    pub fn created(&self, namespace: NamespaceNumber, id: &str) -> Result<Fed, RegisterError> {
        self.feed(namespace, &[FeedEvent::Created(id)], None)
    }

    /// One id was deleted: it leaves a tombstone. See [`Self::feed`].
    ///
    /// # Errors
    /// As [`Self::feed`].
    pub fn deleted(&self, namespace: NamespaceNumber, id: &str) -> Result<Fed, RegisterError> {
        self.feed(namespace, &[FeedEvent::Deleted(id)], None)
    }

    fn feed_batch(
        &self,
        batch: &mut Vec<Want>,
        watermark: Option<(i32, i64)>,
    ) -> Result<(), RegisterError> {
        let mut writer = self.inner.writer();
        self.inner.commit(&mut writer, batch.iter(), watermark)?;
        batch.clear();
        Ok(())
    }
}
