//! The hand as capsules: palm, forearm, four fingers of three bones, a thumb of two.

use std::f32::consts::{FRAC_PI_2, TAU};

use super::random::Random;
use super::vector::{Vector, add, scaled, turned};

/// What the hand shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gesture {
    /// An open hand.
    Paper,
    /// A fist.
    Rock,
    /// Index and middle finger.
    Scissors,
}

/// A capsule whose radius changes from one end to the other.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    pub from: Vector,
    pub to: Vector,
    pub radius_from: f32,
    pub radius_to: f32,
    /// How softly it joins what came before it.
    pub blend: f32,
}

/// Index, middle, ring and little finger: place of the knuckle across the palm, length, radius.
const FINGERS: [(f32, f32, f32, f32); 4] =
    [(0.31, 0.43, 0.86, 0.118), (0.105, 0.48, 0.96, 0.122), (-0.105, 0.45, 0.88, 0.115), (-0.30, 0.37, 0.68, 0.1)];
/// Share of each bone in a finger's length.
const BONES: [f32; 3] = [0.46, 0.31, 0.23];

/// A posed thumb.
#[derive(Debug)]
enum Thumb {
    /// Away from the palm by an angle in radians.
    Spread(f32),
    /// Across the folded fingers.
    Folded { middle: Vector, tip: Vector },
}

/// A posed hand.
#[derive(Debug)]
pub struct Hand {
    /// Of each finger: spread to the side, and bend at each of its joints, in radians.
    fingers: [(f32, f32); 4],
    thumb: Thumb,
    is_left: bool,
    tilt: [f32; 2],
    heading: f32,
    middle: f32,
    scale: f32,
    shift: [f32; 2],
}

impl Hand {
    /// A random pose of a gesture.
    pub fn random(gesture: Gesture, random: &mut Random) -> Self {
        let mut around = |center: f32, spread: f32| random.between(center - spread, center + spread);
        let fist = 1.62;
        let spread = around(0.12, 0.07);
        let fingers = match gesture {
            Gesture::Paper => [1.0, 0.3, -0.35, -1.1].map(|side| (side * spread + around(0.0, 0.02), around(0.1, 0.1))),
            Gesture::Rock => [0.3, 0.1, -0.1, -0.3].map(|side| (side * 0.1, around(fist, 0.05))),
            Gesture::Scissors => {
                let open = around(0.2, 0.07);
                let straight = [(open, around(0.06, 0.06)), (-open, around(0.06, 0.06))];
                [straight[0], straight[1], (-0.02, around(fist, 0.05)), (-0.05, around(fist, 0.05))]
            }
        };
        Self {
            fingers,
            thumb: match gesture {
                Gesture::Paper => Thumb::Spread(around(0.75, 0.2)),
                Gesture::Rock => Thumb::Folded { middle: [0.5, 0.02, 0.42], tip: [around(0.02, 0.06), 0.14, 0.62] },
                Gesture::Scissors => Thumb::Folded { middle: [0.46, 0.06, 0.3], tip: [around(0.06, 0.05), 0.2, 0.5] },
            },
            is_left: around(0.0, 1.0) < 0.0,
            tilt: [around(0.0, 0.22), around(0.0, 0.3)],
            heading: (around(0.0, 0.5) * 4.0).round() * FRAC_PI_2 + around(0.0, 0.35),
            middle: if gesture == Gesture::Rock { 0.05 } else { 0.3 },
            scale: around(if gesture == Gesture::Rock { 0.95 } else { 0.83 }, 0.09),
            shift: [around(0.0, 0.07), around(0.0, 0.07)],
        }
    }

