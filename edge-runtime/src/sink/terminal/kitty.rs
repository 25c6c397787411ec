//! kitty's graphics protocol: <https://sw.kovidgoyal.net/kitty/graphics-protocol/>.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Picture;

/// The most base64 characters of one escape code.
const CHUNK: usize = 4096;
/// The number under which a picture is sent again and again.
const IMAGE: u32 = 1;

/// A picture at the cursor, in its own size.
pub(super) fn still(picture: &Picture) -> String {
    encoded(picture, "a=T")
}

/// A picture at the cursor over an area of characters, in place of the one before; the cursor stays.
pub(super) fn replacing(picture: &Picture, columns: usize, rows: usize) -> String {
    encoded(picture, &format!("a=T,i={IMAGE},p=1,c={columns},r={rows},C=1"))
}

/// Takes away what [`replacing`] has shown.
pub(super) fn removed() -> String {
    format!("\x1b_Ga=d,d=I,i={IMAGE},q=2\x1b\\")
}

fn encoded(picture: &Picture, control: &str) -> String {
    let base64 = STANDARD.encode(picture.rgb_levels());
    let (width, height) = (picture.width(), picture.height());
    let mut text = String::with_capacity(base64.len() + base64.len() / 100 + 100);
    let mut rest = base64.as_str();
    let mut is_first = true;
    while is_first || !rest.is_empty() {
        let (chunk, more) = rest.split_at(rest.len().min(CHUNK));
        rest = more;
        let follows = u8::from(!rest.is_empty());
        // Writing to a string cannot fail. q=2: no answers, which would be typed into the shell.
        let _ = if is_first {
            write!(text, "\x1b_G{control},q=2,f=24,s={width},v={height},m={follows};{chunk}\x1b\\")
        } else {
            write!(text, "\x1b_Gm={follows};{chunk}\x1b\\")
        };
        is_first = false;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_picture_is_one_code_and_a_large_one_several() {
        let small = Picture::new(2, 1, 3, vec![1, 2, 3, 255, 0, 9]).expect("2 x 1");
        assert_eq!(still(&small), "\x1b_Ga=T,q=2,f=24,s=2,v=1,m=0;AQID/wAJ\x1b\\");
        assert!(replacing(&small, 8, 4).starts_with("\x1b_Ga=T,i=1,p=1,c=8,r=4,C=1,q=2,f=24,s=2,v=1,m=0;"));
        let large = Picture::new(64, 64, 1, (0..64u32 * 64).map(|place| place as u8).collect()).expect("64 x 64");
        let text = still(&large);
        let codes: Vec<&str> = text.split_terminator("\x1b\\").collect();
        assert_eq!(codes.len(), 4, "64 * 64 * 4 characters");
        let payloads = codes.iter().map(|code| code.split_once(';').expect("a payload").1);
        let decoded = STANDARD.decode(payloads.collect::<String>()).expect("base64");
        let expected: Vec<u8> = large.levels().iter().flat_map(|level| [*level; 3]).collect();
        assert_eq!(decoded, expected);
        assert!(codes[..3].iter().all(|code| code.contains("m=1;")) && codes[3].starts_with("\x1b_Gm=0;"));
    }
}
