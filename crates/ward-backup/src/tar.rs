//! One entry of a tar archive (POSIX.1-1988 ustar): a plain file, mode 0600, no owner, no time.
//!
//! Pure. [`read_header`] accepts exactly what [`header`] writes: no links, no directories, no long
//! names, no other spelling of a number. Lengths of 8 GiB and more stand in base 256, as GNU and
//! BSD tar read them. Best test: `tests.rs`.

use crate::limits::NAME_BYTES_MAX;

/// Everything stands in blocks of this many bytes.
pub(crate) const BLOCK: usize = 512;
/// Eleven octal digits hold less than this.
const OCTAL_END: u64 = 1 << 33;

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    for (to, from) in block.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

/// The header block of a file; `None` for a name that does not fit.
pub(crate) fn header(name: &str, bytes: u64) -> Option<[u8; BLOCK]> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.is_ascii() {
        return None;
    }
    let mut block = [0; BLOCK];
    put(&mut block, 0, name.as_bytes());
    for (at, number) in [(100, b"0000600"), (108, b"0000000"), (116, b"0000000")] {
        put(&mut block, at, number);
    }
    if bytes < OCTAL_END {
        put(&mut block, 124, format!("{bytes:011o}").as_bytes());
    } else {
        put(&mut block, 124, &[0x80]);
        put(&mut block, 128, &bytes.to_be_bytes());
    }
    put(&mut block, 136, b"00000000000");
    put(&mut block, 148, b"        0");
    put(&mut block, 257, b"ustar\x0000");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    put(&mut block, 148, format!("{sum:06o}\0 ").as_bytes());
    Some(block)
}

/// Name and length in a header block; `None` if this program would not have written it.
pub(crate) fn read_header(block: &[u8; BLOCK]) -> Option<(String, u64)> {
    let name = block.get(..NAME_BYTES_MAX)?.split(|byte| *byte == 0).next()?;
    let name = core::str::from_utf8(name).ok()?;
    let field = block.get(124..136)?;
    let bytes = if field.first() == Some(&0x80) {
        u64::from_be_bytes(*field.last_chunk::<8>()?)
    } else {
        u64::from_str_radix(core::str::from_utf8(field.get(..11)?).ok()?, 8).ok()?
    };
    (header(name, bytes)? == *block).then(|| (name.to_owned(), bytes))
}

/// Zeros after a file of this length, up to the next block.
pub(crate) fn padding(bytes: u64) -> usize {
    let over = usize::try_from(bytes % BLOCK as u64).unwrap_or(0);
    (BLOCK - over) % BLOCK
}
