//! Who calls Ward itself: put into a request's extensions by the one place that checks credentials.

use crate::id::ApiKeyId;
use crate::word::ApiKeyKind;

/// The credential behind a call to the control plane, already checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Which API key.
    pub api_key: ApiKeyId,
    /// What it is for.
    pub kind: ApiKeyKind,
}
