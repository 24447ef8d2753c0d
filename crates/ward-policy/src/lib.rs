//! Cedar: schema, entities, decisions and their cache.
