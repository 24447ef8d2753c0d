//! What the console shows, joined from the open rooms.

use std::sync::Arc;

use crate::app::App;

/// The console's facts.
pub struct Joined(pub Arc<App>);
