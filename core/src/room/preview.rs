//! What a thumbnail of the room is drawn from.

use alloc::vec::Vec;

use super::Room;
use crate::image::{Image, NUMBERS};
use crate::wire::json::{Writer, write_list};

impl Room {
    /// Appends `{"images": [{src, x, y, width, height, rotation}]}`: the largest images, at most so many, in stacking
    /// order (ROOM17).
    pub fn preview(&self, most: u32, out: &mut Vec<u8>) {
        let mut shown: Vec<(usize, &Image)> = self.images.in_order().enumerate().collect();
        let area = |image: &Image| {
            let [_, _, width, height, _] = image.numbers;
            width * height
        };
        shown.sort_by(|(_, one), (_, other)| area(other).total_cmp(&area(one)));
        shown.truncate(most as usize);
        shown.sort_by_key(|(place, _)| *place);
        let mut preview = Writer::object(out);
        write_list(preview.key("images"), shown.iter(), |(_, image), out| {
            let mut data = Writer::object(out);
            data.text("src", &image.src);
            for (key, value) in NUMBERS.iter().zip(image.numbers) {
                data.number(key, value);
            }
            data.end();
        });
        preview.end();
    }
}
