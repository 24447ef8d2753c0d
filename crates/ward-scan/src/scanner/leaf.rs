//! What is done with the whole value of a declared leaf.

use super::{Feed, Walk};
use crate::embedded::holds_json;
use crate::error::ScanError;
use crate::limits::ID_BYTES_MAX;
use crate::plan::{Action, Leaf, Role};
use crate::text::is_plain_integer;

impl Walk {
    /// A string value ended before `end`; `text` is unescaped.
    #[inline(always)]
    pub(super) fn text_end(
        &mut self,
        feed: &mut Feed<'_>,
        end: usize,
        text: &[u8],
    ) -> Result<(), ScanError> {
        if let Some(leaf) = self.leaf(feed) {
            self.in_leaf = false;
            let embedded = holds_json(text);
            let countable = !embedded && !text.is_empty() && text.len() <= ID_BYTES_MAX;
            self.found(leaf, countable.then_some(text))?;
            match leaf.action {
                _ if embedded => {
                    let measured = &mut self.collector.measured;
                    measured.embedded = measured.embedded.saturating_add(1);
                    measured.changed = true;
                    self.writer.drop(feed.chunk, feed.out);
                    self.writer.resume(end);
                }
                Action::Keep => self.keep(feed),
                Action::Mask(mask) => self.mask_string(feed, mask, text, end),
            }
        }
        self.value_end(feed, end)
    }

    /// A number ended before `end`; `number` is its text if the leaf asks for it.
    pub(super) fn number_end(
        &mut self,
        feed: &mut Feed<'_>,
        end: usize,
        number: &[u8],
    ) -> Result<(), ScanError> {
        if let Some(leaf) = self.leaf(feed) {
            self.in_leaf = false;
            let countable = is_plain_integer(number) && number.len() <= ID_BYTES_MAX;
            self.found(leaf, countable.then_some(number))?;
            self.plain_end(feed, end, leaf);
        }
        self.value_end(feed, end)
    }

    /// `true`, `false` or `null` ended before `end`.
    pub(super) fn literal_end(
        &mut self,
        feed: &mut Feed<'_>,
        end: usize,
        null: bool,
    ) -> Result<(), ScanError> {
        let leaf = self.leaf(feed);
        self.in_leaf = false;
        match leaf {
            Some(leaf) if !null => {
                self.found(leaf, None)?;
                self.plain_end(feed, end, leaf);
            }
            // `null` says nothing of anybody: it stays, also where a container is declared.
            leaf if self.skip.is_none() => {
                let element = feed.plan.node(self.want).is_element();
                if leaf.is_some_and(|leaf| leaf.role == Role::Tenant) && element {
                    self.collector.tenant_missing();
                }
                self.keep(feed);
            }
            _ => {}
        }
        self.value_end(feed, end)
    }

    /// A number or boolean passes whole or not at all.
    fn plain_end(&mut self, feed: &mut Feed<'_>, end: usize, leaf: &Leaf) {
        if leaf.action == Action::Keep {
            return self.keep(feed);
        }
        self.collector.measured.changed = true;
        let any_kept = self.any_kept();
        self.writer.replace(feed.chunk, end, any_kept, b"null", feed.out);
    }

    /// Tells the collector; `id` is the value if it can be one.
    #[inline(always)]
    fn found(&mut self, leaf: &Leaf, id: Option<&[u8]>) -> Result<(), ScanError> {
        self.collector.field(leaf.bit);
        match (leaf.role, id) {
            (Role::Plain, _) => Ok(()),
            (_, None) => self.uncountable(),
            (Role::DataSubject { namespace }, Some(id)) => {
                self.collector.subject(namespace, id);
                Ok(())
            }
            (Role::Tenant, Some(id)) => self.collector.tenant(leaf.bit, id),
        }
    }
}
