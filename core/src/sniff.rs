//! What kind of image a file is, by its first bytes alone: what a client says of it counts for nothing. The tests are
//! the whole signatures, where libraries for this look at three or four bytes of them. What a host does with such a file
//! is its own business.

/// How many first bytes are enough to tell.
pub const SNIFF_BYTES: usize = 512;

/// The kinds that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Portable Network Graphics.
    Png,
    /// What cameras write.
    Jpeg,
    /// WebP, lossy or not.
    Webp,
    /// Either version of GIF.
    Gif,
    /// AVIF, still or moving.
    Avif,
}

impl Kind {
    /// As `Content-Type` has it.
    pub const fn content_type(self) -> &'static str {
        match self {
            Kind::Png => "image/png",
            Kind::Jpeg => "image/jpeg",
            Kind::Webp => "image/webp",
            Kind::Gif => "image/gif",
            Kind::Avif => "image/avif",
        }
    }
}

/// The kind of a file that begins so, if it is one that is taken. The first [`SNIFF_BYTES`] are enough.
///
/// ```
/// use kanvas_core::sniff::{Kind, sniff};
/// assert_eq!(sniff(b"GIF89a..."), Some(Kind::Gif));
/// assert_eq!(sniff(b"<svg>"), None);
/// ```
pub fn sniff(head: &[u8]) -> Option<Kind> {
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some(Kind::Png)
    } else if head.starts_with(b"\xff\xd8\xff") {
        Some(Kind::Jpeg)
    } else if head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a") {
        Some(Kind::Gif)
    } else if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        Some(Kind::Webp)
    } else if is_avif(head) {
        Some(Kind::Avif)
    } else {
        None
    }
}

/// Whether it begins with an `ftyp` box that names AVIF, as what it is or as what it can be read as.
fn is_avif(head: &[u8]) -> bool {
    let Some((length, rest)) = head.split_first_chunk() else { return false };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    // A box that is not all here is not looked at: its end is not known to be one.
    let Some(brands) = length.checked_sub(4).and_then(|length| rest.get(..length)) else { return false };
    let Some(brands) = brands.strip_prefix(b"ftyp") else { return false };
    // The major brand, the minor version, which is a number, and the compatible brands.
    let mut words = brands.as_chunks::<4>().0.iter().enumerate().filter(|(no, _)| *no != 1);
    words.any(|(_, word)| word == b"avif" || word == b"avis")
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn ftyp(length: u32, brands: &[u8]) -> Vec<u8> {
        [&length.to_be_bytes(), b"ftyp".as_slice(), brands].concat()
    }

    #[test]
    fn asset2_images_are_known_by_their_whole_signatures() {
        for (head, kind) in [
            (b"\x89PNG\r\n\x1a\n".to_vec(), Kind::Png),
            (b"\xff\xd8\xff\xe0".to_vec(), Kind::Jpeg),
            (b"GIF87a".to_vec(), Kind::Gif),
            (b"GIF89a,".to_vec(), Kind::Gif),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ".to_vec(), Kind::Webp),
            (ftyp(16, b"avif\0\0\0\0"), Kind::Avif),
            (ftyp(16, b"avis\0\0\0\0more"), Kind::Avif),
            (ftyp(24, b"mif1\0\0\0\0miafavif"), Kind::Avif),
        ] {
            assert_eq!(sniff(&head), Some(kind), "{head:?}");
            assert_eq!(sniff(&head[1..]), None, "{head:?}");
        }
        for head in [
            b"".to_vec(),
            b"\x89PNG".to_vec(),
            b"\x89PNG\n\x1a\n\n".to_vec(),
            b"\xff\xd8".to_vec(),
            b"GIF88a".to_vec(),
            b"GIF".to_vec(),
            b"RIFF\0\0\0\0WAVE".to_vec(),
            b"RIFX\0\0\0\0WEBP".to_vec(),
            b"RIFF\0\0\0\0".to_vec(),
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(),
            b"<!doctype html>".to_vec(),
            b"BM\0\0".to_vec(),
        ] {
            assert_eq!(sniff(&head), None, "{head:?}");
        }
    }

    #[test]
    fn asset2_an_avif_names_itself_in_a_box_that_is_whole() {
        for head in [
            ftyp(24, b"heic\0\0\0\0mif1heic"),
            ftyp(16, b"heicavif"),
            ftyp(16, b"mif1\0\0\0\0avif"),
            ftyp(20, b"avif\0\0\0\0"),
            ftyp(0, b"avif\0\0\0\0"),
            ftyp(1, b"avif\0\0\0\0"),
            ftyp(3, b"avif\0\0\0\0"),
            ftyp(u32::MAX, b"avif\0\0\0\0"),
            b"\0\0\0\x10ftypavi".to_vec(),
            b"\0\0\0\x10moovavif\0\0\0\0".to_vec(),
        ] {
            assert_eq!(sniff(&head), None, "{head:?}");
        }
    }
}
