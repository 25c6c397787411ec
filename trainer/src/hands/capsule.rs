//! Distances to capsules joined smoothly, and which of them can matter at a place.

use super::pose::Part;
use super::vector::{Vector, add, dot, scaled, subtract};

/// Reciprocal of the width of a shadow's edge, a length away from what throws it.
pub const HARDNESS: f32 = 6.0;
/// More than a joint bulges beyond its capsules: a quarter of the widest blend.
const BULGE: f32 = 0.06;

/// A part with what its distances need.
#[derive(Debug, Clone, Copy)]
pub struct Capsule {
    from: Vector,
    axis: Vector,
    /// 1 / length^2
    per_square: f32,
    radius: f32,
    /// How much the radius grows from one end to the other.
    growth: f32,
    blend: f32,
    /// From its axis to the end of its joints.
    reach: f32,
    /// A sphere around it, joints included.
    center: Vector,
    bound: f32,
}

impl Capsule {
    /// That of a part.
    pub fn of(part: &Part) -> Self {
        let axis = subtract(part.to, part.from);
        let square = dot(axis, axis);
        let widest = part.radius_from.max(part.radius_to);
        Self {
            from: part.from,
            axis,
            per_square: 1.0 / square.max(1e-9),
            radius: part.radius_from,
            growth: part.radius_to - part.radius_from,
            blend: part.blend,
            reach: widest + BULGE,
            center: add(part.from, scaled(axis, 0.5)),
            bound: 0.5 * square.sqrt() + widest + BULGE,
        }
    }

    /// Whether a ray straight down at this point of the picture can meet it.
    pub fn can_meet_down(&self, x: f32, y: f32) -> bool {
        let ([dx, dy, _], px, py) = (self.axis, x - self.from[0], y - self.from[1]);
        let along = ((px * dx + py * dy) / (dx * dx + dy * dy).max(1e-9)).clamp(0.0, 1.0);
        (px - along * dx).powi(2) + (py - along * dy).powi(2) < self.reach * self.reach
    }

    /// Whether it can darken a point: within the widening cone of its soft shadow.
    pub fn can_shade(&self, point: Vector, light: Vector) -> bool {
        let offset = subtract(self.center, point);
        let along = dot(offset, light);
        let reach = self.bound + (along + self.bound).max(0.0) / HARDNESS;
        along > -self.bound && dot(offset, offset) - along * along < reach * reach
    }

    /// Whether any of it can be this near to a point.
    pub fn is_within(&self, point: Vector, reach: f32) -> bool {
        let offset = subtract(self.center, point);
        dot(offset, offset) < (self.bound + reach).powi(2)
    }

    /// The same, but never left out.
    #[cfg(test)]
    pub fn everywhere(self) -> Self {
        Self { reach: 1e6, bound: 1e6, ..self }
    }

    fn distance(&self, point: Vector) -> f32 {
        let offset = subtract(point, self.from);
        let along = (dot(offset, self.axis) * self.per_square).clamp(0.0, 1.0);
        let apart = subtract(offset, scaled(self.axis, along));
        dot(apart, apart).sqrt() - (self.radius + self.growth * along)
    }
}

/// The capsules that matter.
pub fn those(capsules: &[Capsule], matters: impl Fn(&Capsule) -> bool) -> Vec<Capsule> {
    capsules.iter().filter(|capsule| matters(capsule)).copied().collect()
}

/// Distance to the joined capsules, a little short where they blend.
pub fn distance(capsules: &[Capsule], point: Vector) -> f32 {
    capsules.iter().fold(f32::MAX, |so_far, capsule| smooth_minimum(so_far, capsule.distance(point), capsule.blend))
}

/// The polynomial smooth minimum (Inigo Quilez, "smooth minimum", 2013).
fn smooth_minimum(a: f32, b: f32, blend: f32) -> f32 {
    let overlap = (blend - (a - b).abs()).max(0.0);
    if overlap > 0.0 { a.min(b) - overlap * overlap * 0.25 / blend } else { a.min(b) }
}
