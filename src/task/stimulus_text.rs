//! The compact text form of a stimulus: `digits`, `digits:n=3,noise=0.1`, `image:boat.png`.

use std::{fmt, str::FromStr};

use serde_json::{Map, Value};

use super::StimulusSpec;
use crate::error::{Error, Result};

/// Settings whose value is text even where it looks like a number.
const TEXTS: [&str; 7] = ["path", "set", "data", "split", "images", "annotations", "attribute"];
/// Settings that hold a path: a part without `=` after one belongs to it.
const PATHS: [&str; 4] = ["path", "data", "images", "annotations"];
/// Settings whose key may be left out where they come first.
const LEADING: [&str; 2] = ["path", "set"];

impl FromStr for StimulusSpec {
    type Err = Error;

    /// `KIND`, `KIND:key=value,key=value`, `image:PATH`, `folder:PATH`, `trials:PATH` or `set:NAME`, the
    /// path or name followed by `,key=value`. Lists are not offered here; a recipe has them.
    fn from_str(text: &str) -> Result<Self> {
        let (kind, settings) = text.split_once(':').unwrap_or((text, ""));
        let kind = kind.trim();
        let mut table = Map::from_iter([("kind".to_owned(), Value::from(kind))]);
        let defaults = Self::default_of(kind)?.table();
        let leading = LEADING.into_iter().find(|key| defaults.contains_key(*key));
        let mut path_key: Option<String> = None;
        for (k, part) in settings.split(',').enumerate().filter(|_| !settings.is_empty()) {
            let pair = part.split_once('=').map(|(key, value)| (key.trim(), value));
            let first = leading.filter(|_| k == 0);
            match (pair.filter(|(key, _)| first.is_none() || defaults.contains_key(*key)), first) {
                (None, Some(key)) => {
                    table.insert(key.to_owned(), part.into());
                    path_key = PATHS.contains(&key).then(|| key.to_owned());
                }
                (None, None) => {
                    // A comma inside a path.
                    let Some(Value::String(path)) = path_key.as_ref().and_then(|key| table.get_mut(key))
                    else {
                        return Err(Error::config(
                            format!("stimulus {text:?}"),
                            "KIND:key=value,key=value",
                            format!("{part:?}"),
                        ));
                    };
                    path.push(',');
                    path.push_str(part);
                }
                (Some((key, value)), _) => {
                    path_key = PATHS.contains(&key).then(|| key.to_owned());
                    let value = if TEXTS.contains(&key) { value.into() } else { scalar(value.trim()) };
                    if table.insert(key.to_owned(), value).is_some() {
                        return Err(Error::config(
                            format!("stimulus {text:?}"),
                            "one value per setting",
                            key,
                        ));
                    }
                }
            }
        }
        Self::from_table(&table)
    }
}

/// A truth value, a number, or else text.
fn scalar(text: &str) -> Value {
    let number = text.parse::<u64>().map(Value::from).or_else(|_| text.parse::<i64>().map(Value::from));
    match (text.parse::<bool>(), number, text.parse::<f64>()) {
        (Ok(truth), _, _) => truth.into(),
        (_, Ok(whole), _) => whole,
        (_, _, Ok(number)) if number.is_finite() => number.into(),
        _ => text.into(),
    }
}

impl fmt::Display for StimulusSpec {
    /// Settings that differ from their defaults; lists are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let defaults = Self::default_of(self.name()).map(|spec| spec.table()).unwrap_or_default();
        let mut separator = ':';
        for (key, value) in self.table() {
            let text = match &value {
                Value::String(text) => text.clone(),
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                _ => continue,
            };
            if defaults.get(&key) == Some(&value) {
                continue;
            }
            let begins_with_key =
                text.split_once('=').is_some_and(|(key, _)| defaults.contains_key(key.trim()));
            match key.as_str() {
                key if LEADING.contains(&key) && !begins_with_key => write!(f, "{separator}{text}")?,
                _ => write!(f, "{separator}{key}={text}")?,
            }
            separator = ',';
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::task::StimulusKind;

    fn parse(text: &str) -> StimulusSpec {
        text.parse().unwrap()
    }

    #[test]
    fn texts_say_what_differs_from_the_defaults() {
        for text in [
            "digits",
            "digits:n=3,noise=0.1",
            "digits:resample=false,data=/data/mnist,split=train",
            "recognition:blank=true,static=true",
            "cue:n_digits=3,mode=train,noise=0.5",
            "image:some folder/a,b.png",
            "image:a=b.png",
            "image:path=fit=b.png",
            "folder:pictures,fit=stretch",
            "set:cifar10,classes=5,data=a/b,c,split=train",
            "set:celeba,fit=crop,attribute=Smiling",
            "trials:some folder/trials.csv",
            "trials",
            "grating:orientation=45.0,sf=0.1,aperture=circle",
            "bars:orientation=27.0",
            "photographs:images=val2017,annotations=a,b.json,strength=0.2",
        ] {
            assert_eq!(parse(text).to_string(), text);
        }
        assert_eq!(parse("grating: orientation = 45 , sf=0.1"), parse("grating:orientation=45.0,sf=0.1"));
        assert!(matches!(parse("image:7.png").kind, StimulusKind::Image(p) if p.path.as_os_str() == "7.png"));
    }

    #[test]
    fn mistakes_name_the_nearest_word() {
        let message = |text: &str| text.parse::<StimulusSpec>().unwrap_err().to_string();
        assert!(message("recogntion").contains("did you mean \"recognition\"?"));
        assert!(message("digits:noize=1").contains("did you mean \"noise\"?"));
        assert!(message("digits:3").contains("KIND:key=value"));
        assert!(message("digits:n=2,n=3").contains("one value per setting"));
        assert!(message("image").contains("path must"));
        assert!(message("set:cifar").contains("cifar10"));
        assert!(message("cue:noise=2").contains("noise must be 0 to 1"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = text.parse::<StimulusSpec>();
            let _ = format!("digits:{text}").parse::<StimulusSpec>();
        }

        #[test]
        fn numbers_survive_the_round_trip(
            n in 1_usize..6, noise in 0.0_f64..1.0, strength in 0.0_f64..1.0, resample: bool,
        ) {
            let pairs = crate::task::digit_pairs::DigitPairs { n, noise, strength, resample };
            let spec = StimulusSpec::from(StimulusKind::Digits(pairs));
            prop_assert_eq!(parse(&spec.to_string()), spec);
        }

        #[test]
        fn paths_survive_the_round_trip(path in "[a-zA-Z0-9 ./,_:-]{1,30}") {
            prop_assume!(!path.starts_with(' ') || !path.trim().is_empty());
            let spec = parse(&format!("folder:{path}"));
            prop_assert_eq!(parse(&spec.to_string()), spec);
        }
    }
}
