//! What changes the file: giving out numbers, erasing. One writer, whose turn serves all who wait.
//!
//! INVARIANT: commit first, memory second, answer third.
//! CRASH: before the commit nothing happened and nobody was answered; after it the rows are there
//! and are found again at the next start or, after a failed call, by the writer's next turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, TransactionBehavior};
use ward_model::limits::OUTSIDE_ID_BYTES_MAX;
use ward_model::{DataSubjectNumber, NamespaceNumber, PrincipalName, PrincipalNumber};

use crate::limits::{NUMBER_MAX, NUMBERS_MAX};
use crate::seal::{LookupKey, Seals};
use crate::{Inner, Register, RegisterError, State, namespace_of, normalise, sql};

/// One id to be written, normalised.
pub(crate) struct Want {
    pub(crate) namespace: i32,
    pub(crate) key: LookupKey,
    pub(crate) id: String,
    /// The state to set; `None` keeps what is there.
    pub(crate) state: Option<State>,
}

/// A row as it stands after a transaction.
pub(crate) struct Put {
    pub(crate) key: LookupKey,
    pub(crate) number: u32,
    pub(crate) namespace: i32,
    pub(crate) state: State,
}

/// The one that writes.
pub(crate) struct Writer {
    connection: Connection,
    next: i64,
    /// A write failed: the file may hold rows that memory does not know.
    unsure: bool,
}

/// Callers of `numbers` that wait for the writer's next turn.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Vec<Arc<Ticket>>,
}

struct Ticket {
    wants: Mutex<Vec<Want>>,
    answer: Mutex<Option<Result<(), RegisterError>>>,
}

impl Writer {
    pub(crate) const fn new(connection: Connection, next: i64) -> Self {
        Self { connection, next, unsure: false }
    }

    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) const fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Writes `wants` and, for a feed, the watermark, as one transaction.
    pub(crate) fn write<'w>(
        &mut self,
        seals: &Seals,
        wants: impl Iterator<Item = &'w Want>,
        watermark: Option<(i32, i64)>,
    ) -> Result<Vec<Put>, RegisterError> {
        let written = self.write_inner(seals, wants, watermark);
        self.unsure |= written.is_err();
        written
    }

    fn write_inner<'w>(
        &mut self,
        seals: &Seals,
        wants: impl Iterator<Item = &'w Want>,
        watermark: Option<(i32, i64)>,
    ) -> Result<Vec<Put>, RegisterError> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut next = self.next;
        let mut puts = Vec::new();
        for want in wants {
            let put = match sql::find(&tx, want.key)? {
                Some(stored) => {
                    let number = stored.number;
                    let corrupt = |_| RegisterError::Corrupt { number };
                    if seals.open(number, &stored.sealed).map_err(corrupt)? != want.id {
                        return Err(RegisterError::Collision { number });
                    }
                    let state = want.state.unwrap_or(stored.state);
                    if state != stored.state {
                        sql::set_state(&tx, number, state)?;
                    }
                    (number, state)
                }
                None => {
                    let number = next;
                    if number > NUMBER_MAX {
                        return Err(RegisterError::Full);
                    }
                    let corrupt = |_| RegisterError::Corrupt { number };
                    let sealed = seals.seal(number, &want.id).map_err(corrupt)?;
                    let state = want.state.unwrap_or(State::Seen);
                    sql::insert(&tx, number, want.namespace, want.key, &sealed, state)?;
                    next += 1;
                    (number, state)
                }
            };
            let number = u32::try_from(put.0).map_err(|_| RegisterError::Full)?;
            puts.push(Put { key: want.key, number, namespace: want.namespace, state: put.1 });
        }
        if let Some((namespace, watermark)) = watermark {
            sql::set_watermark(&tx, namespace, watermark)?;
        }
        tx.commit()?;
        self.next = next;
        Ok(puts)
    }
}

impl Inner {
    /// The key of a valid id, with the id in its one spelling.
    pub(crate) fn want(
        &self,
        namespace: NamespaceNumber,
        id: &str,
        state: Option<State>,
    ) -> Result<Want, RegisterError> {
        let id = normalise(namespace, id);
        let fits = (1..=OUTSIDE_ID_BYTES_MAX).contains(&id.len());
        if !fits || id.chars().any(char::is_control) {
            return Err(RegisterError::Input);
        }
        let key = self.seals.key(namespace, &id);
        Ok(Want { namespace: namespace.0, key, id: id.into_owned(), state })
    }

    pub(crate) fn numbers(
        &self,
        ids: &[(NamespaceNumber, &str)],
    ) -> Result<Vec<DataSubjectNumber>, RegisterError> {
        if ids.len() > NUMBERS_MAX {
            return Err(RegisterError::TooMany { max: NUMBERS_MAX });
        }
        let mut keys = Vec::with_capacity(ids.len());
        let mut wants = Vec::new();
        {
            let memory = self.memory();
            for &(namespace, id) in ids {
                let want = self.want(namespace, id, None)?;
                keys.push(want.key);
                if memory.number(want.key).is_none() {
                    wants.push(want);
                }
            }
        }
        if !wants.is_empty() {
            self.allocate(wants)?;
        }
        let memory = self.memory();
        let numbers = keys.into_iter().map(|key| memory.number(key));
        let numbers = numbers.map(|it| it.map(|number| DataSubjectNumber(i64::from(number))));
        numbers.collect::<Option<_>>().ok_or_else(|| RegisterError::Unavailable {
            what: "an id was erased while it was numbered".to_owned(),
        })
    }

