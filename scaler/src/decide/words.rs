//! Decisions as sentences.

use std::fmt;
use std::time::Duration;

use super::{Ask, Decision, Rule, TargetOf};

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.replicas == 1 { "" } else { "s" };
        write!(f, "{} replica{s}: ", self.replicas)?;
        match &self.rule {
            Rule::Idle { idle } => write!(f, "no demand for {}", Seconds(*idle))?,
            Rule::Asleep => return write!(f, "no demand, asleep"),
            rule => {
                write!(f, "{}; ", self.ask)?;
                self.bound(rule, f)?;
            }
        }
        if self.was != self.replicas {
            write!(f, "; was {}", self.was)?;
        }
        if self.replicas > self.was && self.was > 0 && self.rule == Rule::Demand {
            f.write_str("; scale-up rate not reached")?;
        }
        Ok(())
    }
}

impl Decision {
    fn bound(&self, rule: &Rule, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match rule {
            Rule::Demand | Rule::Idle { .. } | Rule::Asleep => write!(f, "max {}", self.max),
            Rule::Initial { initial } => write!(
                f,
                "replicas.initial {initial}, for it is seen for the first time"
            ),
            Rule::Tried => f.write_str("it was only tried whether it comes up"),
            Rule::Min { min } => write!(f, "min {min}"),
            Rule::Max { max } => write!(f, "no more than max {max}"),
            Rule::LeastAwake { least } => write!(f, "at least {least} while awake"),
            Rule::UpRate { rate } => write!(
                f,
                "no more than {} times the {} ready at once (maxScaleUpRate)",
                Number(*rate),
                self.ready.max(1)
            ),
            Rule::DownRate { rate } => write!(
                f,
                "no fewer than the ready ones by {} in a step (maxScaleDownRate)",
                Number(*rate)
            ),
            Rule::Panic { ago, window } => write!(
                f,
                "kept, for a burst was seen {} ago and nothing goes down for {} after one",
                Seconds(*ago),
                Seconds(*window)
            ),
            Rule::Chance { share } => write!(
                f,
                "more, for {} of 100 requests would find the limit reached",
                Number((share * 100.0).round())
            ),
            Rule::Remembered { window } => write!(
                f,
                "one more stays, for it was needed in the last {}",
                Seconds(*window)
            ),
            Rule::Delay { delay } => write!(
                f,
                "more was wanted in the last {} (scaleDownDelay)",
                Seconds(*delay)
            ),
            Rule::StableWindow { window } => write!(
                f,
                "kept until every proxy was heard for {}",
                Seconds(*window)
            ),
            Rule::Short { ago } => write!(
                f,
                "kept, for requests wait and fewer than {} were ready for {} ({} now)",
                self.was,
                Seconds(*ago),
                self.ready
            ),
            Rule::Works => f.write_str("kept, for there is work (scaleIn: whenIdle)"),
            Rule::Lately { window } => {
                write!(f, "so many were asked for in the last {}", Seconds(*window))
            }
            Rule::UnknownTrigger { trigger } => {
                write!(f, "kept, for {trigger} is not known")
            }
            Rule::MissingData { members: 0, .. } => f.write_str("kept, for no proxy is connected"),
            Rule::MissingData { missing, members } => {
                write!(f, "kept, for {missing} of {members} proxies are silent")
            }
        }
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Nothing => f.write_str("no demand"),
            Self::Something => f.write_str("some demand"),
            Self::Current {
                amount,
                target,
                replicas,
            } => {
                let (amount, target) = (Number(amount), Number(target));
                write!(
                    f,
                    "{amount} in flight and held / target {target} = {replicas}"
                )
            }
            Self::Expected {
                load,
                pile,
                within,
                target,
                replicas,
            } => {
                write!(f, "{} in flight expected", Number(load))?;
                if pile >= 0.005 {
                    let (pile, within) = (Number(pile), Number(within));
                    write!(f, " and {pile} to work off within {within} s what waits")?;
                }
                write!(f, " / target {} = {replicas}", Number(target))
            }
            Self::Average {
                amount,
                discounted,
                target,
                over,
                replicas,
            } => {
                let (amount, over, target) = (Number(amount), Number(over), Number(target));
                write!(
                    f,
                    "{amount} in flight{} over {over} s / target {target} = {replicas}",
                    Discounted(discounted)
                )
            }
            Self::Rate {
                amount,
                target,
                over,
                replicas,
            } => {
                let (amount, over, target) = (Number(amount), Number(over), Number(target));
                write!(
                    f,
                    "{amount} requests/s over {over} s / target {target} = {replicas}"
                )
            }
            Self::Trigger {
                ref trigger,
                amount,
                target,
                of,
                replicas,
            } => {
                let (amount, target) = (Number(amount), Number(target));
                match of {
                    TargetOf::Each => {
                        write!(f, "{amount} by {trigger} / target {target} = {replicas}")
                    }
                    TargetOf::Used { count } => write!(
                        f,
                        "{amount} by {trigger} / target {target}, of {count} = {replicas}"
                    ),
                    TargetOf::Total { ready } => write!(
                        f,
                        "{amount} by {trigger} / target {target} for all, with {ready} ready = {replicas}"
                    ),
                }
            }
            Self::Schedule {
                ref trigger,
                ahead,
                replicas,
            } => {
                let when = if ahead { ", started ahead" } else { "" };
                write!(f, "{replicas} by {trigger}{when}")
            }
            Self::Needed { ref by } => write!(f, "needed by {by}"),
            Self::Unverified { ref revision } => {
                write!(f, "to see whether revision {revision} comes up")
            }
            Self::Fallback {
                ref trigger,
                ref why,
                replicas,
            } => write!(f, "{trigger} is not known ({why}), fallback {replicas}"),
        }
    }
}

/// Held requests that don't count.
struct Discounted(f64);

impl fmt::Display for Discounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0.005 {
            return Ok(());
        }
        let amount = Number(self.0);
        write!(
            f,
            " ({amount} more held will be worked off before another could start)"
        )
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", Number(self.0.as_secs_f64()))
    }
}

/// At most two places behind the point.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", (self.0 * 100.0).round() / 100.0)
    }
}
