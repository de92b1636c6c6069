//! Which timesteps are kept, as text: `all`, `last`, `0,5,10..20`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Timesteps of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Steps {
    All,
    #[default]
    Last,
    /// First and last of each stretch, both inside; in the order given.
    Listed(Vec<(usize, usize)>),
}

impl Steps {
    /// The timesteps below `n` that are meant, each once and in order.
    ///
    /// # Errors
    /// [`Error::Config`] for one beyond the end.
    pub fn of(&self, n: usize) -> Result<Vec<usize>> {
        match self {
            Self::All => Ok((0..n).collect()),
            Self::Last => Ok(n.checked_sub(1).into_iter().collect()),
            Self::Listed(stretches) => {
                if let Some((_, last)) = stretches.iter().find(|(_, last)| *last >= n) {
                    let requirement = format!("below {n}, the timesteps of the run");
                    return Err(Error::config("steps", requirement, last));
                }
                let is_meant = |t: &usize| stretches.iter().any(|(first, last)| (first..=last).contains(&t));
                Ok((0..n).filter(is_meant).collect())
            }
        }
    }
}

impl FromStr for Steps {
    type Err = Error;

    /// `all`, `last`, or numbers and stretches `FROM..TO` (without TO) with commas between.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |part: &str| {
            Error::config("steps", "all, last, or timesteps such as 0,5,10..20", format!("{part:?}"))
        };
        match text.trim() {
            "all" => return Ok(Self::All),
            "last" => return Ok(Self::Last),
            _ => {}
        }
        let stretch = |part: &str| {
            let number = |text: &str| text.trim().parse::<usize>().map_err(|_not| wrong(part));
            match part.split_once("..") {
                Some((from, to)) => {
                    let (from, to) = (number(from)?, number(to)?);
                    if to > from { Ok((from, to - 1)) } else { Err(wrong(part)) }
                }
                None => number(part).map(|t| (t, t)),
            }
        };
        text.split(',').map(stretch).collect::<Result<Vec<_>>>().map(Self::Listed)
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Last => f.write_str("last"),
            Self::Listed(stretches) => {
                let text = stretches.iter().map(|&(first, last)| match first == last {
                    true => first.to_string(),
                    false => format!("{first}..{}", last + 1),
                });
                f.write_str(&text.collect::<Vec<_>>().join(","))
            }
        }
    }
}

impl TryFrom<String> for Steps {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Steps> for String {
    fn from(steps: Steps) -> Self {
        steps.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timesteps_are_listed_once_and_in_order() {
        let of = |text: &str, n| text.parse::<Steps>().unwrap().of(n).unwrap();
        assert_eq!((of("all", 3), of("last", 3)), (vec![0, 1, 2], vec![2]));
        assert_eq!(of("5,0,3..6", 7), [0, 3, 4, 5]);
        for text in ["all", "last", "5,0,3..6"] {
            assert_eq!(text.parse::<Steps>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_timestep_is_refused() {
        for text in ["", "x", "3..3", "1,,2", "-1"] {
            assert!(text.parse::<Steps>().unwrap_err().to_string().contains("steps must be"), "{text}");
        }
        let message = "2..9".parse::<Steps>().unwrap().of(8).unwrap_err().to_string();
        assert!(message.contains("below 8") && message.contains("found 8"), "{message}");
    }
}
