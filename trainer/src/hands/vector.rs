//! Vectors in three dimensions.

/// x to the right, y up, z toward the viewer.
pub type Vector = [f32; 3];

pub fn add(a: Vector, b: Vector) -> Vector {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub fn subtract(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub fn scaled(a: Vector, factor: f32) -> Vector {
    a.map(|value| value * factor)
}

pub fn dot(a: Vector, b: Vector) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub fn normalized(a: Vector) -> Vector {
    scaled(a, 1.0 / dot(a, a).sqrt().max(1e-9))
}

/// Turned about the x, y or z axis (0, 1, 2) by an angle in radians.
pub fn turned(a: Vector, axis: usize, angle: f32) -> Vector {
    let (sin, cos) = angle.sin_cos();
    let (first, second) = ((axis + 1) % 3, (axis + 2) % 3);
    let mut turned = a;
    turned[first] = a[first] * cos - a[second] * sin;
    turned[second] = a[first] * sin + a[second] * cos;
    turned
}