    /// Its capsules, as seen: x to the right, y up, z toward the viewer, the picture from -1.3 to 1.3.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = vec![
            part([0.0, -2.9, -0.02], [0.0, -0.62, 0.0], 0.36, 0.27, 0.0),
            part([-0.24, -0.42, 0.0], [-0.27, 0.24, 0.0], 0.19, 0.17, 0.2),
            part([0.0, -0.45, 0.0], [0.0, 0.3, 0.0], 0.2, 0.18, 0.12),
            part([0.2, -0.4, 0.0], [0.26, 0.28, 0.0], 0.19, 0.17, 0.12),
        ];
        for (finger, pose) in FINGERS.iter().zip(self.fingers) {
            self.finger(&mut parts, *finger, pose);
        }
        self.thumb(&mut parts);
        parts
            .iter()
            .map(|part| Part { from: self.placed(part.from), to: self.placed(part.to), ..self.resized(*part) })
            .collect()
    }

    fn finger(&self, parts: &mut Vec<Part>, (x, y, length, radius): (f32, f32, f32, f32), (spread, bend): (f32, f32)) {
        let mut joint = [x, y - 0.1, 0.02];
        let mut angle = 0.0;
        for (bone, share) in BONES.iter().enumerate() {
            angle += if bone == 0 { bend * 0.92 } else { bend };
            let along = turned(turned([0.0, share * length, 0.0], 0, angle), 2, -spread);
            let end = add(joint, along);
            let taper = |bone: usize| radius * (1.0 - 0.07 * bone as f32);
            let blend = if bone == 0 { 0.07 } else { 0.02 };
            parts.push(part(joint, end, taper(bone), taper(bone + 1), blend));
            joint = end;
        }
    }

    fn thumb(&self, parts: &mut Vec<Part>) {
        let root = [0.26, -0.34, 0.08];
        let (middle, tip) = match self.thumb {
            Thumb::Folded { middle, tip } => (middle, tip),
            Thumb::Spread(spread) => {
                let direction = |angle: f32| turned([0.0, 1.0, 0.0], 2, -angle);
                let middle = add(root, scaled(direction(spread + 0.2), 0.5));
                (middle, add(middle, scaled(direction(spread - 0.1), 0.42)))
            }
        };
        parts.push(part(root, middle, 0.18, 0.135, 0.12));
        parts.push(part(middle, tip, 0.13, 0.105, 0.03));
    }

    fn placed(&self, point: Vector) -> Vector {
        let mirrored = if self.is_left { [-point[0], point[1], point[2]] } else { point };
        // The middle of the hand, not of the palm, lies in the middle of the picture.
        let centered = add(mirrored, [0.0, -self.middle, 0.0]);
        let tilted = turned(turned(centered, 0, self.tilt[0]), 1, self.tilt[1]);
        let headed = turned(tilted, 2, self.heading.rem_euclid(TAU));
        add(scaled(headed, self.scale), [self.shift[0], self.shift[1], 0.0])
    }

    fn resized(&self, part: Part) -> Part {
        let (radius_from, radius_to, blend) = (part.radius_from, part.radius_to, part.blend);
        Part {
            radius_from: radius_from * self.scale,
            radius_to: radius_to * self.scale,
            blend: blend * self.scale,
            ..part
        }
    }
}

fn part(from: Vector, to: Vector, radius_from: f32, radius_to: f32, blend: f32) -> Part {
    Part { from, to, radius_from, radius_to, blend }
}

#[cfg(test)]
mod tests {
    use super::super::render::REACH;
    use super::*;

    const GESTURES: [Gesture; 3] = [Gesture::Paper, Gesture::Rock, Gesture::Scissors];

    fn hands(gesture: Gesture) -> impl Iterator<Item = Vec<Part>> {
        (0..400).map(move |picture| Hand::random(gesture, &mut Random::new(11, picture)).parts())
    }

    #[test]
    fn only_the_forearm_leaves_the_picture() {
        for gesture in GESTURES {
            for (index, parts) in hands(gesture).enumerate() {
                let [forearm, hand @ ..] = &parts[..] else { panic!("a forearm and a hand") };
                let farthest = |end: Vector, radius: f32| end[0].abs().max(end[1].abs()) + radius;
                for part in hand {
                    let far = farthest(part.from, part.radius_from).max(farthest(part.to, part.radius_to));
                    assert!(far < REACH, "{gesture:?} {index}: {part:?}");
                }
                assert!(farthest(forearm.from, 0.0) > REACH, "{gesture:?} {index}: a stump");
            }
        }
    }

    #[test]
    fn a_gesture_is_the_number_of_fingers_that_reach_out() {
        for (gesture, expected) in [(Gesture::Paper, 4), (Gesture::Rock, 0), (Gesture::Scissors, 2)] {
            for parts in hands(gesture) {
                let bones = &parts[4..16];
                let length = |from: Vector, to: Vector| {
                    let apart = add(to, scaled(from, -1.0));
                    apart.iter().map(|value| value * value).sum::<f32>().sqrt()
                };
                let is_out = |finger: &&[Part]| {
                    let whole: f32 = finger.iter().map(|bone| length(bone.from, bone.to)).sum();
                    length(finger[0].from, finger[2].to) > 0.8 * whole
                };
                assert_eq!(bones.chunks_exact(3).filter(is_out).count(), expected, "{gesture:?}");
            }
        }
    }
}
