//! SQL projection of what the journal says, with its outbox.
