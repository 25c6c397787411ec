//! Sphere tracing of capsules joined smoothly (J. C. Hart, "Sphere tracing", The Visual Computer, 1996), seen straight
//! from above a light ground, with a soft shadow and ambient occlusion.

use super::Random;
use super::pose::Part;
use super::vector::{Vector, add, dot, normalized, scaled, subtract};

/// Half the side of what the picture shows.
const REACH: f32 = 1.3;
/// Above every hand.
const TOP: f32 = 1.1;
const GROUND: f32 = -0.42;
const NEAR: f32 = 0.004;
const MOST_STEPS: usize = 48;
const SHADOW_STEPS: usize = 14;
/// Skin tones from light to dark, linear light.
const TONES: [Vector; 5] =
    [[0.84, 0.60, 0.48], [0.74, 0.48, 0.34], [0.58, 0.35, 0.22], [0.38, 0.21, 0.12], [0.20, 0.105, 0.06]];

/// Skin and light.
#[derive(Debug)]
pub struct Look {
    skin: Vector,
    ground: Vector,
    light: Vector,
    strength: f32,
}

impl Look {
    /// A random skin tone and light.
    pub fn random(random: &mut Random) -> Self {
        let tone = random.between(0.0, (TONES.len() - 1) as f32 - 1e-3);
        let (lower, share) = (tone as usize, tone.fract());
        let skin = add(scaled(TONES[lower], 1.0 - share), scaled(TONES[lower + 1], share));
        let warmth = random.between(-0.02, 0.02);
        let angle = random.between(0.0, std::f32::consts::TAU);
        let lean = random.between(0.35, 0.8);
        Self {
            skin,
            ground: [0.93 + warmth, 0.93, 0.93 - warmth],
            light: normalized([lean * angle.cos(), lean * angle.sin(), 1.0]),
            strength: random.between(0.85, 1.1),
        }
    }
}

/// The picture, interleaved RGB rows, `size` pixels wide and high.
pub fn picture(parts: &[Part], look: &Look, size: usize) -> Vec<u8> {
    let pixel = 2.0 * REACH / size as f32;
    let center = |place: usize| (place as f32 + 0.5) * pixel - REACH;
    let color_at = |x: f32, y: f32| color(&Scene { parts, near: parts_over(parts, x, y) }, look, x, y);
    let mut colors: Vec<(Vector, bool)> = Vec::with_capacity(size * size);
    for row in 0..size {
        colors.extend((0..size).map(|column| color_at(center(column), -center(row))));
    }
    let mut levels = Vec::with_capacity(size * size * 3);
    for (place, (own, hit)) in colors.iter().enumerate() {
        let (row, column) = (place / size, place % size);
        let differs = |other: usize| {
            let (color, other_hit) = colors[other];
            other_hit != *hit || dot(subtract(color, *own), [1.0; 3]).abs() > 0.12
        };
        let is_edge = (column > 0 && differs(place - 1))
            || (column + 1 < size && differs(place + 1))
            || (row > 0 && differs(place - size))
            || (row + 1 < size && differs(place + size));
        let color = if is_edge { supersampled(&color_at, center(column), -center(row), pixel) } else { *own };
        levels.extend(color.map(srgb_from_linear));
    }
    levels
}

/// The mean of four points in a pixel: edges would show steps otherwise.
fn supersampled(color_at: &impl Fn(f32, f32) -> (Vector, bool), x: f32, y: f32, pixel: f32) -> Vector {
    let offsets = [-0.25, 0.25].map(|step: f32| step * pixel);
    let points = offsets.iter().flat_map(|dx| offsets.iter().map(move |dy| (x + dx, y + dy)));
    let sum = points.map(|(x, y)| color_at(x, y).0).fold([0.0; 3], add);
    scaled(sum, 0.25)
}

/// Parts, and those of them that a ray straight down at one point can meet.
struct Scene<'a> {
    parts: &'a [Part],
    near: Vec<Part>,
}

