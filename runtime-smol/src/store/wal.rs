//! Whether SQLite's log, as it was left, can be believed (DISK14). SQLite itself reads it to the first frame that does
//! not fit and takes that for the end, which is right after a power cut and silently drops commits after a damage.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// Begins a log whose sums are of little-endian words; the last bit set, of big-endian ones.
const MAGIC: u32 = 0x377f_0682;

/// Whether no commit is lost that was synced. Each is synced before the next begins, so only the last may be broken: a
/// break with two commits behind it is a damage.
pub(crate) fn is_sound(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let mut file = BufReader::new(file);
    let mut header = [0; HEADER];
    if !filled(&mut file, &mut header)? {
        return Ok(true);
    }
    let magic = word(&header, 0);
    let page = word(&header, 8) as usize;
    let mut sum = Sum { big_endian: magic == MAGIC + 1, sums: (0, 0) };
    sum.add(&header[..24]);
    if magic & !1 != MAGIC || sum.sums != (word(&header, 24), word(&header, 28)) || !(512..=65_536).contains(&page) {
        // The header is synced before any frame is written.
        return Ok(file.read(&mut [0])? == 0);
    }
    let mut frame = vec![0; FRAME_HEADER + page];
    let (mut broken, mut commits) = (false, 0);
    while filled(&mut file, &mut frame)? {
        let ours = frame[8..16] == header[16..24];
        sum.add(&frame[..8]);
        sum.add(&frame[FRAME_HEADER..]);
        broken |= !ours || sum.sums != (word(&frame, 16), word(&frame, 20));
        commits += u32::from(broken && ours && word(&frame, 4) != 0);
    }
    Ok(commits < 2)
}

/// False at the end of the file, even amid the bytes wanted.
fn filled(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |word| u32::from_be_bytes(*word))
}

/// The sum that goes through the log from its beginning.
struct Sum {
    big_endian: bool,
    sums: (u32, u32),
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let (words, _) = bytes.as_chunks::<4>();
        let read = if self.big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
        let (words, _) = words.as_chunks::<2>();
        for [first, second] in words {
            self.sums.0 = self.sums.0.wrapping_add(read(*first)).wrapping_add(self.sums.1);
            self.sums.1 = self.sums.1.wrapping_add(read(*second)).wrapping_add(self.sums.0);
        }
    }
}
