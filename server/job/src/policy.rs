//! Policies for samples that give no pixels: undecodable ones, and ones that a daemon cannot read.

use std::{fmt, str::FromStr};

/// What happens to an undecodable sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BadSample {
    /// The next decodable sample in index order takes its place, with its own label and the row's draws.
    #[default]
    Substitute,
    /// Its row is zeros and its label -1.
    Zero,
    /// The batch fails, naming the sample.
    Fail,
}

impl fmt::Display for BadSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Substitute => "substitute",
            Self::Zero => "zero",
            Self::Fail => "fail",
        })
    }
}

impl FromStr for BadSample {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "substitute" => Ok(Self::Substitute),
            "zero" => Ok(Self::Zero),
            "fail" => Ok(Self::Fail),
            other => Err(format!("unknown bad-sample policy '{other}': use substitute, zero or fail")),
        }
    }
}

/// The fate of a sample that a daemon cannot read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unreadable {
    /// The batch fails, naming the sample; another daemon, or the same one later, may make it.
    #[default]
    Fail,
    /// The next sample in index order that can be read and decoded takes its place, with its own label and the row's
    /// draws. Bytes then depend on what a daemon could read.
    Substitute,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fail => "fail",
            Self::Substitute => "substitute",
        })
    }
}

impl FromStr for Unreadable {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "fail" => Ok(Self::Fail),
            "substitute" => Ok(Self::Substitute),
            other => Err(format!("unknown unreadable-sample policy '{other}': use fail or substitute")),
        }
    }
}