    /// Waits for the writer; whoever gets it first writes for everyone who waits.
    fn allocate(&self, wants: Vec<Want>) -> Result<(), RegisterError> {
        let ticket = Arc::new(Ticket { wants: Mutex::new(wants), answer: Mutex::new(None) });
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).waiting.push(Arc::clone(&ticket));
        let mut writer = self.writer();
        if let Some(answer) = ticket.answer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return answer;
        }
        let waiting =
            core::mem::take(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner).waiting);
        self.serve(&mut writer, &waiting);
        let mut answer = ticket.answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.take().unwrap_or(Err(RegisterError::Unavailable { what: "no answer".to_owned() }))
    }

    fn serve(&self, writer: &mut Writer, waiting: &[Arc<Ticket>]) {
        let batches: Vec<Vec<Want>> = waiting
            .iter()
            .map(|it| {
                core::mem::take(&mut *it.wants.lock().unwrap_or_else(PoisonError::into_inner))
            })
            .collect();
        let together = self.commit(writer, batches.iter().flatten(), None);
        let alone = waiting.len() == 1;
        for (ticket, wants) in waiting.iter().zip(&batches) {
            let answer = match &together {
                Ok(()) => Ok(()),
                // WHY: one caller's bad id must not fail the others: each is tried by itself.
                Err(_) if !alone => self.commit(writer, wants.iter(), None),
                Err(error) => Err(error.clone()),
            };
            *ticket.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        }
    }

    /// One transaction, then memory. After a failed one, what the file really holds comes first.
    pub(crate) fn commit<'w>(
        &self,
        writer: &mut Writer,
        wants: impl Iterator<Item = &'w Want>,
        watermark: Option<(i32, i64)>,
    ) -> Result<(), RegisterError> {
        if writer.unsure {
            let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
            let reload = sql::load_from(&writer.connection, &mut memory, writer.next);
            writer.next = reload.map_err(|_| RegisterError::Unavailable {
                what: "the file cannot be read after a failed write".to_owned(),
            })?;
            writer.unsure = false;
        }
        let mut fresh: HashMap<[u8; 16], ()> = HashMap::new();
        let mut memory_hit = |want: &&Want| {
            // WHY: an id may stand twice in a group; a feed may set a state anew every time.
            want.state.is_some() || fresh.insert(want.key.0, ()).is_none()
        };
        let puts = writer.write(&self.seals, wants.filter(|it| memory_hit(it)), watermark)?;
        let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
        for put in puts {
            memory.put(put.key, put.number, put.namespace, put.state);
        }
        if let Some((namespace, watermark)) = watermark {
            memory.feed(namespace, watermark);
        }
        Ok(())
    }
}

impl Register {
    /// The number of a principal, a new one if need be. Blocks on the file when he is new.
    ///
    /// # Errors
    /// [`RegisterError`]: no number was given out.
    pub fn principal(&self, name: &PrincipalName) -> Result<PrincipalNumber, RegisterError> {
        let numbers = self.numbers(&[(namespace_of(name.kind), name.id())])?;
        let number = numbers.first().copied().unwrap_or_default();
        Ok(PrincipalNumber(number.0))
    }

    /// Never gives out `last`, or a number below it, again: records name them though the register
    /// does not know whom they meant (it is older than the records). Durable when it returns.
    ///
    /// # Errors
    /// [`RegisterError::Full`]: there is no number past it. [`RegisterError::Unavailable`].
    pub fn use_up(&self, last: DataSubjectNumber) -> Result<(), RegisterError> {
        if last.0 >= NUMBER_MAX {
            return Err(RegisterError::Full);
        }
        let mut writer = self.inner.writer();
        // After a failed write the file may be ahead: what it really holds comes first.
        self.inner.commit(&mut writer, core::iter::empty(), None)?;
        if writer.next <= last.0 {
            sql::use_up(&writer.connection, last.0)?;
            writer.next = last.0.saturating_add(1);
        }
        Ok(())
    }

    /// Takes the id of a number out for good: whom it named cannot be told any more, and the
    /// number is never used again. Gives whether there was an id. The same id, seen again, is
    /// someone new.
    ///
    /// # Errors
    /// [`RegisterError::Unavailable`]: try again; the id may still be there.
    pub fn erase(&self, number: DataSubjectNumber) -> Result<bool, RegisterError> {
        // A copy that is being made needs the log to stay as it is.
        let _copies = self.inner.copies();
        let mut writer = self.inner.writer();
        let found = sql::erase(writer.connection_mut(), number.0)?;
        if let (Some((namespace, key)), Ok(short)) = (found, u32::try_from(number.0)) {
            let mut memory = self.inner.memory.write().unwrap_or_else(PoisonError::into_inner);
            memory.erase(key, short, namespace);
        }
        // CRASH: if we stop here, the number has no id any more, but its sealed bytes may stand in
        // the log until it is emptied; erasing the number again empties it.
        sql::empty_log(writer.connection())?;
        Ok(found.is_some())
    }
}
