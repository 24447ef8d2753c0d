//! Bitmaps kept at ingest, and scope in two independent ways.