/// The color at a point of the picture in linear light, and whether it is the hand's.
fn color(scene: &Scene<'_>, look: &Look, x: f32, y: f32) -> (Vector, bool) {
    let hit = traced(&scene.near, x, y);
    let point = hit.unwrap_or([x, y, GROUND]);
    let normal = if hit.is_some() { normal(&scene.near, point) } else { [0.0, 0.0, 1.0] };
    let lit = dot(normal, look.light).max(0.0);
    let shadow = if lit > 0.0 { shadow(scene.parts, add(point, scaled(normal, 0.02)), look.light) } else { 0.0 };
    let open = openness(scene.parts, point, normal);
    let (albedo, ambient) = if hit.is_some() { (look.skin, 0.42) } else { (look.ground, 0.62) };
    // Light wraps a little around skin, which scatters it.
    let wrapped =
        if hit.is_some() { 0.85 * lit * shadow + 0.15 * (0.5 + 0.5 * dot(normal, look.light)) } else { lit * shadow };
    let shine = if hit.is_some() { 0.05 * lit.powi(24) * shadow } else { 0.0 };
    let light = (ambient * open + (1.02 - ambient) * wrapped) * look.strength;
    (albedo.map(|channel| channel * light + shine), hit.is_some())
}

/// Where a ray straight down meets the hand.
fn traced(parts: &[Part], x: f32, y: f32) -> Option<Vector> {
    if parts.is_empty() {
        return None;
    }
    let mut z = TOP;
    for _ in 0..MOST_STEPS {
        let distance = distance(parts, [x, y, z]);
        if distance < NEAR {
            return Some([x, y, z]);
        }
        z -= distance;
        if z < GROUND {
            return None;
        }
    }
    None
}

fn parts_over(parts: &[Part], x: f32, y: f32) -> Vec<Part> {
    let over = |part: &&Part| {
        let reach = part.radius_from.max(part.radius_to) + 0.5 * part.blend + 0.06;
        flat_distance(part, x, y) < reach
    };
    parts.iter().filter(over).copied().collect()
}

fn flat_distance(part: &Part, x: f32, y: f32) -> f32 {
    let (dx, dy) = (part.to[0] - part.from[0], part.to[1] - part.from[1]);
    let (px, py) = (x - part.from[0], y - part.from[1]);
    let along = ((px * dx + py * dy) / (dx * dx + dy * dy).max(1e-9)).clamp(0.0, 1.0);
    (px - along * dx).hypot(py - along * dy)
}

/// Distance to the joined parts, a little short where they blend.
fn distance(parts: &[Part], point: Vector) -> f32 {
    parts.iter().fold(f32::MAX, |so_far, part| smooth_minimum(so_far, part_distance(part, point), part.blend))
}

fn part_distance(part: &Part, point: Vector) -> f32 {
    let (axis, offset) = (subtract(part.to, part.from), subtract(point, part.from));
    let along = (dot(offset, axis) / dot(axis, axis)).clamp(0.0, 1.0);
    let apart = subtract(offset, scaled(axis, along));
    dot(apart, apart).sqrt() - (part.radius_from + (part.radius_to - part.radius_from) * along)
}

/// The polynomial smooth minimum (Inigo Quilez, "smooth minimum", 2013).
fn smooth_minimum(a: f32, b: f32, blend: f32) -> f32 {
    let overlap = (blend - (a - b).abs()).max(0.0);
    if overlap > 0.0 { a.min(b) - overlap * overlap * 0.25 / blend } else { a.min(b) }
}

fn normal(parts: &[Part], point: Vector) -> Vector {
    let slope = |axis: usize| {
        let mut step = [0.0; 3];
        step[axis] = 0.004;
        distance(parts, add(point, step)) - distance(parts, subtract(point, step))
    };
    normalized([slope(0), slope(1), slope(2)])
}

/// 0 in full shadow, 1 in full light, soft between (Quilez, "soft shadows in raymarched SDFs", 2010).
fn shadow(parts: &[Part], from: Vector, light: Vector) -> f32 {
    let (mut shadow, mut way) = (1.0f32, 0.03);
    for _ in 0..SHADOW_STEPS {
        let apart = distance(parts, add(from, scaled(light, way)));
        if apart < 0.004 {
            return 0.0;
        }
        shadow = shadow.min(6.0 * apart / way);
        way += apart.max(0.03);
        if from[2] + light[2] * way > TOP {
            break;
        }
    }
    shadow
}

/// 1 in the open, less in creases: how far the surroundings are along the normal.
fn openness(parts: &[Part], point: Vector, normal: Vector) -> f32 {
    let blocked = |way: f32| (way - distance(parts, add(point, scaled(normal, way)))).max(0.0) / way;
    match blocked(0.26) {
        0.0 => 1.0,
        far => (1.0 - 0.33 * (far + blocked(0.14) + blocked(0.06))).clamp(0.15, 1.0),
    }
}

/// IEC 61966-2-1.
fn srgb_from_linear(value: f32) -> u8 {
    let value = value.clamp(0.0, 1.0);
    let encoded = if value <= 0.003_130_8 { 12.92 * value } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 };
    (encoded * 255.0).round() as u8
}
