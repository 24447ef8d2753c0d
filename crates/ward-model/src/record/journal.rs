//! Records of the journal itself.

use super::*;

rows! {
    /// The journal was created: its first leaf.
    1 JournalOpened Priority {
        /// The log's name (C2SP origin line).
        name: Text,
    }
    /// A node began to serve.
    2 NodeStarted Priority {
        /// The program's version.
        version: Text,
        /// SHA-256 of the configuration in force.
        config_digest: [u8; 32],
    }
    /// This journal was restored from a backup.
    111 Restored Priority {
        /// SHA-256 of the backup's manifest.
        backup: [u8; 32],
        /// How many leaves the backup held.
        backup_size: i64,
        /// How many leaves stand after replaying a younger copy of the journal, if there was one.
        size: i64,
    }
}
