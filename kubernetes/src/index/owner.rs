//! Others that scale targets.

use super::event::Key;
use super::target::TargetKey;

/// A HorizontalPodAutoscaler.
#[derive(Debug, Clone, PartialEq)]
pub struct Governing {
    /// Who it is.
    pub key: Key,
    /// What it scales.
    pub target: TargetKey,
    /// `minReplicas`; absent there: 1.
    pub min: u32,
}

/// A ScaledObject of KEDA.
#[derive(Debug, Clone, PartialEq)]
pub struct KedaObject {
    /// Who it is.
    pub key: Key,
    /// What it scales.
    pub target: TargetKey,
    /// It scales nothing for now.
    pub paused: bool,
}
