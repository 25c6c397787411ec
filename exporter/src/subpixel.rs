//! A transposed convolution (kernel 4, stride 2, padding 1) as a 2x2 convolution to four times the channels, which become
//! the pixels of squares (arXiv 1609.05158), whose outermost pixels no output has.

/// `[4 outputs, inputs, 2, 2]` from `[inputs, outputs, 4, 4]`: channel `(2 a + b) outputs + c` is row a, column b of output
/// c's square.
pub fn squares_from_kernel(kernel: &[f32], [inputs, outputs]: [usize; 2]) -> Vec<f32> {
    let mut squares = vec![0.0; kernel.len()];
    for (place, number) in kernel.iter().enumerate() {
        squares[moved(place, [inputs, outputs])] = *number;
    }
    squares
}

/// The way back.
pub fn kernel_from_squares(squares: &[f32], [inputs, outputs]: [usize; 2]) -> Vec<f32> {
    (0..squares.len()).map(|place| squares[moved(place, [inputs, outputs])]).collect()
}

/// Where a kernel's number stands among the squares'. The square at convolution row `i` covers output rows `2 i - 1` and
/// `2 i` and reads input rows `i - 1` and `i`; the kernel's row `ky` takes input row `y` to output row `2 y - 1 + ky`.
fn moved(place: usize, [inputs, outputs]: [usize; 2]) -> usize {
    let (kx, ky, output, input) = (place % 4, place / 4 % 4, place / 16 % outputs, place / 16 / outputs);
    let (a, b) = (ky % 2, kx % 2);
    let (row, column) = (1 - ky / 2, 1 - kx / 2);
    ((((2 * a + b) * outputs + output) * inputs + input) * 2 + row) * 2 + column
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One input pixel with one tap set, through both definitions.
    #[test]
    fn every_tap_reaches_the_same_pixel() {
        for ky in 0..4 {
            for kx in 0..4 {
                let mut kernel = vec![0.0; 16];
                kernel[ky * 4 + kx] = 1.0;
                let squares = squares_from_kernel(&kernel, [1, 1]);
                assert_eq!(kernel_from_squares(&squares, [1, 1]), kernel);
                // Input 3 x 3 with a 1 in the middle: outputs 6 x 6.
                let expected = (2 + ky - 1, 2 + kx - 1);
                let mut found = Vec::new();
                for (i, j) in (0..4).flat_map(|i| (0..4).map(move |j| (i, j))) {
                    for (channel, (row, column)) in
                        (0..4).flat_map(|channel| (0..4).map(move |tap| (channel, (tap / 2, tap % 2))))
                    {
                        let reads_middle = i + row == 2 && j + column == 2;
                        let weight = squares[channel * 4 + row * 2 + column];
                        let at = (2 * i + channel / 2, 2 * j + channel % 2);
                        if reads_middle && weight != 0.0 && at.0 > 0 && at.1 > 0 {
                            found.push((at.0 - 1, at.1 - 1));
                        }
                    }
                }
                assert_eq!(found, [expected], "{ky} {kx}");
            }
        }
    }

    #[test]
    fn the_way_back_is_the_way_back() {
        let kernel: Vec<f32> = (0..3 * 5 * 16).map(|number| number as f32).collect();
        let squares = squares_from_kernel(&kernel, [3, 5]);
        assert_ne!(squares, kernel);
        assert_eq!(kernel_from_squares(&squares, [3, 5]), kernel);
    }
}
