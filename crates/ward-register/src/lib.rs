//! The register of data subjects: outside id to dense number, existence, erasure.
