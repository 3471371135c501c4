/// Mistakes that the simulation can make on purpose, where it stands between the real parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A permit that is given counts twice.
    PermitsAreDoubled,
    /// A connection's end is taken for the proxy's death.
    SilenceIsDeath,
    /// A proxy that has requests says that it has none.
    BusyIsQuiet,
    /// A scaler is not told that it leads no longer, and nothing is given up.
    DeafToItsEnd,
    /// A scaler does not know which proxies' Pods are alive.
    HostsAreUnknown,
    /// The leader's word that an attempt to sleep is off is lost.
    ResumesAreLost,
}
