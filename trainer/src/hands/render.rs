//! Sphere tracing of capsules joined smoothly (J. C. Hart, "Sphere tracing", The Visual Computer, 1996), seen straight
//! from above a light ground, with a soft shadow and ambient occlusion.

use super::capsule::{Capsule, HARDNESS, distance, those};
use super::pose::Part;
use super::random::Random;
use super::vector::{Vector, add, dot, normalized, scaled};

/// Half the side of what the picture shows.
pub const REACH: f32 = 1.3;
/// Above every hand.
const TOP: f32 = 1.1;
const GROUND: f32 = -0.42;
const NEAR: f32 = 0.004;
const MOST_STEPS: usize = 48;
const SHADOW_STEPS: usize = 14;
/// Neighbors that differ by this share of their light show a step, on dark skin as on light.
const VISIBLE_STEP: f32 = 0.08;
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
    let capsules: Vec<Capsule> = parts.iter().map(Capsule::of).collect();
    picture_of(&capsules, look, size)
}

fn picture_of(capsules: &[Capsule], look: &Look, size: usize) -> Vec<u8> {
    let pixel = 2.0 * REACH / size as f32;
    let center = |place: usize| (place as f32 + 0.5) * pixel - REACH;
    let color_at = |x: f32, y: f32| color(capsules, look, x, y);
    let mut colors: Vec<(Vector, bool)> = Vec::with_capacity(size * size);
    for row in 0..size {
        colors.extend((0..size).map(|column| color_at(center(column), -center(row))));
    }
    let mut levels = Vec::with_capacity(size * size * 3);
    for (place, (own, hit)) in colors.iter().enumerate() {
        let (row, column) = (place / size, place % size);
        let differs = |other: usize| {
            let (color, other_hit) = colors[other];
            let (here, there) = (dot(*own, [1.0; 3]), dot(color, [1.0; 3]));
            other_hit != *hit || (here - there).abs() > VISIBLE_STEP * (here + there)
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

/// The mean of four points in a pixel, each in a row and column of its own: edges would show steps otherwise.
fn supersampled(color_at: &impl Fn(f32, f32) -> (Vector, bool), x: f32, y: f32, pixel: f32) -> Vector {
    let offsets = [[-0.125, -0.375], [0.375, -0.125], [0.125, 0.375], [-0.375, 0.125]];
    let sum = offsets.map(|[dx, dy]| color_at(x + dx * pixel, y + dy * pixel).0).into_iter().fold([0.0; 3], add);
    scaled(sum, 0.25)
}

/// The color at a point of the picture in linear light, and whether it is the hand's.
fn color(hand: &[Capsule], look: &Look, x: f32, y: f32) -> (Vector, bool) {
    let below = those(hand, |capsule| capsule.can_meet_down(x, y));
    let hit = traced(&below, x, y);
    let point = hit.unwrap_or([x, y, GROUND]);
    let normal = if hit.is_some() { normal(&below, point) } else { [0.0, 0.0, 1.0] };
    let lit = dot(normal, look.light).max(0.0);
    let shadow = if lit > 0.0 { shadow(hand, add(point, scaled(normal, 0.02)), look.light) } else { 0.0 };
    let open = openness(hand, point, normal);
    let (albedo, ambient) = if hit.is_some() { (look.skin, 0.42) } else { (look.ground, 0.62) };
    // Light wraps a little around skin, which scatters it.
    let wrapped =
        if hit.is_some() { 0.85 * lit * shadow + 0.15 * (0.5 + 0.5 * dot(normal, look.light)) } else { lit * shadow };
    let shine = if hit.is_some() { 0.05 * lit.powi(24) * shadow } else { 0.0 };
    let light = (ambient * open + (1.02 - ambient) * wrapped) * look.strength;
    (albedo.map(|channel| channel * light + shine), hit.is_some())
}

/// Where a ray straight down meets the hand.
fn traced(capsules: &[Capsule], x: f32, y: f32) -> Option<Vector> {
    if capsules.is_empty() {
        return None;
    }
    let mut z = TOP;
    for _ in 0..MOST_STEPS {
        let distance = distance(capsules, [x, y, z]);
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

fn normal(capsules: &[Capsule], point: Vector) -> Vector {
    const STEP: f32 = 0.004;
    // Four points of a tetrahedron give the slope along three axes.
    let corners: [Vector; 4] = [[1.0, -1.0, -1.0], [-1.0, -1.0, 1.0], [-1.0, 1.0, -1.0], [1.0; 3]];
    let slope = |corner: Vector| scaled(corner, distance(capsules, add(point, scaled(corner, STEP))));
    normalized(corners.map(slope).into_iter().fold([0.0; 3], add))
}

/// 0 in full shadow, 1 in full light, soft between (Quilez, "soft shadows in raymarched SDFs", 2010).
fn shadow(hand: &[Capsule], from: Vector, light: Vector) -> f32 {
    let beside = those(hand, |capsule| capsule.can_shade(from, light));
    if beside.is_empty() {
        return 1.0;
    }
    let (mut shadow, mut way) = (1.0f32, 0.03);
    for _ in 0..SHADOW_STEPS {
        let apart = distance(&beside, add(from, scaled(light, way)));
        if apart < 0.004 {
            return 0.0;
        }
        shadow = shadow.min(HARDNESS * apart / way);
        way += apart.max(0.03);
        if from[2] + light[2] * way > TOP {
            break;
        }
    }
    shadow
}

/// 1 in the open, less in creases: how far the surroundings are along the normal.
fn openness(hand: &[Capsule], point: Vector, normal: Vector) -> f32 {
    const FAR: f32 = 0.26;
    // What blocks is nearer to a place along the normal than the point is.
    let around = those(hand, |capsule| capsule.is_within(add(point, scaled(normal, FAR)), FAR));
    if around.is_empty() {
        return 1.0;
    }
    let blocked = |way: f32| (way - distance(&around, add(point, scaled(normal, way)))).max(0.0) / way;
    match blocked(FAR) {
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

#[cfg(test)]
mod tests {
    use super::super::pose::{Gesture, Hand};
    use super::*;

    const SIZE: usize = 48;

    /// A capsule is left out where it hardly blends, so that single pixels may differ by some levels.
    #[test]
    fn leaving_capsules_out_does_not_show() {
        for (picture, gesture) in (0..).zip([Gesture::Paper, Gesture::Rock, Gesture::Scissors]) {
            let mut random = Random::new(4, picture);
            let parts = Hand::random(gesture, &mut random).parts();
            let look = Look::random(&mut random);
            let all: Vec<_> = parts.iter().map(|part| Capsule::of(part).everywhere()).collect();
            let (fast, plain) = (super::picture(&parts, &look, SIZE), picture_of(&all, &look, SIZE));
            let apart: Vec<_> = fast.iter().zip(&plain).map(|(fast, plain)| fast.abs_diff(*plain)).collect();
            let visible = apart.iter().filter(|levels| **levels > 8).count();
            let mean = apart.iter().map(|levels| f64::from(*levels)).sum::<f64>() / apart.len() as f64;
            assert!(visible * 200 < apart.len(), "{gesture:?}: {visible} of {} values differ", apart.len());
            assert!(mean < 0.15, "{gesture:?}: {mean} levels apart");
        }
    }

    #[test]
    fn srgb_is_that_of_the_standard() {
        let levels = [0.0, 0.0031308, 0.2140, 0.5, 1.0, 2.0, -1.0].map(srgb_from_linear);
        assert_eq!(levels, [0, 10, 127, 188, 255, 255, 0]);
    }
}
