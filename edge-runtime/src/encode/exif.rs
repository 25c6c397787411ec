//! The smallest EXIF block that carries a text.

/// Tag 270 of TIFF 6.0, ImageDescription.
const IMAGE_DESCRIPTION: u16 = 0x010E;
const ASCII: u16 = 2;

/// A little-endian TIFF structure with one directory of one entry (TIFF 6.0, section 2).
pub(super) fn image_description(text: &str) -> Vec<u8> {
    let mut content = text.as_bytes().to_vec();
    content.push(0);
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let mut bytes = b"II*\0".to_vec();
    bytes.extend(8u32.to_le_bytes()); // the directory starts after this header
    bytes.extend(1u16.to_le_bytes()); // entries
    bytes.extend(IMAGE_DESCRIPTION.to_le_bytes());
    bytes.extend(ASCII.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(26u32.to_le_bytes()); // the text starts after the directory
    bytes.extend(0u32.to_le_bytes()); // no further directory
    bytes.extend(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_stands_where_the_entry_says() {
        let block = image_description("Label: zebra");
        assert_eq!(block[18..22], 26u32.to_le_bytes());
        assert_eq!(block[14..18], 13u32.to_le_bytes());
        assert_eq!(&block[26..], b"Label: zebra\0");
    }
}
