use std::process::ExitCode;

use rouse_api::load::Problem;

use crate::files::Unreadable;

/// Why a command ended without success. Its text is what the user reads.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Something at run time, e.g. an address in use.
    #[error("{0}")]
    Failed(String),
    /// A wrong invocation that the flags' parser could not see.
    #[error("{0}")]
    Usage(String),
    /// The files can't be used.
    #[error("{0}")]
    Files(#[from] BadFiles),
    /// It did what could be done, and has told what is left.
    #[error("")]
    Incomplete,
}

impl Error {
    /// 1 for what happened at run time, 2 for bad input, 3 for what is left to do.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Failed(_) => ExitCode::from(1),
            Self::Usage(_) | Self::Files(_) => ExitCode::from(2),
            Self::Incomplete => ExitCode::from(3),
        }
    }
}

/// All that is wrong in a set of files.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum BadFiles {
    /// Some could not be read.
    #[error("{}", listed(.0))]
    Unreadable(Vec<Unreadable>),
    /// All were read, and some are wrong.
    #[error("{}", listed(.0))]
    Problems(Vec<Problem>),
}

impl BadFiles {
    /// Each on its own.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::Unreadable(all) => all.iter().map(ToString::to_string).collect(),
            Self::Problems(all) => all.iter().map(ToString::to_string).collect(),
        }
    }
}

/// One a line, with their count behind them.
fn listed(all: &[impl ToString]) -> String {
    let mut text: String = all
        .iter()
        .map(|one| format!("{}\n", one.to_string()))
        .collect();
    let plural = if all.len() == 1 { "" } else { "s" };
    text.push_str(&format!("{} problem{plural}", all.len()));
    text
}
