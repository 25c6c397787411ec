//! Many pictures on one sheet.

use crate::{Picture, RuntimeError};

/// Black pixels around each picture.
const GAP: usize = 2;
/// The most pixels on a side of a sheet: what viewers and GIF still take.
const MAX_SIDE: usize = 65_535;
/// The most pixels of a sheet.
pub const MAX_PIXELS: usize = 1 << 28;

/// Width and height of a sheet of so many pictures of a size.
///
/// # Errors
/// No picture, or a sheet with a side over 65,535 pixels or more than [`MAX_PIXELS`].
pub fn check_size(rows: usize, columns: usize, picture: (usize, usize)) -> Result<(usize, usize), RuntimeError> {
    let side = |count: usize, pixels: usize| count.saturating_mul(pixels.saturating_add(GAP)).saturating_add(GAP);
    let (width, height) = (side(columns, picture.0), side(rows, picture.1));
    let fits = rows > 0 && columns > 0 && width.max(height) <= MAX_SIDE && width.saturating_mul(height) <= MAX_PIXELS;
    if fits {
        return Ok((width, height));
    }
    Err(RuntimeError::Text {
        what: "sheet",
        expected: format!("1 to {MAX_SIDE} pixels a side and {MAX_PIXELS} in all; take fewer or smaller pictures"),
        found: format!("{width} x {height}"),
    })
}

/// Rows of pictures of one size, on black.
///
/// # Errors
/// Pictures of different sizes or channels, and those of [`check_size`].
pub fn sheet(rows: &[Vec<Picture>]) -> Result<Picture, RuntimeError> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let Some(first) = rows.iter().flatten().next() else {
        return Err(check_size(0, 0, (0, 0)).err().unwrap_or_else(different));
    };
    let (width, height, channels) = (first.width(), first.height(), first.channels());
    check_size(rows.len(), columns, (width, height))?;
    let place = |index: usize, side: usize| GAP + index * (side + GAP);
    let mut sheet = Picture::filled(place(columns, width), place(rows.len(), height), channels, 0);
    for (row, pictures) in rows.iter().enumerate() {
        for (column, picture) in pictures.iter().enumerate() {
            if (picture.width(), picture.height(), picture.channels()) != (width, height, channels) {
                return Err(different());
            }
            sheet.paste(picture, place(column, width), place(row, height));
        }
    }
    Ok(sheet)
}

fn different() -> RuntimeError {
    RuntimeError::Text {
        what: "sheet",
        expected: "pictures of one size".to_owned(),
        found: "different ones".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(level: u8) -> Picture {
        Picture::new(3, 1, 1, vec![level, level + 1, level + 2]).expect("3 x 1")
    }

    #[test]
    fn pictures_stand_in_rows_with_a_gap_around_each() {
        let made = sheet(&[vec![picture(10), picture(20)], vec![picture(30)]]).expect("fits");
        assert_eq!((made.width(), made.height()), (2 + 5 * 2, 2 + 3 * 2));
        assert_eq!(
            [made.rgb(2, 2), made.rgb(4, 2), made.rgb(7, 2), made.rgb(3, 5)],
            [[10; 3], [12; 3], [20; 3], [31; 3]]
        );
        assert_eq!([made.rgb(1, 2), made.rgb(5, 2), made.rgb(8, 5), made.rgb(2, 4)], [[0; 3]; 4]);
    }

    #[test]
    fn sheets_that_no_file_can_hold_are_refused_before_they_are_made() {
        assert!(sheet(&[]).is_err());
        assert!(sheet(&[vec![picture(1), Picture::filled(1, 1, 1, 0)]]).is_err());
        assert!(check_size(1, 504, (128, 128)).is_ok());
        assert!(check_size(1, 505, (128, 128)).is_err());
        assert!(check_size(400, 400, (128, 128)).is_err());
        assert!(check_size(usize::MAX, 2, (128, 128)).is_err());
    }
}
