//! Pictures on the simulator of embedded-graphics, without its window: the display `png:` writes the same ones, and they are
//! those that lie in tests/simulated. `MUDRA_RENEW=1 cargo test -p edge-runtime --test simulator` writes these anew, to be looked at.

use std::path::Path;

use edge_runtime::dither::Dither;
use edge_runtime::drawing::{self, Fit, Style};
use edge_runtime::sink::display::Display;
use edge_runtime::{Frame, Picture};
use embedded_graphics::geometry::Size;
use embedded_graphics::pixelcolor::{BinaryColor, Gray2, Gray4, Gray8, PixelColor, Rgb565, Rgb888};
use embedded_graphics_simulator::{OutputSettings, SimulatorDisplay};

const WIDTH: u32 = 71;
const HEIGHT: u32 = 53;

/// Smooth in both directions, neither square nor symmetric, every channel another way.
fn frame() -> Frame {
    let levels = (0..24usize * 15).flat_map(|place| {
        let (x, y) = (place % 24, place / 24);
        [x * 11, y * 17, (x * y * 7 + x) % 256].map(|level| level as u8)
    });
    let picture = Picture::new(24, 15, 3, levels.collect()).expect("24 x 15");
    Frame { picture, label: "zebra".to_owned(), seed: 7, index: 1 }
}

type Shown = fn(Style) -> Vec<u8>;

fn simulated<C>(style: Style) -> Vec<u8>
where
    C: PixelColor + From<Rgb888> + Into<Rgb888>,
{
    let mut simulator =
        SimulatorDisplay::<C>::with_default_color(Size::new(WIDTH, HEIGHT), Rgb888::new(9, 9, 9).into());
    let frame = frame();
    drawing::draw(&mut simulator, &frame.picture, &frame.caption(), style).expect("cannot fail");
    simulator.to_rgb_output_image(&OutputSettings::default()).as_image_buffer().to_vec()
}

#[test]
fn the_simulator_shows_what_a_png_display_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shown.png");
    let depths: [(&str, Shown); 6] = [
        ("rgb565", simulated::<Rgb565>),
        ("rgb888", simulated::<Rgb888>),
        ("gray8", simulated::<Gray8>),
        ("gray4", simulated::<Gray4>),
        ("gray2", simulated::<Gray2>),
        ("mono", simulated::<BinaryColor>),
    ];
    let fits = [("whole", Fit::Whole), ("fit", Fit::Fit), ("fill", Fit::Fill)];
    let dithers = [("none", Dither::Nearest), ("ordered", Dither::Ordered), ("diffused", Dither::Diffused)];
    for (depth, simulated) in depths {
        for ((fit_name, fit), (dither_name, dither)) in fits.into_iter().zip(dithers) {
            let text = format!("png:{}@{WIDTH}x{HEIGHT}:{depth},fit={fit_name},dither={dither_name}", path.display());
            let display: Display = text.parse().expect("a display");
            display.open(Vec::new(), 0).expect("writable").show(&frame()).expect("writable");
            let written = image::open(&path).expect("a PNG").to_rgb8();
            assert_eq!(written.dimensions(), (WIDTH, HEIGHT));
            let shown = simulated(Style { fit, dither, caption: true });
            assert!(written.as_raw() == &shown, "{depth}, {fit_name}, {dither_name}: another picture");
            let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/simulated/{depth}-{fit_name}.png"));
            if std::env::var_os("MUDRA_RENEW").is_some() {
                written.save(&golden).expect("writable");
            }
            let kept = image::open(&golden).expect("a PNG").to_rgb8();
            let places = written.pixels().zip(kept.pixels()).filter(|(now, then)| now != then).count();
            assert!(kept.dimensions() == written.dimensions(), "{}: another size", golden.display());
            assert!(places == 0, "{}: {places} pixels differ", golden.display());
        }
    }
}
