//! `--set KEY=VALUE`: one number of a run's options changed by hand.

use model_spec::architecture::Opponent;
use serde_json::Value;

use crate::error::TrainError;
use crate::settings::Settings;

/// Parts of options.json that may be changed.
const PARTS: [&str; 2] = ["method", "architecture"];
/// What the reference's step has no use for.
const ONLY_PAIRED: [&str; 3] = ["method.augment", "method.label_weight", "method.penalty"];

/// The settings with `method.penalty=1` or the like applied. The value is JSON, or else text.
///
/// # Errors
/// No such key (the message lists the keys beside it), or a value that doesn't fit it.
pub fn applied(settings: &Settings, change: &str) -> Result<Settings, TrainError> {
    let bad = |problem: String| TrainError::Options(format!("--set {change}: {problem}"));
    let (key, value) = change.split_once('=').ok_or_else(|| bad("expected KEY=VALUE".to_owned()))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    let mut options = written(settings);
    *place(&mut options, key).map_err(bad)? = value;
    let changed: Settings = serde_json::from_value(options).map_err(|error| bad(error.to_string()))?;
    let (expected, found) = (changed.recipe.opponent(), changed.architecture.discriminator);
    if found != expected {
        let recipe = changed.recipe.name();
        return Err(bad(format!("expected {expected:?}, the discriminator of --recipe {recipe}, found {found:?}")));
    }
    let ignores = changed.architecture.discriminator == Opponent::Concatenation;
    if let Some(part) = ONLY_PAIRED.iter().find(|part| ignores && key.starts_with(**part)) {
        return Err(bad(format!("expected a recipe with pairs of pictures, which alone has {part}")));
    }
    Ok(changed)
}

/// `method.penalty=0.5` as the settings have it, and as it would be once the change is applied.
///
/// # Errors
/// Those of [`applied`].
pub fn standing(settings: &Settings, change: &str) -> Result<(String, String), TrainError> {
    let changed = applied(settings, change)?;
    let key = change.split_once('=').map_or(change, |(key, _)| key);
    let at_key = |settings: &Settings| {
        let mut options = written(settings);
        place(&mut options, key).map_or_else(|_| key.to_owned(), |value| format!("{key}={value}"))
    };
    Ok((at_key(settings), at_key(&changed)))
}

/// As in options.json, with what is left out there where it is usual.
fn written(settings: &Settings) -> Value {
    let mut options = serde_json::to_value(settings).expect("plain data always serializes");
    options["architecture"]["doubling"] =
        serde_json::to_value(settings.architecture.doubling).expect("plain data always serializes");
    options
}

/// The value of a key, or which keys there are.
fn place<'a>(options: &'a mut Value, key: &str) -> Result<&'a mut Value, String> {
    let mut place = options;
    for (depth, part) in key.split('.').enumerate() {
        let known: Vec<String> = match &*place {
            Value::Object(fields) => {
                fields.keys().filter(|name| depth > 0 || PARTS.contains(&name.as_str())).cloned().collect()
            }
            _ => Vec::new(),
        };
        if !known.iter().any(|name| name == part) {
            return Err(format!("expected one of {}; found {part:?}", known.join(", ")));
        }
        place = &mut place[part];
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use model_spec::architecture::Doubling;

    use super::*;
    use crate::recipe::{Preset, Recipe};

    fn settings() -> Settings {
        let recipe = Recipe::Paired;
        Settings::of_recipe(recipe, recipe.architecture(Preset::Small, 64, 3).expect("valid"))
    }

    #[test]
    fn numbers_of_method_and_architecture_can_be_changed() {
        let changed = applied(&settings(), "method.penalty=2").expect("a number");
        assert_eq!(changed.method.penalty, 2.0);
        let changed = applied(&changed, "architecture.widths=[8,8,4]").expect("numbers");
        assert_eq!((changed.architecture.widths, changed.method.penalty), (vec![8, 8, 4], 2.0));
        let changed = applied(&settings(), "architecture.doubling=upsampled").expect("a name");
        assert_eq!(changed.architecture.doubling, Doubling::Upsampled);
        let (before, after) = standing(&changed, "architecture.doubling=transposed").expect("a name");
        let expected = ["upsampled", "transposed"].map(|name| format!("architecture.doubling=\"{name}\""));
        assert_eq!([before, after], expected);
        let changed = applied(&settings(), "method.augment.cutout=0.5").expect("a number");
        assert_eq!(changed.method.augment.cutout, 0.5);
    }

    #[test]
    fn what_can_not_be_changed_is_named_with_what_can() {
        struct Case(&'static str, &'static str);
        let cases = [
            Case("method.penalties=2", "expected one of augment, augment_kimg, augment_start, average_kimg, betas"),
            Case("seed=2", "expected one of architecture, method; found \"seed\""),
            Case("method.penalty", "expected KEY=VALUE"),
            Case("method.penalty=high", "expected f64"),
            Case("method.penalty.much=1", "found \"much\""),
            Case("method=1", "expected struct Method"),
            Case(
                "architecture.discriminator=concatenation",
                "expected Projection, the discriminator of --recipe paired",
            ),
        ];
        for Case(change, expected) in cases {
            let message = applied(&settings(), change).expect_err(change).to_string();
            assert!(message.contains(expected) && message.contains(change), "{change}: {message}");
        }
        let recipe = Recipe::Reference;
        let reference = Settings::of_recipe(recipe, recipe.architecture(Preset::Small, 64, 3).expect("valid"));
        assert!(applied(&reference, "method.label_deviation=2").is_ok());
        for change in ["method.augment.color=1", "method.label_weight=1", "method.penalty=1", "method.penalty_every=2"]
        {
            let message = applied(&reference, change).expect_err(change).to_string();
            assert!(message.contains("expected a recipe with pairs of pictures"), "{message}");
        }
    }
}
